"""Patches out of Earth Engine: image, label and mask in a single request, of one patch or of several side by side."""

from typing import Any

import numpy as np

from components.export_examples.fetching.merging import Box
from earthline.config import Data
from earthline.earth_engine import imagery
from earthline.earth_engine.pixels import fetch
from earthline.earth_engine.retry import BatchOnlyError, PixelsError, TooHeavyError
from earthline.formats.examples import Patch
from earthline.formats.served.contract import VALID_BAND
from earthline.grid import Grid
from earthline.task import task_of


class NoRequestError(PixelsError):
    """No request gives the window, however small its parts; a task of Earth Engine has more memory and time.

    Attributes:
        requests: How many were made.
    """

    requests: int = 0


def request_image(data: Data, grid: Grid) -> Any:
    """The `ee.Image` of a patch's bands, label and validity, masked nowhere: Earth Engine's NPY format has no mask.

    Outside of the region's outline there is imagery, as a model sees it around its edge, and no label.

    Args:
        data: The section.
        grid: Of the whole region.
    """
    return imagery.training_image(data, grid)


def request_grid(grid: Grid, row: int, column: int, shape: tuple[int, int], offset: tuple[int, int]) -> Grid:
    """The window that holds a patch and, shifted by the labels' offset, its label.

    Args:
        grid: Of the whole region.
        row: Row of the patch's first pixel.
        column: Column of the patch's first pixel.
        shape: Shape of the patch in pixels `(height, width)`.
        offset: Of the labels in pixels (rows, columns).
    """
    return grid_of(grid, box_of(row, column, shape, offset))


def box_of(row: int, column: int, shape: tuple[int, int], offset: tuple[int, int]) -> Box:
    """The pixels of a patch and, shifted by the labels' offset, of its label.

    Args:
        row: Row of the patch's first pixel.
        column: Column of the patch's first pixel.
        shape: Shape of the patch in pixels `(height, width)`.
        offset: Of the labels in pixels (rows, columns).
    """
    rows, columns = offset
    top, left = row + min(rows, 0), column + min(columns, 0)
    return top, left, top + shape[0] + abs(rows), left + shape[1] + abs(columns)


def grid_of(grid: Grid, box: Box) -> Grid:
    """The window that a box is.

    Args:
        grid: Of the whole region.
        box: On that grid; may reach outside.
    """
    top, left, bottom, right = box
    return grid.window(top, left, (bottom - top, right - left))


def fetch_patch(
    image: Any, data: Data, grid: Grid, row: int, column: int, shape: tuple[int, int], attempts: int
) -> np.ndarray[Any, Any]:
    """Fetches the pixels of a patch, not decoded yet.

    Args:
        image: From `request_image`.
        data: The section.
        grid: Of the whole region.
        row: Row of the patch's first pixel.
        column: Column of the patch's first pixel.
        shape: Shape of the patch in pixels `(height, width)`.
        attempts: Most tries.

    Returns:
        Structured array of the shape of `request_grid`.

    Raises:
        PixelsError: Earth Engine does not answer; the text names the patch.
    """
    window = request_grid(grid, row, column, shape, data.labels.offset)
    return fetch(image, window, attempts, f"patch at row {row}, column {column}")


def fetch_window(image: Any, grid: Grid, box: Box, attempts: int, place: str) -> tuple[np.ndarray[Any, Any], int]:
    """Fetches the pixels of a window.

    Args:
        image: From `request_image`.
        grid: Of the whole region.
        box: On that grid; may reach outside.
        attempts: Most tries.
        place: What is fetched, for errors.

    Returns:
        Structured array of the shape of the box, and how many requests it took.

    Raises:
        NoRequestError: Tasks of Earth Engine may do what requests cannot.
        PixelsError: Earth Engine does not answer.
    """
    requests: list[None] = []
    try:
        pixels = fetch(image, grid_of(grid, box), attempts, place, requested=lambda: requests.append(None))
    except (BatchOnlyError, TooHeavyError) as error:
        refused = NoRequestError(str(error))
        refused.requests = len(requests)
        raise refused from error
    return pixels, len(requests)


def cut(
    pixels: np.ndarray[Any, Any], box: Box, row: int, column: int, shape: tuple[int, int], offset: tuple[int, int]
) -> np.ndarray[Any, Any]:
    """What `fetch_patch` would have given for a patch inside of a window: a copy, so that the window can go.

    Args:
        pixels: Of the window.
        box: Of the window.
        row: Row of the patch's first pixel.
        column: Column of the patch's first pixel.
        shape: Shape of the patch in pixels `(height, width)`.
        offset: Of the labels in pixels (rows, columns).
    """
    top, left, bottom, right = box_of(row, column, shape, offset)
    return _window(pixels, top - box[0], left - box[1], (bottom - top, right - left)).copy()


def to_patch(pixels: np.ndarray[Any, Any], data: Data, row: int, column: int, shape: tuple[int, int]) -> Patch:
    """The patch in what `fetch_patch` gave.

    Args:
        pixels: Structured array of the shape of `request_grid`.
        data: The section.
        row: Row of the patch's first pixel.
        column: Column of the patch's first pixel.
        shape: Shape of the patch in pixels `(height, width)`.
    """
    rows, columns = data.labels.offset
    here = _window(pixels, max(-rows, 0), max(-columns, 0), shape)
    there = _window(pixels, max(rows, 0), max(columns, 0), shape)
    valid = here[VALID_BAND] > 0
    image = np.stack([here[band] for band in data.imagery.band_names], axis=-1).astype(data.imagery.data_type)
    image[~valid] = 0
    task = task_of(data)
    label = np.where(valid, there[imagery.LABEL_BAND], task.no_data).astype(task.data_type)
    return Patch(image, label, valid, row, column)


def _window(pixels: np.ndarray[Any, Any], row: int, column: int, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    return pixels[row : row + shape[0], column : column + shape[1]]
