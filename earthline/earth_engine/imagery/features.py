"""Labelled features in Earth Engine: of a table, or of the config itself."""

from functools import partial
from typing import Any

import ee
import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry import shape as of_geojson

from earthline.config import Data, VectorLabels
from earthline.config.sections.labels.vector import LABEL_PROPERTY
from earthline.earth_engine.imagery import label_dates
from earthline.earth_engine.imagery.errors import ATTEMPTS, ImageryError, answered
from earthline.earth_engine.imagery.region import region
from earthline.earth_engine.retry import ask
from earthline.label_features.features import LabelFeatures
from earthline.task import task_of_labels
from earthline.task.labels import LabelError

__all__ = ["LABEL_PROPERTY", "collection", "listed", "require_field", "require_known"]

MOST_LISTED = 200_000
"""Features of a table that a plan of patches takes into account."""
_PAGE = 5000


def collection(labels: VectorLabels) -> Any:
    """An `ee.FeatureCollection` of the features that are labels; a label is their `LABEL_PROPERTY`."""
    if labels.features is not None and labels.held is not None:
        return _of_config(labels.held)
    table = ee.FeatureCollection(labels.table)
    if labels.content is not None:
        return table
    return task_of_labels(labels).of_field(_chosen(table, labels), labels, LABEL_PROPERTY)


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
    values: list[int | float] = []
    while True:
        page = ask(partial(ee.data.computeFeatures, asked), ATTEMPTS, f"features of {labels.asset}")
        for feature in page["features"]:
            if feature.get("geometry"):
                shapes.append(of_geojson(feature["geometry"]))
                values.append(feature["properties"][LABEL_PROPERTY])
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
    return LabelFeatures(found, np.array(values))


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
        later = f", which become {labels.table}, once for this content" if labels.upload is not None else ""
        return f"{labels.told} has {points:,} points and {len(labels.held) - points:,} polygons{later}"
    table = ee.FeatureCollection(labels.table)
    names = answered(table.first().propertyNames().getInfo, "data.labels.table")
    needed = {"field": [labels.field or LABEL_PROPERTY], "where": [*labels.where]}
    if labels.date is not None:
        needed["date"] = [labels.date.field]
    for key, asked in needed.items():
        missing = [name for name in asked if name not in names]
        if missing:
            there = ", ".join(name for name in names if not name.startswith("system:"))
            raise ImageryError(f"data.labels.{key}: {labels.table} has no {missing[0]}, but {there}")
    return f"{labels.table} has {answered(table.size().getInfo, 'data.labels.table'):,} features"


def require_known(data: Data, labels: VectorLabels) -> str:
    """What the labels in the region are, in a few words.

    Args:
        data: The section.
        labels: Its labels.

    Raises:
        ImageryError: No feature lies in the region, or values mean nothing to the task.
        PixelsError: Earth Engine does not answer.
    """
    here, other_time = region(data), ""
    outline = None if data.region is None else data.region.shape
    if labels.held is not None:
        # Asked for its extent alone, Earth Engine need not be sent what may not even be uploaded yet.
        where = of_geojson(answered(here.bounds().getInfo, "data.region")) if outline is None else outline
        turned = shapely.transform(labels.held.shapes, lambda xy: xy + np.array([360.0, 0.0]))
        there = shapely.intersects(labels.held.shapes, where) | shapely.intersects(turned, where)
        inside = int(there.sum())
        # Of an outline that the config holds, a check without requests has told which lie outside.
        if inside and not there.all() and outline is None:
            spot = shapely.point_on_surface(labels.held.shapes[~there][0])
            other_time = (
                f"{int((~there).sum()):,} of {len(there):,} lie outside, such as the one at longitude {spot.x:.5f}, "
                f"latitude {spot.y:.5f}: not used"
            )
    else:
        if labels.date is not None:
            near = _matching(ee.FeatureCollection(labels.table).filterBounds(here), labels)
            other_time = label_dates.told(near, labels.date, "data.labels")
        if labels.content is None:
            _require_meaning(labels, here)
        inside = answered(collection(labels).filterBounds(here).size().getInfo, "data.labels")
    if not inside:
        raise ImageryError(
            f"data.labels: no feature of {labels.told} lies in the region; move data.region, or check the CRS of the "
            "labels"
        )
    more = f"; {other_time}" if other_time else ""
    # Of a region that Earth Engine alone knows, the extent was asked for.
    place = "in the region's extent" if labels.held is not None and outline is None else "in the region"
    return f"{inside:,} features lie {place}{more}"


def _require_meaning(labels: VectorLabels, here: Any) -> None:
    """Asks the task what it makes of the field."""
    task = task_of_labels(labels)
    asked = task.field_survey(_chosen(ee.FeatureCollection(labels.table).filterBounds(here), labels), labels)
    try:
        task.field_surveyed(answered(asked.getInfo, "data.labels.field"), labels)
    except LabelError as error:
        raise ImageryError(str(error)) from error


def _chosen(table: Any, labels: VectorLabels) -> Any:
    """The features of a table that have the attributes that are asked for, and are of the imagery's time."""
    table = _matching(table, labels)
    return table if labels.date is None else label_dates.of_time(table, labels.date)


def _matching(table: Any, labels: VectorLabels) -> Any:
    """The features of a table that have the attributes that are asked for."""
    for name, wanted in labels.where.items():
        table = table.filter(ee.Filter.inList(name, list(wanted) if isinstance(wanted, tuple) else [wanted]))
    return table


def _of_config(held: LabelFeatures) -> Any:
    """Points of one label travel as one feature: each request to Earth Engine carries all of them."""
    features = []
    points = held.are_points
    for value in np.unique(held.values[points]).tolist():
        mine = held.shapes[points & (held.values == value)]
        features.append(_feature(shapely.MultiPoint(shapely.get_coordinates(mine)), value))
    pairs = zip(held.shapes[~points], held.values[~points].tolist(), strict=True)
    return ee.FeatureCollection([*features, *(_feature(shape, value) for shape, value in pairs)])


def _feature(shape: Any, value: float) -> Any:
    # Edges run straight in degrees, as they do in the files; points have none.
    geodesic = None if shapely.get_dimensions(shape) == 0 else False
    return ee.Feature(ee.Geometry(mapping(shape), None, geodesic), {LABEL_PROPERTY: value})
