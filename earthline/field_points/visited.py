"""Points that came back from the field with labels."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from earthline.field_points.files import LABEL
from earthline.field_points.needs import NeedError
from earthline.label_features import csv_files
from earthline.label_features.features import FeaturesError
from earthline.label_features.files import is_empty
from earthline.label_features.words import Words, near, plain

Array = np.ndarray[Any, Any]
_COLUMNS = (LABEL, "chance", "x", "y", "mapped")


@dataclass(frozen=True)
class Visited:
    """Points with a label.

    Attributes:
        labels: Texts or numbers, as somebody wrote them, (points,).
        chance: That each was drawn, (points,).
        mapped: What the map shows there now, (points,).
        told: What the map showed there when the points were drawn, as texts, (points,).
        empty: Number of points without a label.
    """

    labels: tuple[Any, ...]
    chance: Array
    mapped: Array
    told: tuple[str, ...]
    empty: int

    def of_another_map(self, names: Mapping[int, str]) -> bool:
        """Whether the points were drawn from another map than the one that they are to judge.

        Args:
            names: Of its classes, by class id; empty where it tells a value.
        """
        if names:
            return any(
                plain(told) != plain(names.get(int(now), now)) for told, now in zip(self.told, self.mapped, strict=True)
            )
        try:
            return not np.allclose([float(told) for told in self.told], self.mapped, rtol=1e-4, atol=1e-5)
        except ValueError:
            return True


def read(table: Path, map_file: Path) -> Visited:
    """The points of a table that `label next` wrote and somebody filled in.

    Args:
        table: CSV file.
        map_file: GeoTIFF of the map that the points are to judge.

    Raises:
        NeedError: It cannot be read, is no such table, or tells nothing of the map.
    """
    try:
        columns = csv_files.columns(table)
    except FeaturesError as error:
        raise NeedError(str(error)) from error
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise NeedError(
            f"{table} has no column '{missing[0]}': name the CSV file of `earthline label next` with its column "
            f"`{LABEL}` filled in, and all others as they were"
        )
    there = np.array([not is_empty(value) for value in columns[LABEL]])
    if there.sum() < 2:
        raise NeedError(f"{table}: {int(there.sum())} of {len(there):,} points have a label; two are the least")
    chance, x, y = (_numbers(table, columns[name], name) for name in ("chance", "x", "y"))
    if not ((chance > 0) & (chance <= 1)).all():
        raise NeedError(f"{table}: a `chance` lies above 0 and up to 1; take this column as `label next` wrote it")
    with rasterio.open(map_file) as file:
        held = file.read(1)
        column, row = (np.floor(each).astype(np.int64) for each in ~file.transform @ (x, y))
        inside = (row >= 0) & (row < file.height) & (column >= 0) & (column < file.width)
        known = inside.copy()
        known[inside] = file.read_masks(1)[row[inside], column[inside]] > 0
    if not known[there].all():
        raise NeedError(
            f"{table}: {int((there & ~known).sum()):,} labelled points lie where {map_file} shows nothing: they were "
            "drawn for another map"
        )
    labels = tuple(value for value, kept in zip(columns[LABEL], there, strict=True) if kept)
    told = tuple(str(value) for value, kept in zip(columns["mapped"], there, strict=True) if kept)
    return Visited(labels, chance[there], held[row[there], column[there]], told, int((~there).sum()))


def require_unfilled(stem: Path) -> None:
    """Points that somebody has filled in are not written over.

    Args:
        stem: Path of the files without their ending.

    Raises:
        NeedError: There are labels, or a file that nobody can read.
    """
    for path, count in ((stem.with_suffix(".csv"), _in_table), (stem.with_suffix(".geojson"), _in_geojson)):
        filled = count(path) if path.exists() else 0
        if filled:
            raise NeedError(
                f"{path} holds {filled:,} labels that somebody filled in: move it away, or write the new points "
                "elsewhere by --output"
                if filled > 0
                else f"{path} is there, and no file of points: write the new ones elsewhere by --output"
            )


def ids_of(visited: Visited, meaning: Mapping[Any, int]) -> Array:
    """Class ids of the labels, (points,).

    Args:
        visited: The points.
        meaning: Class ids by label.

    Raises:
        NeedError: Labels that mean no class.
    """
    known = Words(meaning)
    wrong = sorted({str(label) for label in visited.labels if label not in known})
    if wrong:
        listed = ", ".join(_told(label, meaning) for label in wrong[:12])
        raise NeedError(
            f"labels of no class: {listed}; write one of {', '.join(map(repr, meaning))}, or name by --config the "
            "config whose classes have them among their `values`"
        )
    return np.array([known[label] for label in visited.labels])


def _told(label: str, meaning: Iterable[Any]) -> str:
    meant = near(label, [word for word in meaning if isinstance(word, str)])
    return f"{label!r} (nearly {meant!r})" if meant is not None else repr(label)


def values_of(visited: Visited) -> Array:
    """Labels that are numbers, float64 (points,).

    Args:
        visited: The points.

    Raises:
        NeedError: One is no number.
    """
    try:
        return np.array([float(label) for label in visited.labels])
    except ValueError as error:
        raise NeedError(f"the map tells a value, and a label is no number: {error}") from error


def _numbers(table: Path, cells: list[Any], name: str) -> Array:
    try:
        found = np.array([float(cell) for cell in cells])
    except (TypeError, ValueError) as error:
        raise NeedError(f"{table}: the column '{name}' holds what is no number ({error})") from error
    return found


def _in_table(path: Path) -> int:
    """Labels in it; -1 where it is no table of points."""
    try:
        columns = csv_files.columns(path)
    except FeaturesError:
        return -1
    return sum(not is_empty(value) for value in columns[LABEL]) if LABEL in columns else -1


def _in_geojson(path: Path) -> int:
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        return sum(not is_empty(feature["properties"].get(LABEL)) for feature in features)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return -1
