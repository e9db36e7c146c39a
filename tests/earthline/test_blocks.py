import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.export_examples.planning import blocks as dealt
from earthline import blocks


@given(st.tuples(st.integers(1, 90), st.integers(1, 90)), st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_every_pixel_has_the_number_of_the_block_that_is_dealt_with_it(
    shape: tuple[int, int], block_shape: tuple[int, int]
) -> None:
    row, column = np.indices(shape)
    numbers = blocks.number(row, column, shape, block_shape)
    for index, block in enumerate(dealt.blocks(shape, block_shape)):
        left, top, right, bottom = (int(each) for each in block.bounds)
        assert (numbers[top:bottom, left:right] == index).all()
    assert numbers.max() == len(dealt.blocks(shape, block_shape)) - 1
