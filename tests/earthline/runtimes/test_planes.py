import numpy as np

from earthline.formats.served.contract import Contract
from earthline.runtimes.planes import planes
from earthline.task.classification.task import Classification

CONTRACT = Contract(
    bands=("red", "nir"),
    task=Classification(("a", "b")).record,
    tile_shape=(4, 4),
    overlap=(0, 0),
    stride=4,
    max_payload_bytes=1,
)
RANDOM = np.random.default_rng(0)


def tiles(shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    return {
        "red": RANDOM.integers(0, 60000, shape).astype(np.uint16),
        "nir": RANDOM.normal(size=shape).astype(np.float32),
        "earthline_valid": np.ones(shape, np.uint8),
    }


def test_bands_of_any_type_come_in_the_contracts_order_and_the_validity_last() -> None:
    given = tiles((3, 4, 8))
    found = planes(dict(reversed(given.items())), CONTRACT)
    assert found.dtype == np.float32 and found.shape == (3, 3, 4, 8)
    for place, name in enumerate(("red", "nir", "earthline_valid")):
        np.testing.assert_array_equal(found[:, place], given[name])


def test_masked_pixels_and_those_without_a_number_in_some_band_are_0_in_all() -> None:
    given = tiles((2, 4, 4))
    given["earthline_valid"] = given["earthline_valid"].astype(np.float32)
    given["earthline_valid"][0, 1, 2] = 0.5
    given["nir"][0, 1, 2] = np.nan
    given["nir"][0, 3, 3], given["nir"][1, 0, 0] = np.inf, np.nan
    # Together they are no finite number, each of them is one.
    given["nir"][1, 2, :2] = np.finfo(np.float32).max
    found = planes(given, CONTRACT)
    for place in ((0, 1, 2), (0, 3, 3), (1, 0, 0)):
        assert not found[place[0], :, place[1], place[2]].any()
    assert found[:, 2].sum() == 29 and np.isfinite(found).all()
    assert found[1, 1, 2, 0] == np.finfo(np.float32).max


def test_sides_that_the_stride_does_not_divide_are_mirrored_at_their_far_edges() -> None:
    found = planes(tiles((1, 5, 3)), CONTRACT)
    assert found.shape == (1, 3, 8, 4)
    np.testing.assert_array_equal(found[:, :, 5:], found[:, :, [4, 3, 2]])
    np.testing.assert_array_equal(found[..., 3], found[..., 2])
    one = planes(tiles((1, 1, 1)), CONTRACT)
    assert one.shape == (1, 3, 4, 4) and (one == one[..., :1, :1]).all()
