"""Writes the map tile by tile."""

from earthline.config.step import Output, Step

STEP = Step(
    cached=False,
    outputs=(
        Output(
            "map", shown={"map.tif": "map", "map.png": "picture", "map_card.md": "card", "confidence.tif": "confidence"}
        ),
        Output("report", file="report.html", shown={"report.html": "report"}),
    ),
)
