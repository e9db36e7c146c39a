"""Earth Engine's own layout, as TensorFlow and the recipe of Earth Engine's guide read it."""

import numpy as np
import pytest
import tensorflow as tf

from earthline.formats import band_lists
from earthline.formats.examples import LABEL, Patch, features, no_label
from earthline.formats.served.contract import VALID_BAND

SHAPE = (5, 7)
BANDS = ("B4", "B8", "slope")


def patch(kind, label_type):
    random = np.random.default_rng(3)
    valid = random.random(SHAPE) < 0.8
    image = (100 * random.normal(size=(*SHAPE, len(BANDS)))).astype(kind)
    image[~valid] = 0
    label = random.integers(0, 9, SHAPE).astype(label_type)
    label[~valid] = no_label(label_type)
    return Patch(image, label, valid, 3, 4)


@pytest.mark.parametrize(("kind", "label_type"), [("int16", "uint8"), ("float32", "float32"), ("uint16", "int16")])
def test_the_guides_recipe_reads_every_band(kind, label_type):
    made = patch(kind, label_type)
    # https://developers.google.com/earth-engine/guides/tf_examples: one feature of fixed length for each band.
    names = [*BANDS, LABEL, VALID_BAND]
    columns = [tf.io.FixedLenFeature(shape=list(SHAPE), dtype=tf.float32) for _ in names]
    parsed = tf.io.parse_single_example(band_lists.encode(made, BANDS), dict(zip(names, columns, strict=True)))
    stacked = tf.transpose(tf.stack([parsed[name] for name in names], axis=0), [1, 2, 0]).numpy()
    np.testing.assert_array_equal(stacked[..., : len(BANDS)], made.image.astype(np.float32))
    np.testing.assert_array_equal(stacked[..., -1], made.valid)
    np.testing.assert_array_equal(stacked[..., -2], np.where(made.valid, made.label, band_lists.NO_DATA))


def test_the_bytes_are_tensorflows_own_and_the_same_every_time():
    made = patch("int16", "uint8")
    serialized = band_lists.encode(made, BANDS)
    example = tf.train.Example.FromString(serialized)
    assert example.SerializeToString(deterministic=True) == serialized == band_lists.encode(made, BANDS)
    found = features(serialized)
    assert sorted(found) == sorted((*BANDS, LABEL, VALID_BAND))
    np.testing.assert_array_equal(found["B8"], made.image[..., 1].ravel())
    assert sum(4 * len(values) for values in found.values()) == band_lists.size(SHAPE, len(BANDS))


def test_a_band_with_the_labels_name_is_refused():
    with pytest.raises(ValueError, match=r"band 'label'.*rename the band, or use export\.format: earthline"):
        band_lists.names(("B4", "label"))
