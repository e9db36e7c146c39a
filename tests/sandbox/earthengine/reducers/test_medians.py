import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthline_sandbox.earthengine.reducers import medians

TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]


def expected(values, valid):
    """Pixel by pixel, by NumPy."""
    flat, seen = values.reshape(len(values), -1), valid.reshape(len(values), -1)
    found = [np.median(flat[seen[:, n], n].astype("float64")) if seen[:, n].any() else 0 for n in range(flat.shape[1])]
    return np.array(found).reshape(values.shape[1:])


def ends(kind):
    return [-np.inf, np.inf] if kind.kind == "f" else [np.iinfo(kind).min, np.iinfo(kind).max]


@settings(max_examples=150)
@given(
    kind=st.sampled_from(TYPES).map(np.dtype),
    count=st.integers(1, medians.MOST),
    masked=st.sampled_from([0.0, 0.2, 0.9, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_medians_are_those_of_the_valid_entries(kind, count, masked, seed):
    generator = np.random.default_rng(seed)
    shape = (count, 6, 7)
    values = generator.integers(0, 100, shape).astype(kind)
    # Both ends of a type are what masked entries become: as values they must count all the same.
    least = generator.random(shape) < 0.1
    values[least] = ends(kind)[int(generator.integers(2))]
    valid = generator.random(shape) >= masked
    assert medians.suits(values)
    found, seen = medians.medians(values, valid)
    assert (seen == valid.any(axis=0)).all()
    with np.errstate(invalid="ignore"):
        wanted = expected(values, valid)
    # Between an infinite value and its like lies nothing that could be told.
    told = np.isfinite(wanted)
    assert np.allclose(found[told], wanted[told], rtol=1e-12, atol=0)


def test_many_pixels_are_taken_in_pieces_that_do_not_show():
    generator = np.random.default_rng(1)
    values = generator.integers(0, 1_000, (7, 300, 301)).astype("uint16")
    valid = generator.random(values.shape) > 0.4
    found, _ = medians.medians(values, valid)
    parts = [
        medians.medians(values[:, :, column : column + 1], valid[:, :, column : column + 1])[0] for column in (0, 300)
    ]
    assert (np.concatenate(parts, axis=1) == found[:, [0, 300]]).all()
    assert (found[::50, ::50] == expected(values[:, ::50, ::50], valid[:, ::50, ::50])).all()


@pytest.mark.parametrize(
    "values", [np.full((3, 2), np.nan), np.zeros((3, 2), "int64"), np.zeros((33, 2)), np.zeros((0, 2))]
)
def test_what_a_network_cannot_order_is_left_to_others(values):
    assert not medians.suits(values)
