"""How much a label would help at each pixel of a map, from the bands beside it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import rasterio
from rasterio.windows import Window

Array = np.ndarray[Any, Any]

BLOCK = 256
"""Side in pixels of the parts that are read at a time; a power of 2."""
LEAST = 0.1
"""Chance of a pixel that the model is sure of, as a share of that of one which needs a label most. Above 0, so that
every pixel can be drawn: only then are estimates from the points unbiased (Horvitz and Thompson 1952)."""


class NeedError(ValueError):
    """Rasters that tell nothing of where labels would help; the text says what to do."""


def require_map(folder: Path) -> Path:
    """The map among the results of a run.

    Args:
        folder: Of the results.

    Raises:
        NeedError: There is none; the text says why, where that is known.
    """
    path = folder / "map.tif"
    if path.is_file():
        return path
    if (folder / "preview.tif").is_file():
        raise NeedError(
            f"{folder} holds the preview of a model that was not deployed, not a map; name a run whose outcome is "
            "`accepted` in `earthline runs list`"
        )
    raise NeedError(f"{path} is not there: name the folder of a run's results, such as runs/ID")


@dataclass(frozen=True)
class Block:
    """A part of the map.

    Attributes:
        row: Of its first pixel.
        column: Likewise.
        shape: In pixels `(height, width)`.
    """

    row: int
    column: int
    shape: tuple[int, int]

    @property
    def window(self) -> Window:
        """As rasterio has it."""
        return Window(self.column, self.row, self.shape[1], self.shape[0])


class Needs:
    """The rasters of a map, read part after part."""

    def __init__(self, folder: Path) -> None:
        """Opens them.

        Args:
            folder: With `map.tif` and `confidence.tif`.

        Raises:
            NeedError: One is missing, or the second one has no band that tells how sure the model is.
        """
        require_map(folder)
        if not (folder / "confidence.tif").is_file():
            raise NeedError(
                f"{folder / 'confidence.tif'} is not there; a run writes it beside map.tif where its config has "
                "`predict.bands: [margin]`"
            )
        self.map = rasterio.open(folder / "map.tif")
        self._confidence = rasterio.open(folder / "confidence.tif")
        self.bands = tuple(str(name) for name in self._confidence.descriptions)
        quantiles = [name for name in self.bands if name.startswith("q0.")]
        self._bounds = (quantiles[0], quantiles[-1]) if len(quantiles) > 1 else None
        if not {"margin", "probability", "applicable"} & set(self.bands) and self._bounds is None:
            self.close()
            raise NeedError(
                f"{folder / 'confidence.tif'} has the bands {', '.join(self.bands)}, of which none tells how sure the "
                "model is; add margin (of classes), the bounds of the loss `quantile` (of a value) or applicable to "
                "predict.bands and run again"
            )
        self._widest = self._widest_interval()

    def blocks(self) -> Iterator[Block]:
        """Parts that together cover the map, row by row."""
        for row in range(0, self.map.height, BLOCK):
            for column in range(0, self.map.width, BLOCK):
                shape = min(BLOCK, self.map.height - row), min(BLOCK, self.map.width - column)
                yield Block(row, column, shape)

    def confidence(self, block: Block) -> Mapping[str, Array]:
        """The bands beside the map, (height, width) each."""
        values = self._confidence.read(window=block.window)
        return dict(zip(self.bands, values, strict=True))

    def weights(self, block: Block) -> Array:
        """Relative chances of pixels to be drawn, float64 (height, width): 0 without a map, else `LEAST` to 1.

        A pixel needs a label the more, the smaller the margin to the next class is (or the wider the interval of its
        value); outside of the area of applicability it needs one most.
        """
        told = self.confidence(block)
        need = np.zeros(block.shape)
        if "margin" in told:
            need = 1 - told["margin"].astype(np.float64)
        elif "probability" in told:
            need = 1 - told["probability"].astype(np.float64)
        elif self._bounds is not None:
            need = self._width(told) / self._widest if self._widest > 0 else need
        if "applicable" in told:
            need = np.where(told["applicable"] < 0.5, 1.0, need)
        mapped = self._confidence.read_masks(1, window=block.window) > 0
        return np.where(mapped, LEAST + (1 - LEAST) * np.clip(need, 0, 1), 0.0)

    def _width(self, told: Mapping[str, Array]) -> Array:
        assert self._bounds is not None
        low, high = (told[name].astype(np.float64) for name in self._bounds)
        return high - low

    def _widest_interval(self) -> float:
        if self._bounds is None:
            return 0.0
        return max(float(self._width(self.confidence(block)).max()) for block in self.blocks())

    def close(self) -> None:
        """Closes the files."""
        self.map.close()
        self._confidence.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the files."""
        self.close()
