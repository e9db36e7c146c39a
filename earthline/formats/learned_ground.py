"""The ground that a model learned from: kept with it, so that a later judge knows on which pixels it may be asked.

Part of the contract that the prediction server reads at its start, which needs no geometry: it is loaded when asked.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from earthline.formats.manifest import Manifest
    from earthline.grid import Grid

Array = np.ndarray[Any, Any]


class LearnedGround(BaseModel):
    """Where the training and validation patches lay."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grid: dict[str, Any] = Field(description="Grid of the examples: crs, transform, shape (height, width).")
    area: dict[str, Any] = Field(description="GeoJSON geometry in pixels of the grid (x = column, y = row).")
    gap: int = Field(ge=0, description="Pixels around it that are too near to count as held out.")

    @classmethod
    def of(cls, manifest: "Manifest") -> "LearnedGround | None":
        """The ground of a dataset's training and validation splits; None where nobody knows where its patches lie."""
        if not manifest.placed:
            return None
        import shapely
        from shapely.geometry import mapping, shape

        areas = [shape(manifest.split_areas[split]) for split in ("train", "validation")]
        return cls(grid=manifest.grid, area=mapping(shapely.union_all(areas)), gap=manifest.gap)

    def holds(self, grid: "Grid", row: Array, column: Array) -> Array:
        """Whether pixels of any grid lie on this ground, or nearer to it than the gap.

        Args:
            grid: Of the pixels.
            row: Rows, (pixels,).
            column: Columns, (pixels,).

        Returns:
            bool (pixels,); True as well where the place cannot be told.
        """
        import shapely
        from pyproj import Transformer
        from shapely.geometry import shape

        from earthline.grid import Grid

        mine = Grid.from_json(self.grid)
        x, y = _applied(grid.affine, np.asarray(column) + 0.5, np.asarray(row) + 0.5)
        if mine.crs != grid.crs:
            x, y = Transformer.from_crs(grid.pyproj_crs, mine.pyproj_crs, always_xy=True).transform(x, y)
        across, down = _applied(~mine.affine, np.asarray(x), np.asarray(y))
        near = shape(self.area).buffer(self.gap, join_style="mitre")
        known = np.isfinite(across) & np.isfinite(down)
        inside = shapely.intersects_xy(near, np.where(known, across, 0.0), np.where(known, down, 0.0))
        return np.asarray(~known | inside, bool)


def _applied(affine: Any, x: Array, y: Array) -> tuple[Array, Array]:
    a, b, c, d, e, f = tuple(affine)[:6]
    return a * x + b * y + c, d * x + e * y + f
