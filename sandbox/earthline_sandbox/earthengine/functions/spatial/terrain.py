"""Terrain: slope, aspect and shade of elevations, shadows, and pits filled up.

https://developers.google.com/earth-engine/apidocs/ee-terrain-products: the gradient comes from the four neighbours of
a pixel, in metres per metre; pixels that lack one of them are masked.
"""

import heapq
import math

import numpy as np
from scipy import ndimage

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.functions.image.lattice import blockwise, numbers, one_band
from earthline_sandbox.earthengine.functions.spatial.edges import gradients, ground
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import BOOLEAN, BYTE, Array, Band, Pixels, PixelType
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

_BLOCK = 256
_WIDEST = 1_024


def _elevation(name: str, image: Image) -> Band:
    if len(image.bands) == 1:
        return image.bands[0]
    if "elevation" not in image.names:
        raise invalid(
            f"{name}: The image must have a single band, or one named 'elevation'; got {image.shown_names()}."
        )
    return image.band("elevation")


def _steepness(east: Array, north: Array) -> Array:
    return np.arctan(np.hypot(east, north))


def _facing(east: Array, north: Array) -> Array:
    """Where the slope looks down to, in radians clockwise from north; 0 where it is flat."""
    return np.where((east == 0) & (north == 0), 0.0, np.arctan2(-east, -north)) % (2 * math.pi)


def _shade(east: Array, north: Array, azimuth: float, elevation: float) -> Array:
    zenith, towards = math.radians(90 - elevation), math.radians(azimuth)
    slope = _steepness(east, north)
    light = math.cos(zenith) * np.cos(slope) + math.sin(zenith) * np.sin(slope) * np.cos(towards - _facing(east, north))
    return np.clip(light, 0, 1) * 255


def _products(name: str, image: Image, azimuth: float = 270.0, elevation: float = 45.0) -> list[Band]:
    """Bands `slope`, `aspect` and `hillshade`."""
    band = _elevation(name, image)

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        east, north, mask = gradients(name, band, grid)
        return [
            (np.degrees(_steepness(east, north)), mask),
            (np.degrees(_facing(east, north)), mask),
            (np.floor(_shade(east, north, azimuth, elevation) + 0.5), mask),
        ]

    shared = Shared(whole)
    kinds = (("slope", PixelType("float", 0, 90)), ("aspect", PixelType("float", 0, 360)), ("hillshade", BYTE))
    return [
        band.derived(output_source(shared, place, kind), kind, output) for place, (output, kind) in enumerate(kinds)
    ]


@function("Terrain.slope")
def slope(input: Image) -> Image:
    """Degrees from the horizontal."""
    return input.with_bands(_products("Terrain.slope", input)[:1])


@function("Terrain.aspect")
def aspect(input: Image) -> Image:
    """Degrees clockwise from north that the slope faces."""
    return input.with_bands(_products("Terrain.aspect", input)[1:2])


@function("Terrain.hillshade")
def hillshade(input: Image, azimuth: float, elevation: float) -> Image:
    """Brightness, 0 to 255, under a light at that azimuth and elevation, in degrees."""
    return input.with_bands(_products("Terrain.hillshade", input, azimuth, elevation)[2:])


@function("Terrain.products", "Terrain")
def products(input: Image) -> Image:
    """All bands of the image, and `slope`, `aspect` and `hillshade`."""
    name = "Terrain.products"
    read = _elevation(name, input)

    def again(grid: Grid) -> Pixels:
        # As it is read for the slope, so that elevations that take long are computed once.
        pixels = read.fetch(grid.padded(1, 1, 1, 1), ragged=True)
        return Pixels(pixels.values[1:-1, 1:-1], pixels.mask[1:-1, 1:-1])

    own = [band.derived(again) if band is read else band for band in input.bands]
    return input.with_bands([*own, *_products(name, input)])


