"""The report: findings on top, then labels, bands, places, drift and doubtful labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape as geometry

from components.validate_examples.label_noise import Doubts
from components.validate_examples.statistics.mosaic import Mosaic
from components.validate_examples.statistics.sketches import Sketch, Sketches
from components.validate_examples.statistics.split import SplitStatistics
from earthline.drift import MAJOR_PSI, MODERATE_PSI
from earthline.formats.manifest import Manifest
from earthline.grid import Grid
from earthline.reports import pictures, splits
from earthline.reports.page import render as fill
from earthline.task import Task
from earthline.task.maps import MISSING_COLOR

Array = np.ndarray[Any, Any]

BINS = 40
"""Bins of a histogram in the report."""
ENDS = (0.001, 0.999)
"""Quantiles at which histograms end: one odd pixel must not squeeze all others into one bin."""
WIDTH, HEIGHT = 260, 84
"""Size of a histogram's drawing, in the units of its view box."""
_SPOT = (214, 39, 40)
"""Colour of suspicious labels on the map, RGB."""


def render(
    manifest: Manifest,
    described: Mapping[str, Any],
    statistics: Mapping[str, SplitStatistics],
    sketches: Sketches,
    doubts: Doubts,
    of_examples: Task,
    of_config: Task,
    has_schema: bool,
) -> str:
    """The page's text.

    Args:
        manifest: The dataset's.
        described: What `statistics.json` holds.
        statistics: By split.
        sketches: Of all splits.
        doubts: Suspicious labels.
        of_examples: The task of the examples.
        of_config: The config's, which has the colours.
        has_schema: Whether the examples were compared with a schema.
    """
    shown = {split: [patch for *_, patch in of_split.shown] for split, of_split in statistics.items()}
    return fill(
        Path(__file__).with_name("examples.html.j2"),
        {
            "manifest": manifest,
            "statistics": described,
            "legend": of_config.legend,
            "strata": of_examples.strata,
            "stratum_word": of_examples.stratum_word,
            "pictures": _pictures(shown, manifest, of_config),
            "histograms": _histograms(manifest, statistics, sketches),
            "colors": {split: splits.COLORS[split] for split in statistics},
            "map": _map(manifest, statistics, doubts),
            "has_schema": has_schema,
            "limits": {"moderate": MODERATE_PSI, "major": MAJOR_PSI},
            "drawing": {"width": WIDTH, "height": HEIGHT},
        },
        of_config.template,
    )


def _histograms(
    manifest: Manifest, statistics: Mapping[str, SplitStatistics], sketches: Sketches
) -> dict[str, dict[str, Any]]:
    """By band the ends of its axis, and a line for each split as an SVG path."""
    drawn = {}
    for index, band in enumerate(manifest.bands):
        low, high = sketches.band(index).quantiles(np.array(ENDS)).tolist()
        if not low < high:
            continue
        edges = np.linspace(low, high, BINS + 1)
        if np.dtype(manifest.data_type).kind in "iu" and high - low <= BINS:
            # Each whole number has a bin of its own.
            edges = np.arange(low - 0.5, high + 1)
        shares = {split: _shares(of_split.sketches.band(index), edges) for split, of_split in statistics.items()}
        top = max((float(of_split.max()) for of_split in shares.values()), default=0.0)
        if top > 0:
            drawn[band] = {
                "low": low,
                "high": high,
                "paths": {split: _path(of_split / top) for split, of_split in shares.items()},
            }
    return drawn


def _shares(sketch: Sketch, edges: Array) -> Array:
    counts = sketch.counts_between(edges)[1:-1]
    return np.asarray(counts / max(1, sketch.total))


def _path(heights: Array) -> str:
    """Steps over bins of one width: heights are shares of the drawing's."""
    width, points = WIDTH / len(heights), []
    for place, height in enumerate(heights.tolist()):
        y = f"{HEIGHT - 2 - height * (HEIGHT - 6):.1f}"
        points += [f"{place * width:.1f},{y}", f"{(place + 1) * width:.1f},{y}"]
    return "M" + "L".join(points)


def _map(manifest: Manifest, statistics: Mapping[str, SplitStatistics], doubts: Doubts) -> str:
    """Patches by split over what they show, with suspicious labels as red dots; empty without places."""
    mosaics = [of_split.mosaic for of_split in statistics.values() if of_split.mosaic is not None]
    if not mosaics:
        return ""
    whole: Mosaic = mosaics[0]
    for each in mosaics[1:]:
        whole += each
    seen: Array = np.asarray(np.isfinite(whole.values).all(axis=-1))
    drawn = np.full((*seen.shape, 3), MISSING_COLOR, np.uint8)
    if seen.any():
        drawn[seen] = pictures.brightness(whole.values, *pictures.stretch(whole.values, seen))[seen]
    areas = {split: geometry(manifest.split_areas[split]) for split in statistics if split in manifest.split_areas}
    corners = {
        split: [(int(row), int(column)) for row, column in of_split.sightings.corner]
        for split, of_split in statistics.items()
    }
    if not areas:
        areas = {split: _boxes(corners[split], manifest.patch_shape) for split in statistics}
    picture = splits.picture(drawn, areas, (), corners, manifest.patch_shape, whole.step)
    side = whole.step * len(drawn) / len(picture)
    for row, column in zip((doubts.row / side).astype(int), (doubts.column / side).astype(int), strict=True):
        picture[max(0, row - 1) : row + 1, max(0, column - 1) : column + 1] = _SPOT
    return pictures.data_uri(pictures.north_up(picture, Grid.from_json(manifest.grid))[0])


def _boxes(corners: list[tuple[int, int]], shape: tuple[int, int]) -> Any:
    boxes = [shapely.box(column, row, column + shape[1], row + shape[0]) for row, column in corners]
    return shapely.union_all(boxes)


def _pictures(shown: Mapping[str, list[Any]], manifest: Manifest, task: Task) -> dict[str, list[dict[str, str]]]:
    """By split, the patches as `data:` URIs of image and label, all with one stretch."""
    every = [patch for patches_of_split in shown.values() for patch in patches_of_split]
    if not every:
        return {}
    limits = pictures.stretch(np.stack([patch.image for patch in every]), np.stack([patch.valid for patch in every]))
    return {
        split: [
            {
                "image": pictures.data_uri(pictures.composite(patch.image, manifest.bands, limits)),
                "label": pictures.data_uri(task.colors_of(patch.label)),
                "place": f"row {patch.row}, column {patch.column}",
            }
            for patch in patches_of_split
        ]
        for split, patches_of_split in shown.items()
    }
