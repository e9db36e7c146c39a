"""Labelled features in Earth Engine: of a table, or of the config itself."""

from functools import partial
from typing import Any

import ee
import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry import shape as of_geojson

from earthline.config import Data, VectorLabels
from earthline.config.sections.labels.vector import CLASS_PROPERTY
from earthline.earth_engine.imagery.errors import ATTEMPTS, ImageryError, answered
from earthline.earth_engine.imagery.region import region
from earthline.earth_engine.retry import ask
from earthline.label_features.features import LabelFeatures
from earthline.label_features.values import is_empty, unknown_told

__all__ = ["CLASS_PROPERTY", "collection", "listed", "require_field", "require_known"]

MOST_LISTED = 200_000
"""Features of a table that a plan of patches takes into account."""
_PAGE = 5000


def collection(labels: VectorLabels) -> Any:
    """An `ee.FeatureCollection` whose features have `CLASS_PROPERTY`, and others have none."""
    if labels.features is not None and labels.held is not None:
        return _of_config(labels.held)
    table = ee.FeatureCollection(labels.table)
    if labels.content is not None:
        return table
    table = _chosen(table, labels)
    if not labels.by_ranges:
        pairs = [(value, class_id) for class_id, each in enumerate(labels.classes) for value in each.values]
        values, ids = ([pair[part] for pair in pairs] for part in (0, 1))
        return table.remap(values, ids, labels.field).select([labels.field], [CLASS_PROPERTY])
    found = ee.FeatureCollection([])
    for low, high, class_id, last in labels.ranges:
        upper = ee.Filter.lte(labels.field, high) if last else ee.Filter.lt(labels.field, high)
        # `not less than` is what the client makes of gte, which features without the field pass as well.
        within = ee.Filter.And(ee.Filter.notNull([labels.field]), ee.Filter.gte(labels.field, low), upper)
        found = found.merge(table.filter(within).map(lambda feature, of=class_id: feature.set(CLASS_PROPERTY, of)))
    return found.select([CLASS_PROPERTY])


def listed(data: Data, labels: VectorLabels) -> LabelFeatures:
    """The features themselves; those of a table only where they touch the region.

    Args:
        data: The section.
        labels: Its labels.

    Raises:
        ImageryError: There are more than `MOST_LISTED`.
        PixelsError: Earth Engine does not answer.
    """
    if labels.held is not None:
        return labels.held
    asked = {"expression": collection(labels).filterBounds(region(data)), "pageSize": _PAGE}
    shapes: list[Any] = []
    class_ids: list[int] = []
    while True:
        page = ask(partial(ee.data.computeFeatures, asked), ATTEMPTS, f"features of {labels.asset}")
        for feature in page["features"]:
            if feature.get("geometry"):
                shapes.append(of_geojson(feature["geometry"]))
                class_ids.append(int(feature["properties"][CLASS_PROPERTY]))
        if len(shapes) > MOST_LISTED:
            raise ImageryError(
                f"data.labels.table: more than {MOST_LISTED:,} features of {labels.asset} lie in the region; take some "
                "by `where`, or work in a smaller region"
            )
        if not page.get("nextPageToken"):
            break
        asked = {**asked, "pageToken": page["nextPageToken"]}
    found = np.empty(len(shapes), object)
    found[:] = shapes
    return LabelFeatures(found, np.array(class_ids, np.int64))


def require_field(labels: VectorLabels) -> str:
    """What the table holds, in a few words.

    Args:
        labels: The section.

    Raises:
        ImageryError: There is no such table, or it lacks a field.
        PixelsError: Earth Engine does not answer.
    """
    if labels.held is not None:
        points = int(labels.held.are_points.sum())
        later = f", which become {labels.table} when a run starts" if labels.upload is not None else ""
        return f"{labels.told} has {points:,} points and {len(labels.held) - points:,} polygons{later}"
    table = ee.FeatureCollection(labels.table)
    names = answered(table.first().propertyNames().getInfo, "data.labels.table")
    needed = [labels.field or CLASS_PROPERTY, *labels.where]
    missing = [name for name in needed if name not in names]
    if missing:
        there = ", ".join(name for name in names if not name.startswith("system:"))
        raise ImageryError(f"data.labels.field: {labels.table} has no {missing[0]}, but {there}")
    return f"{labels.table} has {answered(table.size().getInfo, 'data.labels.table'):,} features"


