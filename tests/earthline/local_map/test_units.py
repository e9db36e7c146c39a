import numpy as np

from earthline.local_map.job import cut, unlike

from .models import BANDS, contract


def test_values_that_have_nothing_in_common_with_the_models_are_said() -> None:
    random = np.random.default_rng(0)
    tiles, valid = random.uniform(500, 3000, (2, 8, 8, 2)).astype(np.float32), np.ones((2, 8, 8), np.float32)
    # What is not valid counts for nothing.
    tiles[0, 0], valid[0, 0] = 0, 0
    samples = np.stack([random.uniform(0, 1, 100), random.uniform(300, 1200, 100)])
    (sentence,) = unlike(samples, tiles, valid, BANDS)
    assert sentence.startswith("a has values from 0.0") and "in the same units?" in sentence
    # Blue taken for near infrared, as of a file that names no bands: few values of the one are values of the other.
    dark, bright = random.uniform(200, 800, (2, 8, 8)), random.uniform(150, 3500, (2, 8, 8))
    tiles = np.stack([dark, bright], axis=-1)
    taken = np.stack([bright.ravel(), dark.ravel()])
    (sentence,) = unlike(taken, tiles, valid, BANDS)
    assert sentence.startswith("a has values from") and "is it the right band" in sentence
    assert unlike(taken[::-1], tiles, valid, BANDS) == []
    assert unlike(samples[:, :0], tiles, valid, BANDS) == []


def test_fractions_that_are_cut_off_are_said() -> None:
    samples = np.array([[1.0, 2.5], [1.5, 2.5]])
    (sentence,) = cut(samples, contract(types={"a": "uint16"}))
    assert sentence.startswith("a has fractions, and the model takes whole numbers (uint16)")
    assert cut(np.floor(samples), contract(types={"a": "uint16"})) == []
