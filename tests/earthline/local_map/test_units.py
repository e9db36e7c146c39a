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
    assert "proved on: a has values from 0.0" in sentence and "b has" not in sentence
    assert "in the same units?" in sentence
    # Blue taken for near infrared, as of a file that names no bands: few values of the one are values of the other.
    dark, bright = random.uniform(200, 800, (2, 8, 8)), random.uniform(150, 3500, (2, 8, 8))
    tiles = np.stack([dark, bright], axis=-1)
    taken = np.stack([bright.ravel(), dark.ravel()])
    (sentence,) = unlike(taken, tiles, valid, BANDS)
    assert "proved on: a has" in sentence and "Is each the right band" in sentence
    assert unlike(taken[::-1], tiles, valid, BANDS) == []
    assert unlike(samples[:, :0], tiles, valid, BANDS) == []


def test_fractions_that_are_cut_off_are_said() -> None:
    samples = np.array([[1.0, 2.5], [1.5, 2.5]])
    (sentence,) = cut(samples, contract(types={"a": "uint16"}))
    assert sentence.startswith("the image has fractions where the model takes whole numbers: a (uint16). They are cut")
    assert cut(np.floor(samples), contract(types={"a": "uint16"})) == []


def test_one_cause_is_one_sentence_however_many_bands_have_it() -> None:
    bands = tuple("abcdefgh")
    tiles, valid = np.full((1, 4, 4, len(bands)), 1000, np.float32), np.ones((1, 4, 4), np.float32)
    (sentence,) = unlike(np.full((len(bands), 9), 0.1), tiles, valid, bands)
    assert sentence.count("in the middle") == 3 and "; likewise d, e, f, g, h. Is each" in sentence
    types = {band: "uint8" if band > "d" else "int16" for band in bands}
    (sentence,) = cut(np.full((len(bands), 9), 0.5), contract(bands=bands, types=types))
    assert "a, b, c, d (int16); e, f, g, h (uint8)." in sentence
