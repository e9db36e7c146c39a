"""Writes the map tile by tile."""

from earthline.config.step import Output, Step

STEP = Step(
    cached=False,
    outputs=(
        Output("map", shown={"map.tif": "map", "map.png": "picture"}),
        Output("report", file="report.html", shown={"report.html": "report"}),
    ),
)
