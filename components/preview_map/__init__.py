"""Predicts a rejected model's map on its own processors, without an endpoint."""

from earthline.config.step import Output, Step

STEP = Step(
    outputs=(
        Output("preview", shown={"preview.tif": "preview", "preview.png": "picture", "preview_card.md": "card"}),
        Output("report", file="report.html", shown={"report.html": "report"}),
    ),
)
