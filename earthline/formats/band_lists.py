"""Earth Engine's own layout of an example: a list of floats for each band, as its exports to TFRecord have it.

https://developers.google.com/earth-engine/guides/tfrecord: one Example per patch, one feature per band, each the
band's pixels row by row. Put on top of each other they are (bands, height, width). The label is a band like the others.
"""

from typing import Any

import numpy as np

from earthline.formats.examples import LABEL, Example, Patch, no_label
from earthline.formats.served.contract import VALID_BAND

NO_DATA = -9999.0
"""What a label holds where there is none, whatever its own type."""

Array = np.ndarray[Any, Any]


def names(bands: tuple[str, ...]) -> tuple[str, ...]:
    """The features of an example: the bands, then the label and the validity.

    Args:
        bands: Of the imagery.

    Raises:
        ValueError: A band has the name of one of the two others.
    """
    taken = [name for name in (LABEL, VALID_BAND) if name in bands]
    if taken:
        raise ValueError(
            f"the imagery has a band '{taken[0]}', which is the name of a feature of its own in Earth Engine's layout; "
            "rename the band, or use export.format: earthline"
        )
    return (*bands, LABEL, VALID_BAND)


def size(shape: tuple[int, int], bands: int) -> int:
    """Bytes of an example's values.

    Args:
        shape: Of a patch in pixels (height, width).
        bands: Of the imagery.
    """
    return 4 * shape[0] * shape[1] * (bands + 2)


def encode(patch: Patch, bands: tuple[str, ...]) -> bytes:
    """The serialized Example: float32 for all, 0 where the imagery is masked and `NO_DATA` where there is no label.

    Args:
        patch: The patch.
        bands: Names of the image's bands, in order.

    Raises:
        ValueError: As `names`.
    """
    label = patch.label.astype(np.float32)
    label[patch.label == no_label(patch.label.dtype.name)] = NO_DATA
    layers = [*np.moveaxis(patch.image, -1, 0), label, patch.valid]
    example = Example()
    for name, layer in zip(names(bands), layers, strict=True):
        # A list of floats on the wire is one run of bytes; handed over one by one they would take fifty times as long.
        values = np.ascontiguousarray(layer, "<f4").tobytes()
        example.features.feature[name].float_list.MergeFromString(b"\x0a" + _varint(len(values)) + values)
    return bytes(example.SerializeToString(deterministic=True))


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*digits, number))
