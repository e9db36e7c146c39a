"""Reaches by hand."""

from trainer.models.parts import reach


def test_a_convolution_of_five_after_a_halving_and_a_doubling() -> None:
    # Pixels 0 and 1 become cell 0; five cells from -2 to 2 are pixels -4 to 5, of which pixel 0 sees 5 to the right.
    assert reach.side(2, lambda place: place.coarser().through(5).finer()) == 11


def test_dilated_kernels_add_up() -> None:
    assert reach.side(1, lambda place: place.through(3).through(3, 4)) == 1 + 2 * (1 + 4)
