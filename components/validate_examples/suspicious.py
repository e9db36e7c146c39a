"""What is told of doubtful labels: a line, tables, and places to open in QGIS."""

import csv
import io
import json
from typing import Any

import numpy as np
from pyproj import Transformer

from components.validate_examples.findings import Findings
from components.validate_examples.label_noise import Doubts
from earthline.formats.manifest import Manifest
from earthline.grid import Grid, GridError
from earthline.task import Task

MOST_LISTED = 2_000
"""Pixels that are written, those with the largest doubt first."""
PATCHES_LISTED = 20


def check(found: Doubts, task: Task, findings: Findings) -> None:
    """Says in one line how many labels are doubted; a warning, whatever their number.

    Args:
        found: What was found.
        task: What labels tell.
        findings: Where they are noted.
    """
    if len(found):
        findings.warning(
            "label noise",
            f"{len(found):,} of {found.judged:,} labelled pixels that were looked at "
            f"({100 * len(found) / found.judged:.1f} %) have a doubtful label{_most_often(found, task)}: a forest "
            "trained on other blocks is sure of something else; they are in suspicious_labels.csv, and where "
            "places are known in suspicious_labels.geojson; correct what is wrong",
        )


def by_pair(found: Doubts, task: Task) -> list[dict[str, Any]]:
    """How often each label is doubted in favour of each other one, the most frequent first; by stratum.

    Args:
        found: What was found.
        task: What labels tell.
    """
    if not len(found):
        return []
    names = task.strata
    pairs = np.stack([task.strata_of(found.label), task.strata_of(found.likely)], axis=1)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    return [
        {"label": names[int(kinds[place, 0])], "likely": names[int(kinds[place, 1])], "pixels": int(counts[place])}
        for place in np.argsort(-counts, kind="stable")
    ]


def by_patch(found: Doubts) -> list[dict[str, Any]]:
    """The patches with the most suspicious pixels.

    Args:
        found: What was found.
    """
    if not len(found):
        return []
    patches, place, counts = np.unique(found.patch, axis=0, return_inverse=True, return_counts=True)
    worst = np.argsort(-counts, kind="stable")[:PATCHES_LISTED]
    return [
        {
            "split": str(found.split[np.flatnonzero(place.ravel() == each)[0]]),
            "row": int(patches[each, 0]),
            "column": int(patches[each, 1]),
            "pixels": int(counts[each]),
        }
        for each in worst
    ]


def table(found: Doubts, task: Task) -> str:
    """The most suspicious pixels as CSV.

    Args:
        found: What was found.
        task: What labels tell.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["split", "row", "column", "patch_row", "patch_column", "label", "likely", "doubt"])
    writer.writerows(_rows(found, task))
    return text.getvalue()


def places(found: Doubts, task: Task, manifest: Manifest) -> str | None:
    """The most suspicious pixels as GeoJSON points in longitude and latitude (RFC 7946); None without a place.

    Args:
        found: What was found.
        task: What labels tell.
        manifest: The dataset's.
    """
    if not manifest.placed:
        return None
    grid = Grid.from_json(manifest.grid)
    a, b, c, d, e, f = grid.transform
    column, row = found.column[:MOST_LISTED] + 0.5, found.row[:MOST_LISTED] + 0.5
    try:
        to_degrees = Transformer.from_crs(grid.pyproj_crs, "EPSG:4326", always_xy=True)
    except GridError:
        return None
    x, y = to_degrees.transform(a * column + b * row + c, d * column + e * row + f)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(float(east), 7), round(float(north), 7)]},
            "properties": {
                "split": row_[0],
                "label": row_[5],
                "likely": row_[6],
                "doubt": row_[7],
                "patch_row": row_[3],
                "patch_column": row_[4],
            },
        }
        for east, north, row_ in zip(x, y, _rows(found, task), strict=True)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}) + "\n"


def _rows(found: Doubts, task: Task) -> list[list[Any]]:
    named = [task.label_name(value) for value in found.label[:MOST_LISTED]]
    likely = [task.label_name(value) for value in found.likely[:MOST_LISTED]]
    return [
        [
            str(found.split[place]),
            int(found.row[place]),
            int(found.column[place]),
            *(int(part) for part in found.patch[place]),
            named[place],
            likely[place],
            round(float(found.doubt[place]), 3),
        ]
        for place in range(len(named))
    ]


def _most_often(found: Doubts, task: Task) -> str:
    first = by_pair(found, task)[0]
    return (
        ""
        if first["label"] == first["likely"]
        else f", most often '{first['label']}' that looks like '{first['likely']}'"
    )
