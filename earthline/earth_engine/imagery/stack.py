"""The image that the model sees, as one stack of bands."""

from typing import Any

import ee

from earthline.config import Data, Imagery
from earthline.earth_engine.imagery.derived import with_derived
from earthline.earth_engine.imagery.sources import part
from earthline.formats.served.contract import VALID_BAND

_CASTS = {"uint8": "toUint8", "uint16": "toUint16", "int16": "toInt16", "float32": "toFloat", "auto": "toFloat"}
"""By data type; `auto` becomes one that holds every value, so float changes none of them."""
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
    return _with_validity(_cast(_masked(whole.select(list(imagery.band_names))), imagery))


def measured(data: Data) -> Any:
    """The `ee.Image` before it gets its data type.

    Bands share one mask: the model has no notion of a pixel that is half there. What is no finite number is masked.
    """
    imagery = data.imagery
    first, *others = imagery.parts
    whole = part(data, first)
    for source in others:
        whole = whole.addBands(part(data, source))
    whole = with_derived(whole, imagery.derived_bands)
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
