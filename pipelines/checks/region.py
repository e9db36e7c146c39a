"""What a config's region and grid are, and where they do not fit together: by arithmetic, without any request."""

import math
from collections.abc import Iterator

import shapely
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from earthline.config import BoundingBox, Config, Data, Outline, Region
from earthline.finding import Finding
from earthline.formats.manifest import SPLITS
from earthline.grid import Grid, GridError, known_crs, shown
from earthline.outlines import on_grid, shapes


def of_region(config: Config) -> Iterator[Finding]:
    """Findings on `data.region`, `predict.region`, the grid and `export.split_regions`.

    Args:
        config: The workflow's config.
    """
    data = config.data
    if data.region is not None:
        yield Finding("region", True, "; ".join([*_told(data.region), *_grid(data)]))
    shape = data.region.shape if data.region is not None else None
    if shape is not None and data.crs is not None:
        yield from _area_of_use(data.crs, shape)
    if config.predict.region is not None:
        yield _map(config.predict.region, shape)
    yield from _splits(config, shape)


def _told(region: Region) -> list[str]:
    if isinstance(region, BoundingBox):
        south, north = region.south, region.north
        across = ", across the antimeridian" if region.west > region.east else ""
        area = shapes.square_metres(shapely.segmentize(region.shape, 0.25)) / 1e6
        return [f"rectangle from {south:g} to {north:g} degrees north{across}, {area:,.4g} km²"]
    if region.shape is None:
        table = region.table if isinstance(region, Outline) else None
        return [f"polygons of {table}, which Earth Engine is asked for"]
    notes = region.notes if isinstance(region, Outline) else ()
    return [shapes.told(region.shape), *notes]


def _grid(data: Data) -> list[str]:
    """The grid's CRS and size, as far as the config alone tells."""
    told = [data.grid_told] if data.grid_told else []
    shape = data.region.shape if data.region is not None else None
    if data.crs is None or data.scale is None or shape is None:
        return told
    plane = Grid(data.crs, (data.scale, 0.0, 0.0, 0.0, -data.scale, 0.0), (1, 1))
    try:
        left, bottom, right, top = on_grid.in_crs(shape, plane).bounds
    except GridError as error:
        return [*told, str(error)]
    height, width = (math.ceil(side / data.scale) for side in (top - bottom, right - left))
    return [*told, f"about {height:,} x {width:,} pixels of {plane.crs_name}"]


def _area_of_use(crs: str, shape: BaseGeometry) -> Iterator[Finding]:
    """Where a region lies outside of what a CRS is made for; areas stay right, shapes and sizes of pixels do not."""
    area = known_crs(crs).area_of_use
    if area is None:
        return
    east = area.east + (360 if area.east < area.west else 0)
    made_for = shapely.box(area.west, area.south, east, area.north)
    outside = 1 - shape.intersection(_beside(made_for)).area / shape.area
    if outside > 0.5:
        yield Finding(
            "CRS",
            None,
            f"{shown(crs)} is made for {area.name}, and {100 * outside:.0f} % of the region lies outside: pixels may "
            "be far from square there; a CRS of the region, or `scale` alone for its UTM zone, is better",
        )


def _map(region: Region, learned: BaseGeometry | None) -> Finding:
    told = "; ".join(_told(region))
    shape = region.shape
    if learned is None or shape is None:
        return Finding("map's region", True, told)
    outside = 1 - shape.intersection(_beside(learned)).area / shape.area
    if outside > 0.01:
        told += f"; {100 * outside:.0f} % of it lies outside of data.region, from which the model learns"
    return Finding("map's region", True, told)


def _splits(config: Config, shape: BaseGeometry | None) -> Iterator[Finding]:
    regions = config.export.split_regions
    if regions is None or shape is None:
        return
    boxes = {"train": regions.train, "validation": regions.validation, "test": regions.test}
    for split in SPLITS:
        for index, box in enumerate(boxes[split]):
            if not box.shape.intersection(_beside(shape)).area:
                yield Finding(
                    "split regions",
                    False,
                    f"export.split_regions.{split}[{index}]: {box.degrees} lies outside of data.region; move it, or "
                    "enlarge the region",
                )


def _beside(shape: BaseGeometry) -> BaseGeometry:
    """A shape and itself a turn further east and west: on one side of the antimeridian and on the other."""
    return shapely.union_all([translate(shape, turn) for turn in (-360, 0, 360)])
