"""The strata of all pixels of a region, asked for tile by tile: labels alone, without any imagery."""

import logging
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from components.export_examples.planning import chance
from earthline.config import Data, Export
from earthline.earth_engine import imagery
from earthline.earth_engine.tiles import Tile, covering, fetch_tiles
from earthline.grid import Grid
from earthline.task import task_of

Array = np.ndarray[Any, Any]

NOTHING = 255
"""Stratum of a pixel without a label."""
SIDE = 1024
"""Pixels a side of a tile. A million label pixels take Earth Engine seconds, also where each stands for hundreds of a
finer raster; five minutes is what a request may take."""
A_LOOK = 64
"""Tiles that are read at most where a look is enough: of a larger region some of them, drawn at random."""
STRIP = 128
"""Rows of a tile that are worked on at once: arrays of numbers then fit into a processor's cache."""
_IN_MEMORY = 32 << 20
"""Bytes of packed tiles beyond which they go to a file."""
_TILES = 1
"""Purpose of random numbers: which tiles are looked at."""

_logger = logging.getLogger(__name__)


class LabelTiles:
    """What was read, packed: in memory where it is little, else in a file that ends with this.

    Attributes:
        shape: Of the region's grid in pixels `(height, width)`.
        tiles: Number of tiles that were read.
        of_tiles: Number of tiles of the region.
    """

    def __init__(self, shape: tuple[int, int], of_tiles: int) -> None:
        """Holds nothing yet.

        Args:
            shape: Of the region's grid in pixels `(height, width)`.
            of_tiles: Number of tiles of the region.
        """
        self.shape, self.of_tiles = shape, of_tiles
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)
        weakref.finalize(self, self._file.close)
        self._places: dict[Tile, tuple[int, int]] = {}
        self._end = 0

    @classmethod
    def read(cls, data: Data, export: Export, grid: Grid, most: int | None = None) -> Self:
        """Asks Earth Engine for the stratum of every pixel.

        Args:
            data: The section; its labels are a raster.
            export: The section.
            grid: Of the whole region.
            most: Tiles that are read at most; of more, some are drawn by the seed. None for all of them.

        Raises:
            ImageryError: An outline is of no use.
            PixelsError: Earth Engine does not answer.
        """
        tiles, _ = covering(grid, (SIDE, SIDE), imagery.in_pixels(data, grid))
        read = cls(grid.shape, len(tiles))
        if most is not None and len(tiles) > most:
            drawn = chance.order(chance.state(export.seed, _TILES), len(tiles))[:most]
            tiles = [tiles[place] for place in sorted(drawn.tolist())]
            _logger.warning(
                "export_examples: the region is large, so the labels of %d of its %s tiles are looked at here; an "
                "export reads all of them, and deals blocks and draws patches by them",
                most,
                f"{read.of_tiles:,}",
            )
        rows, columns = data.labels.offset
        # On a grid that is shifted like the labels, a pixel of the image and its label have one place.
        shifted = grid.window(rows, columns, grid.shape)
        for tile, pixels in fetch_tiles(
            _image(data, grid),
            shifted,
            (SIDE, SIDE),
            export.concurrency,
            step="export_examples",
            place="labels",
            tiles=tiles,
        ):
            read.add(tile, pixels[imagery.LABEL_BAND])
        return read

    @property
    def tiles(self) -> int:
        """Number of tiles that were read."""
        return len(self._places)

    @property
    def share(self) -> float:
        """Part of the region's tiles that was read."""
        return self.tiles / max(1, self.of_tiles)

    def add(self, tile: Tile, strata: Array) -> None:
        """Keeps a tile.

        Args:
            tile: Its place.
            strata: Of its pixels, uint8 (height, width); `NOTHING` without a label.
        """
        packed = zlib.compress(np.ascontiguousarray(strata, np.uint8).tobytes(), 1)
        self._file.seek(self._end)
        self._file.write(packed)
        self._places[tile] = self._end, len(packed)
        self._end += len(packed)

    def strips(self) -> Iterator[tuple[int, int, Array]]:
        """First row, first column and strata, uint8 (height, width), of strips of all tiles, in order of place."""
        for tile in sorted(self._places):
            start, size = self._places[tile]
            row, column, shape = tile
            self._file.seek(start)
            strata = np.frombuffer(zlib.decompress(self._file.read(size)), np.uint8).reshape(shape)
            for top in range(0, shape[0], STRIP):
                yield row + top, column, strata[top : top + STRIP]


def _image(data: Data, grid: Grid) -> Any:
    """The stratum of each pixel inside of the region's outline as one uint8 band, masked nowhere."""
    inside = imagery.clipped(imagery.labels(data), data, grid, offset=data.labels.offset)
    return task_of(data).stratum(inside).rename([imagery.LABEL_BAND]).unmask(NOTHING, False).toUint8()