@function("Terrain.hillShadow", "HillShadow", ignores=("hysteresis",))
def hill_shadow(image: Image, azimuth: float, zenith: float, neighborhood_size: int) -> Image:
    """1 where nothing within the neighbourhood stands between a pixel and the light, else 0."""
    name = "Terrain.hillShadow"
    if not 0 <= neighborhood_size <= _WIDEST:
        raise invalid(f"{name}: neighborhoodSize must be between 0 and {_WIDEST} pixels, not {neighborhood_size}.")
    if not 0 <= zenith < 90:
        raise invalid(f"{name}: zenith must be at least 0 and below 90 degrees, not {zenith}.")
    band = one_band(name, image)
    rise = 1 / math.tan(math.radians(zenith)) if zenith > 0 else math.inf
    east, north = math.sin(math.radians(azimuth)), math.cos(math.radians(azimuth))

    def source(grid: Grid) -> Pixels:
        reach = neighborhood_size
        pixels = numbers(name, band, grid.padded(reach, reach, reach, reach))
        heights = np.where(pixels.mask > 0, pixels.values.astype("float64"), -np.inf)
        height, width = grid.shape
        own = heights[reach : reach + height, reach : reach + width]
        a, b, _, d, e, _ = grid.transform
        determinant = a * e - b * d
        # One step moves by a whole pixel along the axis that the ray runs along most.
        right, down = (e * east - b * north) / determinant, (a * north - d * east) / determinant
        length = max(abs(right), abs(down))
        right, down = right / length, down / length
        metres_x, metres_y = ground(grid)
        step = np.hypot((a * right + b * down) * metres_x, (d * right + e * down) * metres_y)
        lit = np.ones(grid.shape, dtype=bool)
        if math.isfinite(rise):
            for count in range(1, reach + 1):
                row, column = reach + round(down * count), reach + round(right * count)
                towards = heights[row : row + height, column : column + width]
                with np.errstate(invalid="ignore"):
                    lit &= ~(towards > own + count * step * rise)
        mask = pixels.mask[reach : reach + height, reach : reach + width]
        return Pixels(lit.astype("uint8"), mask)

    return image.with_bands([band.derived(source, BOOLEAN, "shadow")])


@function("Terrain.fillMinima", "FMask.fillMinima")
def fill_minima(image: Image, border_value: int | None, neighborhood: int) -> Image:
    """Raises every pit to the level at which it would run over, as far as the neighbourhood shows."""
    name = "Terrain.fillMinima"

    def filled(band: Band) -> Band:
        kind = band.pixel_type
        if kind.precision != "int":
            raise invalid(f"{name}: Only works on integer types; band '{band.name}' is {kind.precision}.")

        def compute(grid: Grid) -> list[tuple[Array, Array]]:
            pixels = numbers(name, band, grid)
            return [(_flooded(pixels.values, pixels.mask > 0, border_value), pixels.mask)]

        return band.derived(output_source(Shared(blockwise(name, _BLOCK, neighborhood, compute)), 0, kind), kind)

    return image.with_bands(filled(band) for band in image.bands)


def _flooded(values: Array, valid: Array, border: int | None) -> Array:
    """Floods from the rim and from what is masked, lowest first: a pixel's water runs off over the lowest way there.

    Barnes, Lehman and Mulla (2014), Priority-flood, https://doi.org/10.1016/j.cageo.2013.04.024.
    """
    if not valid.any():
        return np.zeros(values.shape)
    outside = -math.inf if border is None else float(border)
    wide = values.shape[1] + 2
    # A frame of masked pixels is the rim that everything runs off to.
    own = np.pad(np.where(valid, values.astype("float64"), outside), 1, constant_values=outside).ravel().tolist()
    dry = np.pad(valid, 1)
    level = [outside] * len(own)
    waiting = dry.ravel().tolist()
    shores = np.flatnonzero(ndimage.binary_dilation(dry, np.ones((3, 3))).ravel() & ~dry.ravel())
    heap = [(outside, place) for place in shores.tolist()]
    steps = (1, -1, wide, -wide, wide + 1, wide - 1, -wide + 1, -wide - 1)
    count = 0
    while heap:
        height, place = heapq.heappop(heap)
        count += 1
        if not count % 65_536:
            computation.check()
        for step in steps:
            other = place + step
            if 0 <= other < len(waiting) and waiting[other]:
                waiting[other] = False
                level[other] = max(height, own[other])
                heapq.heappush(heap, (level[other], other))
    return np.where(valid, np.array(level).reshape(-1, wide)[1:-1, 1:-1], 0)
