"""One example as arrays, whichever way it is laid out in the file."""

from typing import Any

import numpy as np

from earthline.formats import band_lists, examples
from earthline.formats.examples import LABEL, Patch, no_label
from earthline.formats.manifest import EARTHLINE, Manifest
from earthline.formats.served.contract import VALID_BAND

Array = np.ndarray[Any, Any]
Sample = dict[str, Any]
"""`image` (height, width, bands), `mask` (height, width), `valid` bool (height, width), and `row` and `column` where
the layout holds them."""


def decode(record: bytes, manifest: Manifest) -> Sample:
    """Reads one example; its arrays may be views of the record.

    Args:
        record: A serialized Example.
        manifest: Of the dataset.

    Raises:
        ValueError: Not an Example, or not one of this dataset; the feature is named.
    """
    if manifest.format != EARTHLINE:
        return _of_band_lists(record, manifest)
    patch = Patch.decode(record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type)
    return {
        "image": patch.image,
        "mask": patch.label,
        "valid": patch.valid,
        "row": patch.row,
        "column": patch.column,
    }


def _of_band_lists(record: bytes, manifest: Manifest) -> Sample:
    found = examples.features(record)
    height, width = manifest.patch_shape

    def layer(name: str) -> Array:
        values = found.get(name)
        if values is None or values.size != height * width:
            held = 0 if values is None else values.size
            raise ValueError(
                f"feature '{name}' holds {held} values; a patch of {height} x {width} has {height * width}"
            )
        return values.reshape(height, width)

    label = layer(LABEL)
    mask = np.where(label == band_lists.NO_DATA, no_label(manifest.label_type), label).astype(manifest.label_type)
    image = np.stack([layer(band) for band in manifest.bands], axis=-1).astype(manifest.data_type)
    return {"image": image, "mask": mask, "valid": layer(VALID_BAND) != 0}
