"""Labelled features from files: vector files, and CSV files of points."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from earthline.label_features import csv_files
from earthline.label_features import dates as label_dates
from earthline.label_features.features import FeaturesError, LabelFeatures
from earthline.outlines import files as vector_files
from earthline.outlines.lines import carried
from earthline.outlines.shapes import OutlineError

Array = np.ndarray[Any, Any]

Meaning = Callable[[Sequence[Any]], Sequence[int | float | None]]
"""From the values of a field to labels, None where there is none; raises FeaturesError for what it does not know."""
CSV_SUFFIXES = (".csv", ".tsv", ".txt")
MOST_FEATURES = 200_000
"""More are better made an Earth Engine table by hand, where nobody waits for a config to be read."""
_TOLERANCE = 1e-6
"""Degrees by which an edge may leave its course when it is carried to longitude and latitude: 11 cm."""


@dataclass(frozen=True)
class Layer:
    """What a file holds.

    Attributes:
        shapes: Of any kind, in the file's coordinates, (features,).
        columns: Values by name, (features,) each.
        crs: Of the coordinates, as PROJ takes it; None where the file names none.
    """

    shapes: Array
    columns: Mapping[str, list[Any]]
    crs: str | None


@dataclass(frozen=True)
class Question:
    """What to read.

    Attributes:
        path: The file.
        field: Its field that holds the label.
        layer: Name of the layer; None where there is one.
        where: Values of fields, or lists of such; only features that have them count.
        longitude: Column of a CSV file; None where it has a usual name.
        latitude: Column of a CSV file; None where it has a usual name.
        crs: Of a CSV file's coordinates.
        date: Field that holds when a label was true; None where that does not matter.
        date_order: How its days are written, as `dates.read` takes it.
    """

    path: Path
    field: str
    layer: str | None = None
    where: Mapping[str, Any] | None = None
    longitude: str | None = None
    latitude: str | None = None
    crs: str = "EPSG:4326"
    date: str | None = None
    date_order: str = label_dates.YEAR_FIRST

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that is asked for."""
        return (self.field, *(self.where or {}), *([self.date] if self.date is not None else []))


def read(asked: Question, meaning: Meaning) -> tuple[LabelFeatures, tuple[str, ...]]:
    """The labelled features of a file, in longitude and latitude.

    Args:
        asked: Which file, and what of it.
        meaning: What each value of the field means.

    Returns:
        The features, and a sentence for each thing about the file that somebody might want to know.

    Raises:
        FeaturesError: It cannot be read, holds values without a meaning, or nothing that is a label.
    """
    path, where = asked.path, asked.where or {}
    try:
        held = _csv(asked) if path.suffix.lower() in CSV_SUFFIXES else _layer(asked)
        missing = [field for field in asked.fields if field not in held.columns]
        if missing:
            raise FeaturesError(f"{path} has no field '{missing[0]}'; there are: {', '.join(held.columns) or 'none'}")
        chosen = vector_files.matching(path, where, held.columns, len(held.shapes))
    except OutlineError as error:
        raise FeaturesError(str(error)) from error
    values = [value for value, kept in zip(held.columns[asked.field], chosen, strict=True) if kept]
    try:
        meant = meaning(values)
    except FeaturesError as error:
        layer = f", layer {asked.layer}," if asked.layer is not None else ""
        raise FeaturesError(f"the field '{asked.field}' of {path}{layer} holds {error}") from error
    notes = []
    empty = sum(map(is_empty, values))
    if empty:
        notes.append(f"features without a label, as they have nothing in '{asked.field}': {empty:,}")
    shapes = _sound(path, held.shapes[chosen], notes)
    labelled = np.array([shape is not None and value is not None for shape, value in zip(shapes, meant, strict=True)])
    if not labelled.any():
        raise FeaturesError(f"{path} holds no point and no polygon with a label; check `field` and `where`")
    if labelled.sum() > MOST_FEATURES:
        raise FeaturesError(
            f"{path} holds {int(labelled.sum()):,} features, more than {MOST_FEATURES:,}; make it a table of Earth "
            "Engine (`earthengine upload table`), and give its id by `table`"
        )
    found = np.array([value for value, kept in zip(meant, labelled, strict=True) if kept])
    dated = _dates(asked, held, np.flatnonzero(chosen)[labelled])
    return LabelFeatures(_in_degrees(path, shapes[labelled], held.crs), found, dated), tuple(notes)


