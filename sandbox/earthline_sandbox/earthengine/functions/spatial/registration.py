"""Images laid upon each other by what they show.

https://developers.google.com/earth-engine/guides/register
"""

import math

import numpy as np

from earthline_sandbox.earthengine.functions.image.lattice import one_band
from earthline_sandbox.earthengine.functions.image.resolution import displace
from earthline_sandbox.earthengine.functions.spatial.correlation import shifts
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection, linear_unit, same_crs
from earthline_sandbox.earthengine.pixels.pixels import DOUBLE, Array, Band, Pixels, PixelType, Source, pull
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

# Sides, in pixels, of the patches that are compared where none is given.
_SMALLEST_PATCH, _LARGEST_PATCH = 9, 65
_LARGEST_GAP = 32


@function("Image.displacement", ignores=("stiffness",))
def displacement(
    image: Image, reference_image: Image, max_offset: float, projection: Projection | None, patch_width: float | None
) -> Image:
    """Metres from a pixel of the reference to its like in the image, as bands `dx` and `dy`, and the `confidence`."""
    name = "Image.displacement"
    own, other = one_band(name, reference_image), one_band(name, image)
    scale = max(own.projection.nominal_scale, other.projection.nominal_scale)
    matched = own.projection.at_scale(scale)
    if projection is not None and not same_crs(projection.crs, matched.crs):
        raise invalid(f"{name}: the sandbox gives displacements in the reference's CRS, {matched.crs}, alone.")
    if not max_offset >= 0 or max_offset / scale > _LARGEST_GAP:
        raise invalid(
            f"{name}: maxOffset must be between 0 and {_LARGEST_GAP} pixels of the coarser image, "
            f"{_LARGEST_GAP * scale:g} m; got {max_offset}."
        )
    gap = math.ceil(max_offset / scale)
    patch = 4 * gap + 1 if patch_width is None else round(patch_width / scale)
    side = min(max(patch, _SMALLEST_PATCH), _LARGEST_PATCH)
    same = len(image.bands) == len(reference_image.bands)
    first = reference_image if same else reference_image.with_bands([own])
    second = image if same else image.with_bands([other])
    a, b, _, d, e, _ = matched.transform
    unit = linear_unit(matched.crs)

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        right, down, score, known = shifts(name, first, second, grid, gap, side, 0.5)
        return [
            (np.where(known, part, 0), known)
            for part in ((a * right + b * down) * unit, (d * right + e * down) * unit, np.maximum(score, 0))
        ]

    shared = Shared(whole)
    kinds = (("dx", DOUBLE), ("dy", DOUBLE), ("confidence", PixelType("double", 0, 1)))
    made = []
    for place, (output, kind) in enumerate(kinds):
        computed = output_source(shared, place, kind)
        made.append(Band(output, kind, matched, _pinned(matched, computed, kind), own.size, own.origin))
    return reference_image.with_bands(made)


def _pinned(target: Projection, computed: Source, kind: PixelType) -> Source:
    def source(grid: Grid) -> Pixels:
        return pull(grid, target, computed, kind)

    return source


@function("Image.register")
def register(
    image: Image, reference_image: Image, max_offset: float, patch_width: float | None, stiffness: float
) -> Image:
    """The image, every pixel from where it has the like of the reference."""
    found = displacement(image, reference_image, max_offset, None, patch_width)
    return displace(image, found.with_bands(found.bands[:2]), "bicubic")
