"""Reads every example."""

from earthline.config.step import Output, Step

STEP = Step(
    outputs=(
        Output("report", file="validation.html", shown={"validation.html": "validation"}),
        Output("statistics", shown={"schema.yaml": "schema", "suspicious_labels.geojson": "doubts"}),
    )
)
