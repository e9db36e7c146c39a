"""Points from CSV files."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from earthline.label_features.features import FeaturesError

MOST_BYTES = 200_000_000
_LONGITUDES = ("longitude", "lon", "lng", "long", "x", "easting")
_LATITUDES = ("latitude", "lat", "y", "northing")
_SEPARATORS = ",;\t|"
_CODE = re.compile(r"\s*[-+]?0[0-9]")
"""A code such as 007, of which a number would lose its zeros."""
_SAMPLE = 8192
"""Characters from which the separator is guessed."""


@dataclass(frozen=True)
class Columns:
    """A table of points.

    Attributes:
        points: (rows,); empty points where coordinates are missing.
        columns: Values by name, each (rows,): numbers where every cell is one or empty, else texts.
    """

    points: Any
    columns: Mapping[str, list[Any]]


def read(path: Path, x_name: str | None, y_name: str | None) -> Columns:
    """Reads a CSV file; separators `,`, `;`, tab and `|` are known by themselves.

    Args:
        path: The file, UTF-8.
        x_name: Column of longitudes, or of eastings; None where it has a usual name.
        y_name: Column of latitudes, or of northings; None where it has a usual name.

    Raises:
        FeaturesError: It cannot be read, or has no coordinates.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise FeaturesError(f"{path} is larger than {MOST_BYTES:,} bytes; make it a GeoPackage, or split it")
        with path.open(encoding="utf-8-sig", newline="") as file:
            sample = file.read(_SAMPLE)
            file.seek(0)
            rows = list(csv.DictReader(file, delimiter=_separator(sample)))
    except OSError as error:
        raise FeaturesError(
            f"{path} cannot be read ({error.strerror}); a name is taken relative to the config's folder"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FeaturesError(f"{path} is no CSV file in UTF-8 ({error})") from error
    if not rows:
        raise FeaturesError(f"{path} has no row below its header")
    names = [str(name) for name in rows[0] if name is not None]
    x_name = _named(path, names, x_name, _LONGITUDES, "longitude")
    y_name = _named(path, names, y_name, _LATITUDES, "latitude")
    columns = {name: _numbers_or_texts([row.get(name) for row in rows]) for name in names}
    x, y = (_coordinates(path, columns[name], name) for name in (x_name, y_name))
    there = np.isfinite(x) & np.isfinite(y)
    points = np.full(len(rows), shapely.Point(), object)
    points[there] = shapely.points(x[there], y[there])
    return Columns(points, columns)


def _separator(sample: str) -> str:
    header = sample.splitlines()[0] if sample else ""
    return max(_SEPARATORS, key=header.count)


def _named(path: Path, names: list[str], asked: str | None, usual: tuple[str, ...], key: str) -> str:
    if asked is not None:
        if asked not in names:
            raise FeaturesError(f"{path} has no column '{asked}'; there are: {', '.join(names)}")
        return asked
    by_folded = {name.strip().casefold(): name for name in names}
    for name in usual:
        if name in by_folded:
            return by_folded[name]
    raise FeaturesError(f"{path} has no column '{key}'; name it by `{key}`: there are {', '.join(names)}")


def _numbers_or_texts(cells: list[Any]) -> list[Any]:
    cells = [None if cell is None or not cell.strip() else cell for cell in cells]
    if any(cell is not None and _CODE.match(cell) for cell in cells):
        return cells
    try:
        return [None if cell is None else float(cell) for cell in cells]
    except ValueError:
        return cells


def _coordinates(path: Path, cells: list[Any], name: str) -> Any:
    texts = [cell for cell in cells if isinstance(cell, str)]
    if texts:
        wrong = next((cell for cell in texts if not _is_number(cell)), texts[0])
        hint = "; write numbers with a point, such as 13.4" if "," in wrong else ""
        raise FeaturesError(f"{path}: the column '{name}' holds {wrong!r}, which is no number{hint}")
    return np.array([np.nan if cell is None else cell for cell in cells], np.float64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
