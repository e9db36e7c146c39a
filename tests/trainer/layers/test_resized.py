"""Layers of networks from elsewhere are read back from a file, with the same numbers for any size."""

from pathlib import Path

import keras
import numpy as np
import pytest

from trainer.layers import ChannelsToPixels, PixelsToChannels, Resized

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_they_are_read_back(tmp_path: Path) -> None:
    image = keras.Input((None, None, 4))
    x = ChannelsToPixels(2)(PixelsToChannels(2)(image))
    x = Resized([[2, 1, 0, 1], [1, 2, 3, 1]], "half_pixel")(x)
    keras.Model(image, x).save(tmp_path / "model.keras")
    read = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    values = np.random.default_rng(0).normal(size=(1, 6, 8, 4)).astype(np.float32)
    found = np.asarray(read(values))
    assert found.shape == (1, 12, 7, 4) and read.output_shape == (None, None, None, 4)
    np.testing.assert_allclose(found, keras.ops.image.resize(values, (12, 7), interpolation="bilinear"), atol=1e-6)
    assert Resized([[2, 1, 0, 1], [1, 2, 3, 1]], "half_pixel").compute_output_shape((2, 6, 8, 4)) == (2, 12, 7, 4)


def test_blocks_are_laid_row_by_row() -> None:
    image = np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4)
    found = np.asarray(ChannelsToPixels(2)(image))
    np.testing.assert_array_equal(found[0, ..., 0], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(PixelsToChannels(2)(found), image)
