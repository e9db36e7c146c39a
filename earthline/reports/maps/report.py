"""The map's report: one HTML page with the map, what it is made from, and how far it can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ee
import numpy as np

from earthline.config import Data, Region
from earthline.earth_engine import imagery
from earthline.formats.evaluations import Evaluation
from earthline.formats.manifest import Manifest
from earthline.grid import Grid
from earthline.outlines import on_grid
from earthline.reports import pictures
from earthline.reports.maps import raster, scene
from earthline.reports.page import render
from earthline.task import Task

PICTURE_PIXELS = 700
"""Most pixels a side of the report's pictures."""


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Attributes:
        name: Of the workflow.
        data: The config's section.
        grid: Of the map.
        task: What the map tells.
        predicted: How the map was made, in a sentence.
        rows: Further lines of the section of sources and settings, by name.
        preview_of: Share of the region that the map shows, where it is a preview of a model that was not deployed.
        region: `predict.region`; None for the section's own.
    """

    name: str
    data: Data
    grid: Grid
    task: Task
    predicted: str
    rows: Mapping[str, str] = field(default_factory=dict)
    preview_of: float | None = None
    region: Region | None = None


def write(
    path: Path,
    subject: Subject,
    map: Path,
    mapped: Mapping[str, Any],
    manifest: Manifest,
    evaluation: Evaluation,
    curves: Path,
) -> None:
    """Writes the report.

    Args:
        path: HTML file to write.
        subject: What it is about.
        map: The GeoTIFF.
        mapped: What the map shows, for the task's macro `mapped`.
        manifest: Of the examples.
        evaluation: Of the model.
        curves: PNG of the learning curves; left out of the report where it is not there.
    """
    grid, task = subject.grid, subject.task
    image = scene.imagery_picture(subject.data, grid, PICTURE_PIXELS, subject.region)
    labels = scene.label_picture(subject.data, grid, task, PICTURE_PIXELS, subject.region)
    prediction = raster.picture(map, task, PICTURE_PIXELS)
    outline = imagery.in_pixels(subject.data, grid, subject.region)
    page = render(
        Path(__file__).with_name("map.html.j2"),
        {
            "subject": subject,
            "grid": grid,
            "data": subject.data,
            "evaluation": evaluation,
            "legend": task.legend,
            "mapped": mapped,
            "outside": 0 if outline is None else on_grid.pixels_outside(outline, grid),
            "judged": task.shown(evaluation),
            "manifest": manifest,
            "image": _uri(image, grid),
            "labels": _uri(labels, grid),
            "prediction": _uri(prediction, grid),
            "curves": pictures.png_uri(curves.read_bytes()) if curves.exists() else "",
            "client": ee.__version__,
        },
        task.template,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _uri(picture: np.ndarray[Any, Any] | None, grid: Grid) -> str:
    return "" if picture is None else pictures.data_uri(pictures.north_up(picture, grid)[0])
