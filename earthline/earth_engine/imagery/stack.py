"""The image that the model sees, as one stack of bands."""

from typing import Any

import ee

from earthline.config import Data, Imagery
from earthline.earth_engine.imagery.sources import collection
from earthline.formats.contract import VALID_BAND

_CASTS = {"uint8": "toUint8", "uint16": "toUint16", "int16": "toInt16", "float32": "toFloat"}
_LARGEST = 1.7976931348623157e308
"""Largest float64: https://en.wikipedia.org/wiki/Double-precision_floating-point_format."""


def image(data: Data) -> Any:
    """The `ee.Image` that the model sees: bands in the config's order, masked, composited, of its data type."""
    return _cast(measured(data), data.imagery)


def valid(data: Data) -> Any:
    """One uint8 band `earthline_valid`, masked nowhere: 1 where `image` is valid, 0 where it is masked."""
    return _valid(image(data))


def network_input(data: Data) -> Any:
    """What a served model takes, masked nowhere: the bands of `image`, 0 where masked, and `valid`; all float."""
    return _with_validity(image(data))


def network_input_of(whole: Any, imagery: Imagery) -> Any:
    """As `network_input`, of somebody's own image.

    Args:
        whole: An `ee.Image` that has the section's bands, in the units of its own imagery.
        imagery: The section.
    """
    return _with_validity(_cast(_masked(whole.select(list(imagery.bands))), imagery))


def measured(data: Data) -> Any:
    """The `ee.Image` before it gets its data type.

    Bands share one mask: the model has no notion of a pixel that is half there. What is no finite number is masked.
    """
    imagery = data.imagery
    if imagery.image is not None:
        whole = ee.Image(imagery.image).select(list(imagery.bands))
    else:
        composite = getattr(collection(data), imagery.composite)()
        # A composite's own projection is EPSG:4326 at one degree; give it the grid that patches are cut from.
        scale = data.scale or 1.0
        whole = composite.select(list(imagery.bands)).setDefaultProjection(data.crs, [scale, 0, 0, 0, -scale, 0])
    return _masked(whole)


def _masked(whole: Any) -> Any:
    # NaN compares false with everything, and infinity is above the largest float64.
    finite = whole.abs().lte(_LARGEST).reduce(ee.Reducer.min())
    return whole.updateMask(whole.mask().reduce(ee.Reducer.min())).updateMask(finite)


def _cast(whole: Any, imagery: Imagery) -> Any:
    return getattr(whole, _CASTS[imagery.data_type])()


def _valid(seen: Any) -> Any:
    return seen.select([0]).mask().gt(0).unmask(0, False).rename([VALID_BAND]).toUint8()


def _with_validity(seen: Any) -> Any:
    return seen.toFloat().unmask(0, False).addBands(_valid(seen).toFloat())
