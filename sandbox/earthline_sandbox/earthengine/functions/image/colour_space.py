"""Colours as red, green and blue, and as hue, saturation and value.

https://developers.google.com/earth-engine/apidocs/ee-image-rgbtohsv
"""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

from earthline_sandbox.earthengine.functions.image.lattice import numbers, one_band
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import BYTE, Array, Pixels, PixelType, combined
from earthline_sandbox.earthengine.pixels.random import pixel_fractions
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

_SHARE = PixelType("float", 0, 1)


def _converted(name: str, image: Image, names: Sequence[str], convert: Callable[[Array], Array]) -> Image:
    if len(image.bands) != 3:
        raise invalid(f"{name}: The image must have 3 bands, got {len(image.bands)}: {image.shown_names()}.")

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        read = [numbers(name, band, grid) for band in image.bands]
        mask = combined(*(pixels.mask for pixels in read))
        values = np.stack([np.clip(np.nan_to_num(pixels.values.astype("float64")), 0, 1) for pixels in read], axis=-1)
        found = convert(values)
        return [(found[..., place], mask) for place in range(3)]

    shared = Shared(whole)
    return image.with_bands(
        band.derived(output_source(shared, place, _SHARE), _SHARE, output)
        for place, (band, output) in enumerate(zip(image.bands, names, strict=True))
    )


@function("Image.rgbToHsv")
def rgb_to_hsv_image(image: Image) -> Image:
    """Hue, saturation and value of red, green and blue, all from 0 to 1."""
    return _converted("Image.rgbToHsv", image, ("hue", "saturation", "value"), rgb_to_hsv)


@function("Image.hsvToRgb")
def hsv_to_rgb_image(image: Image) -> Image:
    """Red, green and blue of hue, saturation and value, all from 0 to 1."""
    return _converted("Image.hsvToRgb", image, ("red", "green", "blue"), hsv_to_rgb)


@function("Image.randomVisualizer")
def random_visualizer(image: Image) -> Image:
    """A colour for every value of the first band, and then all bands."""
    name = "Image.randomVisualizer"
    band = one_band(name, image)

    def channel(seed: int) -> Callable[[Grid], Pixels]:
        def source(grid: Grid) -> Pixels:
            pixels = numbers(name, band, grid)
            # The bits of a number tell it apart from every other; 0.0 takes away the sign of -0.
            bits = (pixels.values.astype("float64") + 0.0).view("int64")
            return Pixels((pixel_fractions(bits, np.zeros_like(bits), seed) * 256).astype("uint8"), pixels.mask)

        return source

    colours = [
        band.derived(channel(seed), BYTE, output) for seed, output in enumerate(("viz-red", "viz-green", "viz-blue"))
    ]
    return image.with_bands([*colours, *image.bands])
