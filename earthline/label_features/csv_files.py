"""Points from CSV files."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from earthline.label_features.cells import degrees, numbers_or_texts
from earthline.label_features.features import FeaturesError

MOST_BYTES = 200_000_000
_LONGITUDES = ("longitude", "lon", "lng", "long", "x", "easting")
_LATITUDES = ("latitude", "lat", "y", "northing")
_SEPARATORS = ",;\t|"
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


def columns(path: Path) -> dict[str, list[Any]]:
    """The columns of a CSV file by name; separators `,`, `;`, tab and `|` are known by themselves.

    Args:
        path: The file, UTF-8.

    Returns:
        Values, each (rows,): numbers where every cell is one or empty, else texts.

    Raises:
        FeaturesError: It cannot be read, or has no row.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise FeaturesError(f"{path} is larger than {MOST_BYTES:,} bytes; make it a GeoPackage, or split it")
        with path.open(encoding="utf-8-sig", newline="") as file:
            sample = file.read(_SAMPLE)
            file.seek(0)
            # By itself Python refuses a field above 128 KiB, such as the `.geo` of Earth Engine's exports.
            csv.field_size_limit(MOST_BYTES)
            rows = list(csv.DictReader(file, delimiter=_separator(sample)))
    except OSError as error:
        raise FeaturesError(
            f"{path} cannot be read ({error.strerror}); a name is taken relative to the config's folder"
        ) from error
    except UnicodeDecodeError as error:
        raise FeaturesError(
            f"{path} is no CSV file in UTF-8 ({error}); save it anew as `CSV UTF-8`, or convert it: iconv -f "
            "windows-1252 -t utf-8 OLD > NEW"
        ) from error
    except csv.Error as error:
        raise FeaturesError(f"{path} is no CSV file ({error})") from error
    if not rows:
        raise FeaturesError(f"{path} has no row below its header")
    names = [name for name in rows[0] if name is not None]
    return {name.strip(): numbers_or_texts([row.get(name) for row in rows]) for name in names}


def read(path: Path, x_name: str | None, y_name: str | None) -> Columns:
    """Reads a CSV file of points.

    Args:
        path: The file, UTF-8.
        x_name: Column of longitudes, or of eastings; None where it has a usual name.
        y_name: Column of latitudes, or of northings; None where it has a usual name.

    Raises:
        FeaturesError: It cannot be read, or has no coordinates.
    """
    held = columns(path)
    x_name = _named(path, list(held), x_name, _LONGITUDES, "longitude")
    y_name = _named(path, list(held), y_name, _LATITUDES, "latitude")
    x, y = (_coordinates(path, held[name], name) for name in (x_name, y_name))
    there = np.isfinite(x) & np.isfinite(y)
    points = np.full(len(x), shapely.Point(), object)
    points[there] = shapely.points(x[there], y[there])
    return Columns(points, held)


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


def _coordinates(path: Path, cells: list[Any], name: str) -> Any:
    found = []
    for cell in cells:
        number = _coordinate(cell)
        if number is None:
            raise FeaturesError(
                f"{path}: the column '{name}' holds {cell!r}, which is no number and no angle; write decimal degrees "
                "with a point, such as -13.4, or degrees, minutes and seconds, such as 13°24'00\"S"
            )
        found.append(number)
    return np.array(found, np.float64)


def _coordinate(cell: Any) -> float | None:
    """NaN for an empty cell; None for what is no coordinate."""
    if cell is None:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        return degrees(cell)
