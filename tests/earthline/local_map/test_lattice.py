from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earthline.local_map.lattice import Lattice
from earthline.local_map.placement import Placement

from .models import contract

Array = np.ndarray[Any, Any]


def reader(values: Array, valid: Array) -> Any:
    """A window of an image, zeros and not valid outside."""

    def read(row: int, column: int, shape: tuple[int, int]) -> tuple[Array, Array]:
        height, width = valid.shape
        rows, columns = np.arange(row, row + shape[0]), np.arange(column, column + shape[1])
        inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
        taken = np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))
        there = valid[taken] & inside
        return np.where(there, values[(slice(None), *taken)], 0).astype(np.float32), there

    return read


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 60)),
    corner=st.tuples(st.integers(-50, 50), st.integers(-50, 50)),
    tile=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    half=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    batch=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_tiles_put_together_are_the_image(
    shape: tuple[int, int],
    corner: tuple[int, int],
    tile: tuple[int, int],
    half: tuple[int, int],
    batch: int,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    values, valid = random.normal(size=(2, *shape)), random.random(shape) < 0.3
    of = contract(tile_shape=tile, overlap=(2 * half[0], 2 * half[1]))
    lattice = Lattice(shape, Placement(*corner), of, batch)
    found, times = np.full(shape, np.nan), np.zeros(shape, int)
    tiles = 0
    for number in range(len(lattice)):
        group = lattice[number]
        assert group.number == number and 1 <= group.tiles <= batch
        # Tiles begin at whole multiples from the lattice's origin, wherever the image begins.
        assert (group.row + corner[0]) % tile[0] == 0 and (group.column + corner[1]) % tile[1] == 0
        tiles += group.tiles
        sent = lattice.sent(group, reader(values, valid))
        shown = [sent.valid[:, place * tile[1] : (place + 1) * tile[1]].any() for place in range(group.tiles)]
        assert sent.places == tuple(np.flatnonzero(shown))
        if sent.places:
            assert set(sent.inputs) == {"a", "b", "earthline_valid"}
            assert all(
                each.shape == (len(sent.places), tile[0] + 2 * half[0], tile[1] + 2 * half[1])
                for each in sent.inputs.values()
            )
            answer = sent.inputs["a"].copy()
            # What lies in the overlap must not show.
            answer[:, : half[0]] = answer[:, answer.shape[1] - half[0] :] = 99
            answer[:, :, : half[1]] = answer[:, :, answer.shape[2] - half[1] :] = 99
        else:
            answer = np.zeros((0, *of.tile_shape), np.float32)
        block = lattice.trimmed(sent, answer, -1)
        rows, columns = np.arange(tile[0]) + group.row, np.arange(group.tiles * tile[1]) + group.column
        inside = np.ix_((rows >= 0) & (rows < shape[0]), (columns >= 0) & (columns < shape[1]))
        place = np.ix_(rows[(rows >= 0) & (rows < shape[0])], columns[(columns >= 0) & (columns < shape[1])])
        found[place] = block[inside]
        times[place] += 1
    assert (times == 1).all() and tiles == lattice.tiles == lattice.count(np.ones(len(lattice), bool))
    np.testing.assert_array_equal(found, np.where(valid, values[0].astype(np.float32), -1))


def test_the_context_of_a_tile_is_what_lies_around_it() -> None:
    values, valid = np.arange(2 * 40 * 40, dtype=float).reshape(2, 40, 40), np.ones((40, 40), bool)
    lattice = Lattice((40, 40), Placement(2, 3), contract(), batch=2)
    group = lattice[len(lattice) // 2]
    sent = lattice.sent(group, reader(values, valid))
    row, column = group.row - 2, group.column + 12 - 3
    np.testing.assert_array_equal(sent.inputs["b"][1], values[1, row : row + 12, column : column + 18])


def test_bands_that_are_sent_as_whole_numbers_are_cast_as_earth_engine_casts() -> None:
    values = np.array([[[3.7, -2.5, 70_000.0, 65_535.0]], [[0.5, 1.5, -1.0, 9.0]]])
    of = contract(tile_shape=(2, 4), overlap=(0, 0), types={"a": "uint16"})
    lattice = Lattice((1, 4), Placement(), of, batch=1)
    sent = lattice.sent(lattice[0], reader(values, np.ones((1, 4), bool)))
    assert sent.inputs["a"][0, 0].tolist() == [3, 0, 65_535, 65_535]
    assert sent.inputs["b"][0, 0].tolist() == [0.5, 1.5, -1, 9]
    assert sent.inputs["a"].dtype == np.float32
