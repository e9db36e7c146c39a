import pytest

from earthline.grid import Grid
from earthline.local_map.placement import ScaleError, placed

from .files import CORNER, CRS, SCALE
from .models import contract


def grid(row: float = 0, column: float = 0, scale: float = SCALE, crs: str = CRS) -> Grid:
    left, top = CORNER[0] + SCALE * column, CORNER[1] - SCALE * row
    return Grid(crs, (scale, 0, left, 0, -scale, top), (100, 200))


def test_an_image_on_the_models_pixels_lies_where_the_model_says() -> None:
    for row, column in ((0, 0), (13, 7), (-5, -400)):
        found = placed(grid(row, column), contract(), any_scale=False)
        assert (found.row, found.column, found.on_grid, found.notes) == (row, column, True, ())
    # A part of a pixel beside them: the nearest ones, so that tiles begin in step with the network's stride.
    shifted = placed(grid(13.3, 7), contract(), any_scale=False)
    assert (shifted.row, shifted.column, shifted.on_grid) == (13, 7, False)
    assert "shifted by 0.30 of a pixel" in shifted.notes[0]


def test_an_image_elsewhere_is_taken_as_it_is_and_said_so() -> None:
    # The neighbouring zone, whose pixels there are a little larger on the ground.
    found = placed(Grid("EPSG:32633", (10, 0, 200_000, 0, -10, 5_000_000), (100, 200)), contract(), any_scale=False)
    assert (found.row, found.column, found.on_grid) == (0, 0, False)
    assert [note for note in found.notes if "EPSG:32633" in note and "EPSG:32632" in note]
    unknown = placed(grid(), contract(learned_ground=None), any_scale=False)
    assert "does not tell on which pixels" in unknown.notes[0]


@pytest.mark.parametrize(
    "other", [grid(scale=30), grid(scale=5), Grid("EPSG:4326", (1e-3, 0, 10, 0, -1e-3, 45), (9, 9))]
)
def test_another_scale_is_refused_unless_it_is_meant(other: Grid) -> None:
    with pytest.raises(ScaleError, match=r"the model learned from 10 m x 10 m.*-tr 10 10.*--any-scale"):
        placed(other, contract(), any_scale=False)
    found = placed(other, contract(), any_scale=True)
    assert found.notes[0].startswith("the image's pixels are ") and not found.on_grid


def test_a_little_coarser_is_mapped_and_said() -> None:
    found = placed(grid(scale=11), contract(), any_scale=False)
    assert "11 m x 11 m on the ground" in found.notes[0]
    # The same size to less than half a pixel over the image is the same.
    assert placed(grid(scale=10 + 1e-5), contract(), any_scale=False).on_grid


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ((10, 0, 0, 10), "mirrored"),
        ((-10, 0, 0, -10), "mirrored"),
        ((0, 10, -10, 0), "mirrored"),
        ((-10, 0, 0, 10), "turned by 180 degrees"),
        ((0, -10, -10, 0), "turned by 90 degrees"),
        ((9.397, 3.42, 3.42, -9.397), "turned by 20 degrees"),
        ((9.986, 0.523, 0.523, -9.986), ""),
    ],
)
def test_an_image_that_is_not_north_up_is_said_to_be_so(steps: tuple[float, ...], told: str) -> None:
    a, b, d, e = steps
    found = placed(Grid(CRS, (a, b, CORNER[0], d, e, CORNER[1]), (100, 200)), contract(), any_scale=False)
    assert not found.on_grid
    if told:
        assert len(found.notes) == 1 and found.notes[0].startswith(f"the image is {told} against the pixels")
    else:
        assert found.notes == ()
