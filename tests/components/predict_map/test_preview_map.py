"""The pure parts of a preview; test_predict_map.py runs the step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from components.preview_map import tiles, window
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification


@given(
    npst.arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0.0, 0.5, 1.0])),
    st.sampled_from([4, 16]),
    st.integers(5, 40),
    st.data(),
)
def test_no_other_window_of_whole_cells_holds_more_imagery(
    shares: np.ndarray, step: int, most: int, data: st.DataObject
) -> None:
    shape = tuple(data.draw(st.integers(step * (cells - 1) + 1, step * cells)) for cells in shares.shape)
    row, column, (height, width) = window.choose(shares, step, shape, most)
    assert (height, width) == tuple(min(side, most) for side in shape)
    assert 0 <= row <= shape[0] - height and 0 <= column <= shape[1] - width
    down, across = (-(-side // step) for side in (height, width))
    most_held = max(
        shares[top : top + down, left : left + across].sum()
        for top in range(shares.shape[0] - down + 1)
        for left in range(shares.shape[1] - across + 1)
    )
    first = min(-(-row // step), shares.shape[0] - down), min(-(-column // step), shares.shape[1] - across)
    assert shares[first[0] : first[0] + down, first[1] : first[1] + across].sum() == pytest.approx(most_held)


def test_of_windows_that_are_as_good_the_middle_one_is_shown() -> None:
    assert window.choose(np.ones((9, 9)), 10, (90, 90), 30) == (30, 30, (30, 30))


@pytest.mark.parametrize("bands", [1, 5, 64, 400])
@pytest.mark.parametrize("seen", [0, 16, 25, 200])
@pytest.mark.parametrize("stride", [1, 8, 64])
def test_tiles_can_be_halved_and_fit_into_an_answer(bands: int, seen: int, stride: int) -> None:
    tile, margin = tiles.sides(seen, stride, bands)
    whole = [side + 2 * each for side, each in zip(tile, margin, strict=True)]
    assert all(side % stride == 0 for side in (*tile, *margin, *whole)) and min(tile) >= stride
    assert min(margin) >= seen
    # 48 MB is what Earth Engine gives; only margins that leave no room for a tile exceed what is aimed at.
    assert whole[0] * whole[1] * 4 * (bands + 1) <= 48e6 or min(tile) == stride


def test_what_is_no_number_is_no_class() -> None:
    probabilities = np.array([[[0.2, 0.8], [np.nan, np.nan], [np.inf, 0.0], [0.9, 0.1]]])
    found = np.where([[True, True, True, False]], Classification(("a", "b")).decoded(probabilities), UNLABELLED)
    assert found.tolist() == [[1, UNLABELLED, UNLABELLED, UNLABELLED]] and found.dtype == np.uint8
