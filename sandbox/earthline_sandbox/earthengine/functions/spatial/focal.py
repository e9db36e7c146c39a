"""Moving windows: one number from the surroundings of every pixel, as often as wanted."""

from earthline_sandbox.earthengine.functions.spatial.kernel import SHAPES, symmetric
from earthline_sandbox.earthengine.functions.spatial.neighborhood import reduced
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.reducers import reducers
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import Image, Kernel
from earthline_sandbox.errors import invalid


@function("Window.min", "Image.focal_min", "Image.focalMin")
def focal_min(
    image: Image, radius: float, kernel_type: str, units: str, iterations: int, kernel: Kernel | None
) -> Image:
    """The least value of every pixel's surroundings."""
    return _repeated(image, reducers.least(1), kernel or _window(radius, kernel_type, units), iterations)


@function("Window.max", "Image.focal_max", "Image.focalMax")
def focal_max(
    image: Image, radius: float, kernel_type: str, units: str, iterations: int, kernel: Kernel | None
) -> Image:
    """The greatest value of every pixel's surroundings."""
    return _repeated(image, reducers.greatest(1), kernel or _window(radius, kernel_type, units), iterations)


@function("Window.mean", "Image.focal_mean", "Image.focalMean")
def focal_mean(
    image: Image, radius: float, kernel_type: str, units: str, iterations: int, kernel: Kernel | None
) -> Image:
    """The mean of every pixel's surroundings, by the kernel's weights."""
    return _repeated(image, reducers.simple("mean"), kernel or _window(radius, kernel_type, units), iterations)


@function("Window.median", "Image.focal_median", "Image.focalMedian")
def focal_median(
    image: Image, radius: float, kernel_type: str, units: str, iterations: int, kernel: Kernel | None
) -> Image:
    """The median of every pixel's surroundings, by the kernel's weights."""
    return _repeated(image, reducers.simple("median"), kernel or _window(radius, kernel_type, units), iterations)


@function("Window.mode", "Image.focal_mode", "Image.focalMode")
def focal_mode(
    image: Image, radius: float, kernel_type: str, units: str, iterations: int, kernel: Kernel | None
) -> Image:
    """The value of greatest weight in every pixel's surroundings."""
    return _repeated(image, reducers.simple("mode"), kernel or _window(radius, kernel_type, units), iterations)


def _window(radius: float, kernel_type: str, units: str) -> Kernel:
    if kernel_type not in SHAPES:
        raise invalid(f"Unknown kernel type '{kernel_type}': must be one of {', '.join(SHAPES)}.")
    return symmetric(kernel_type, radius, units)


def _repeated(image: Image, reducer: Reducer, kernel: Kernel, iterations: int) -> Image:
    if not 1 <= iterations <= 100:
        raise invalid(f"'iterations' must be between 1 and 100, got {iterations}.")
    bands = list(image.bands)
    for _ in range(iterations):
        bands = [reduced([band], reducer, kernel, [band.name], "kernel", False)[0] for band in bands]
    return image.with_bands(bands)
