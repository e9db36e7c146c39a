"""Points and polygons as pixels: labels where features lie, masked elsewhere and where they contradict each other.

Earth Engine has two ways from features to pixels, and on any grid that is asked for:
`FeatureCollection.reduceToImage` takes every pixel that a feature touches, `Image.paint` those whose centre lies inside
(developers.google.com/earth-engine/apidocs/ee-featurecollection-reducetoimage and ee-image-paint).
"""

from typing import Any

import ee

from earthline.earth_engine.imagery.features import LABEL_PROPERTY

_KIND = "earthline_kind"
_NONE_LOW, _NONE_HIGH = 1e30, -1e30
"""Beyond all labels, on either side."""


def burned(features: Any, *, radius: float | None, all_touched: bool) -> Any:
    """An `ee.Image` of one band of labels, double.

    Args:
        features: `ee.FeatureCollection` whose features have `LABEL_PROPERTY`.
        radius: Metres around points; None for the pixel that holds a point.
        all_touched: Whether polygons, and circles around points, take each pixel that they touch.
    """
    # The last letters: of points and of polygons there are single ones and multiple ones.
    kinds = features.map(lambda feature: feature.set(_KIND, feature.geometry().type()))
    points = kinds.filter(ee.Filter.stringEndsWith(_KIND, "Point"))
    polygons = kinds.filter(ee.Filter.stringEndsWith(_KIND, "Polygon"))
    low, high = _touched(points)
    if radius is not None:
        polygons = polygons.merge(points.map(lambda point: point.buffer(radius)))
    area_low, area_high = _touched(polygons) if all_touched else _centred(polygons)
    low, high = low.min(area_low), high.max(area_high)
    return low.updateMask(low.eq(high))


def _touched(features: Any) -> tuple[Any, Any]:
    """The lowest and the highest label of the features that touch a pixel."""
    found = features.reduceToImage([LABEL_PROPERTY], ee.Reducer.minMax())
    return found.select("min").unmask(_NONE_LOW, False), found.select("max").unmask(_NONE_HIGH, False)


def _centred(polygons: Any) -> tuple[Any, Any]:
    """The lowest and the highest label of the polygons that hold a pixel's centre: what is painted last is seen."""
    return (
        ee.Image.constant(_NONE_LOW).toDouble().paint(polygons.sort(LABEL_PROPERTY, False), LABEL_PROPERTY),
        ee.Image.constant(_NONE_HIGH).toDouble().paint(polygons.sort(LABEL_PROPERTY, True), LABEL_PROPERTY),
    )