def require_known(data: Data, labels: VectorLabels) -> str:
    """What the labels in the region are, in a few words.

    Args:
        data: The section.
        labels: Its labels.

    Raises:
        ImageryError: No feature lies in the region, or values have no class.
        PixelsError: Earth Engine does not answer.
    """
    here = region(data)
    if labels.held is not None:
        # Asked for its extent alone, Earth Engine need not be sent what may not even be uploaded yet.
        extent = of_geojson(answered(here.bounds().getInfo, "data.region"))
        turned = shapely.transform(labels.held.shapes, lambda xy: xy + np.array([360.0, 0.0]))
        inside = int((shapely.intersects(labels.held.shapes, extent) | shapely.intersects(turned, extent)).sum())
    else:
        if labels.content is None:
            _require_classes(labels, answered(_counted(labels, here).getInfo, "data.labels.field"))
        inside = answered(collection(labels).filterBounds(here).size().getInfo, "data.labels")
    if not inside:
        raise ImageryError(
            f"data.labels: no feature of {labels.told} lies in the region; move data.region, or check the CRS of the "
            "labels"
        )
    return f"{inside:,} features lie in the region, each with a class"


def _counted(labels: VectorLabels, here: Any) -> Any:
    """Features in a region by the value of their field."""
    return _chosen(ee.FeatureCollection(labels.table).filterBounds(here), labels).aggregate_histogram(labels.field)


def _chosen(table: Any, labels: VectorLabels) -> Any:
    """The features of a table that have the attributes that are asked for."""
    for name, wanted in labels.where.items():
        table = table.filter(ee.Filter.inList(name, list(wanted) if isinstance(wanted, tuple) else [wanted]))
    return table


def _require_classes(labels: VectorLabels, histogram: dict[str, float]) -> None:
    known = {str(value) for each in labels.classes for value in each.values} | {str(value) for value in labels.ignore}
    unknown = {}
    for text, count in histogram.items():
        value = _number(text)
        if is_empty(value) or text == "null" or str(value) in known or text in known:
            continue
        if labels.by_ranges and isinstance(value, int | float) and _has_range(labels, value):
            continue
        unknown[value] = count
    if unknown:
        values = [value for each in labels.classes for value in each.values]
        raise ImageryError(
            f"data.labels.classes: the field {labels.field} of {labels.table} holds "
            f"{unknown_told(unknown, values, labels.by_ranges)}"
        )


def _has_range(labels: VectorLabels, value: float) -> bool:
    return any(low <= value < high or (last and value == high) for low, high, _, last in labels.ranges)


def _number(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _of_config(held: LabelFeatures) -> Any:
    """Points of one class travel as one feature: each request to Earth Engine carries all of them."""
    features = []
    points = held.are_points
    for class_id in np.unique(held.class_ids[points]).tolist():
        mine = held.shapes[points & (held.class_ids == class_id)]
        features.append(_feature(shapely.MultiPoint(shapely.get_coordinates(mine)), class_id))
    pairs = zip(held.shapes[~points], held.class_ids[~points].tolist(), strict=True)
    return ee.FeatureCollection([*features, *(_feature(shape, class_id) for shape, class_id in pairs)])


def _feature(shape: Any, class_id: int) -> Any:
    # Edges run straight in degrees, as they do in the files; points have none.
    geodesic = None if shapely.get_dimensions(shape) == 0 else False
    return ee.Feature(ee.Geometry(mapping(shape), None, geodesic), {CLASS_PROPERTY: class_id})
