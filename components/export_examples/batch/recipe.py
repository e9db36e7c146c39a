"""What an export task computes: a table with a row per patch, whose columns are the patch's bands.

One pixel is sampled for each patch, its middle, of an image whose pixels are arrays of all pixels around. Every patch
is a computation of its own, so that a task holds one of them in memory and not all
(https://developers.google.com/earth-engine/guides/tfrecord tells what a table's row becomes).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import ee
import numpy as np

from components.export_examples.fetching import requests, windows
from earthline.config import Data
from earthline.grid import Grid

INDEX = "earthline_index"
"""Column that says which patch of the task a row is: Earth Engine promises no order."""


Corner = tuple[int, int]
Array = np.ndarray[Any, Any]


class Recipe:
    """Makes the table of an export, and patches of its rows."""

    def __init__(self, data: Data, grid: Grid, patch_shape: tuple[int, int]) -> None:
        """Prepares what all tasks share; asks nothing.

        Args:
            data: The section, with its data type.
            grid: Of the whole region.
            patch_shape: Pixels (height, width).
        """
        self._data, self._grid, self._patch_shape = data, grid, patch_shape
        self._shape = windows.request_grid(grid, 0, 0, patch_shape, data.labels.offset).shape
        # A rectangle of odd sides has a middle that nobody can understand otherwise; one row or column may be too many.
        self._radius = self._shape[0] // 2, self._shape[1] // 2
        self._type = requests.pixel_type(data)

    @property
    def columns(self) -> list[str]:
        """Names of the table's columns."""
        return [INDEX, *(self._type.names or ())]

    def table(self, corners: Sequence[Corner], tile_scale: int) -> Any:
        """The `ee.FeatureCollection`.

        Args:
            corners: Rows and columns of the patches' first pixels, on the region's grid.
            tile_scale: Earth Engine's `tileScale`: 1 to 16, a larger one needs less memory and more time.
        """
        down, right = self._radius
        kernel = ee.Kernel.rectangle(right, down, "pixels")
        arrays = windows.request_image(self._data, self._grid).neighborhoodToArray(kernel)
        projection = ee.Projection(self._grid.crs, list(self._grid.transform))
        places = []
        for index, (row, column) in enumerate(corners):
            first_row, first_column, _, _ = windows.box_of(row, column, self._patch_shape, self._data.labels.offset)
            x, y = self._grid.center(first_row + down, first_column + right)
            places.append([index, x, y])

        def point_of(place: Any) -> Any:
            place = ee.List(place)
            point = ee.Geometry.Point([place.getNumber(1), place.getNumber(2)], ee.Projection(self._grid.crs))
            return ee.Feature(point, {INDEX: place.getNumber(0)})

        def row_of(point: Any) -> Any:
            found = arrays.sample(region=point.geometry(), projection=projection, dropNulls=False, tileScale=tile_scale)
            return ee.Feature(found.first()).set(INDEX, point.get(INDEX))

        # Points make a list, which Earth Engine holds as a whole; rows a collection, which it goes through.
        return ee.FeatureCollection(ee.List(places).map(point_of)).map(row_of)

    def pixels(self, features: Mapping[str, Array]) -> tuple[int, Array]:
        """A row as what a request for the same patch gives.

        Args:
            features: Of one record, by name.

        Returns:
            Its place among the task's patches, and a structured array of the shape of `windows.request_grid`.

        Raises:
            ValueError: The row is not what was asked for; the text says which column.
        """
        side = self._side
        index = self._column(features, INDEX, (1,))
        found = np.zeros(self._shape, self._type)
        for name in self._type.names or ():
            values = self._column(features, name, side)
            found[name] = values[: self._shape[0], : self._shape[1]]
        return int(index[0]), found

    @property
    def _side(self) -> tuple[int, int]:
        return 2 * self._radius[0] + 1, 2 * self._radius[1] + 1

    @staticmethod
    def _column(features: Mapping[str, Array], name: str, shape: tuple[int, ...]) -> Array:
        values = features.get(name)
        if values is None:
            raise ValueError(f"it has no column {name}")
        if values.dtype == object:
            # A band of bytes may be one byte string.
            values = np.frombuffer(b"".join(values.tolist()), np.uint8)
        if values.size != np.prod(shape):
            raise ValueError(f"column {name} holds {values.size:,} numbers and not {' x '.join(map(str, shape))}")
        return values.reshape(shape)
