"""Image and label of a patch come from one window, whatever the labels' offset."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.export_examples.fetching.requests import pixel_type, windows_of
from components.export_examples.fetching.windows import cut, request_grid, to_patch
from earthline.config import Data, Export
from earthline.earth_engine.imagery import LABEL_BAND
from earthline.formats.served.contract import VALID_BAND
from earthline.grid import Grid
from earthline.task.classification.classes import UNLABELLED

GRID = Grid("EPSG:32119", (30.0, 0.0, 1000.0, 0.0, -30.0, 9000.0), (60, 60))


def section(offset):
    return Data.model_validate(
        {
            "imagery": {"image": "projects/p/assets/image", "bands": ["B1", "B2"], "data_type": "int16"},
            "labels": {
                "image": "projects/p/assets/labels",
                "band": "class",
                "offset": offset,
                "classes": [
                    {"name": "land", "color": "#1b7837", "values": [1]},
                    {"name": "water", "color": "#2b8cbe", "values": [2]},
                ],
            },
        }
    )


def scene(window):
    """What Earth Engine would give for a window of a scene whose values tell their place."""
    row, column = GRID.pixel(*window.center(0, 0))
    rows, columns = np.mgrid[row : row + window.shape[0], column : column + window.shape[1]]
    pixels = np.zeros(window.shape, [("B1", "i2"), ("B2", "i2"), (LABEL_BAND, "u1"), (VALID_BAND, "u1")])
    pixels["B1"], pixels["B2"] = rows, columns
    pixels[LABEL_BAND] = (3 * rows + 7 * columns) % 200
    pixels[VALID_BAND] = (rows + columns) % 5 != 0
    return pixels


@given(
    st.integers(0, 40),
    st.integers(0, 40),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(-4, 4), st.integers(-4, 4)),
)
def test_every_pixel_is_in_its_place(row, column, shape, offset):
    data = section(offset)
    window = request_grid(GRID, row, column, shape, offset)
    patch = to_patch(scene(window), data, row, column, shape)
    assert patch.image.shape == (*shape, 2) and patch.image.dtype == np.int16
    rows, columns = np.mgrid[row : row + shape[0], column : column + shape[1]]
    seen = (rows + columns) % 5 != 0
    np.testing.assert_array_equal(patch.image[..., 0], np.where(seen, rows, 0))
    np.testing.assert_array_equal(patch.image[..., 1], np.where(seen, columns, 0))
    label = (3 * (rows + offset[0]) + 7 * (columns + offset[1])) % 200
    np.testing.assert_array_equal(patch.label, np.where(seen, label, UNLABELLED))
    np.testing.assert_array_equal(patch.valid, seen)
    assert (patch.row, patch.column) == (row, column)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12, unique=True),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(-4, 4), st.integers(-4, 4)),
)
def test_a_patch_cut_out_of_a_window_is_the_patch_alone(corners, shape, offset):
    data, export = section(offset), Export(patch_shape=shape, block_shape=(18, 18), concurrency=1)
    cuts = 0
    for box, places in windows_of(np.array(corners), data, export):
        top, left, bottom, right = box
        window = scene(GRID.window(top, left, (bottom - top, right - left)))
        for row, column in np.array(corners)[places].tolist():
            found = cut(window, box, row, column, shape, offset)
            np.testing.assert_array_equal(found, scene(request_grid(GRID, row, column, shape, offset)))
            assert not np.shares_memory(found, window), "the window can go"
            cuts += 1
    assert cuts == len(corners)


def test_the_type_of_an_answer_is_known_beforehand():
    assert pixel_type(section((0, 0))) == np.dtype([("B1", "i2"), ("B2", "i2"), (LABEL_BAND, "u1"), (VALID_BAND, "u1")])