def is_empty(value: Any) -> bool:
    """True for what means no label: nothing, a text of spaces, NaN."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _csv(asked: Question) -> Layer:
    table = csv_files.read(asked.path, asked.longitude, asked.latitude)
    return Layer(table.points, table.columns, asked.crs)


def _layer(asked: Question) -> Layer:
    path = asked.path
    crs, shapes, columns = vector_files.features(path, asked.layer, asked.fields, polygons_first=False)
    if not len(shapes):
        raise FeaturesError(f"{path} holds no feature; give one that has points or polygons")
    return Layer(shapes, columns, crs)


def _dates(asked: Question, held: Layer, places: Array) -> Array | None:
    if asked.date is None:
        return None
    try:
        return label_dates.dates([held.columns[asked.date][place] for place in places], order=asked.date_order)
    except FeaturesError as error:
        raise FeaturesError(f"the field '{asked.date}' of {asked.path} holds {error}") from error


def _sound(path: Path, shapes: Array, notes: list[str]) -> Array:
    """Points and polygons as they are or repaired; None in place of everything else."""
    found = shapes.copy()
    missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    dimensions = np.where(missing, -1, shapely.get_dimensions(shapes))
    mixed = shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION
    lines = (dimensions == 1) | mixed
    for what, there in (("without coordinates", missing), ("that are lines or mixtures, which no label can be", lines)):
        if there.any():
            notes.append(f"features {what}, left out: {int(there.sum()):,}")
            found[there] = None
    broken = (dimensions == 2) & ~lines & ~shapely.is_valid(shapes)
    if broken.any():
        reason = shapely.is_valid_reason(shapes[broken][0])
        notes.append(f"polygons that were repaired: {int(broken.sum()):,} (the first: {reason})")
        found[broken] = [_repaired(shape) for shape in shapes[broken]]
    if lines.all():
        raise FeaturesError(f"{path} holds lines alone; buffer them (in QGIS: Vector, Geoprocessing tools, Buffer)")
    return found


def _repaired(shape: Any) -> Any:
    sound = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    parts = [part for part in shapely.get_parts(sound) if part.geom_type == "Polygon" and part.area > 0]
    return shapely.union_all(parts) if parts else None


def _in_degrees(path: Path, shapes: Array, named: str | None) -> Array:
    try:
        convert = vector_files.degrees_of(path, named)
    except OutlineError as error:
        raise FeaturesError(str(error)) from error
    shapes = shapely.force_2d(shapes)
    if convert is not None:
        shapes = np.array(
            [
                shapely.transform(shape, convert)
                if shapely.get_dimensions(shape) == 0
                else carried(shape, convert, _TOLERANCE, 360.0)
                for shape in shapes
            ],
            object,
        )
    _require_globe(path, shapes, named)
    return _turned(shapes)


def _turned(shapes: Array) -> Array:
    """Shapes that lie wholly beyond 180 degrees, as files with longitudes from 0 to 360 have them, a turn back."""
    west, _, east, _ = shapely.bounds(shapes).T
    turned = shapes.copy()
    for turn, there in ((-360.0, west >= 180), (360.0, east < -180)):
        turned[there] = shapely.transform(shapes[there], lambda xy, by=turn: xy + np.array([by, 0.0]))
    return turned


def _require_globe(path: Path, shapes: Array, named: str | None) -> None:
    bounds = shapely.total_bounds(shapes)
    if (
        not np.isfinite(bounds).all()
        or bounds[0] < -360
        or bounds[2] > 540
        or bounds[1] < -90.001
        or bounds[3] > 90.001
    ):
        west, south, east, north = bounds
        raise FeaturesError(
            f"{path} runs from ({west:g}, {south:g}) to ({east:g}, {north:g}), which are no longitudes and latitudes; "
            + (
                "name the CRS of the columns by `crs`, such as crs: EPSG:32633, and check which column is which"
                if path.suffix.lower() in CSV_SUFFIXES
                else f"its coordinates do not fit its CRS, {str(named)[:40]}"
            )
        )
