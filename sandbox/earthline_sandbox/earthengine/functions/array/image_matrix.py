"""Linear algebra of images whose pixels are arrays of two dimensions."""

from collections.abc import Callable, Mapping

import numpy as np

from earthline_sandbox.earthengine.functions.array.array_matrix import DECOMPOSED, MEASURED, PAIRED, REARRANGED, SOLVED
from earthline_sandbox.earthengine.functions.array.image_array import array_type, changed, paired
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.cells import per_pixel
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, constant_band
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

_MOST_IDENTITY = 1_000


def _solved_type(kind: PixelType, dimensions: int = 2) -> PixelType:
    """Real numbers of no known range: 32-bit floats stay so."""
    return PixelType("float" if kind.precision == "float" else "double", None, None, dimensions)


def _matrix(name: str, band: Band) -> PixelType:
    kind = array_type(name, band, least=2)
    if kind.dimensions != 2:
        raise invalid(f"{name}: The pixels of band '{band.name}' must be matrices, got {kind.dimensions} dimensions.")
    return kind


def _register_unary(name: str, operation: Callable[[Array], Array], rule: Callable[[PixelType], PixelType]) -> None:
    def call(value: Image) -> Image:
        return value.with_bands(
            changed(f"Image.{name}", band, rule(_matrix(f"Image.{name}", band)), operation, precise=True)
            for band in value.bands
        )

    function(f"Image.{name}")(call)


def _register_pair(name: str, operation: Callable[[Array, Array], Array]) -> None:
    def rule(one: PixelType, two: PixelType) -> PixelType:
        if one.dimensions != 2 or two.dimensions != 2:
            raise invalid(
                f"Image.{name}: Both arrays must have 2 dimensions, got {one.dimensions} and {two.dimensions}."
            )
        union = one.union(two)
        return _solved_type(union) if name == "matrixSolve" else PixelType(union.precision, None, None, 2)

    def call(image1: Image, image2: Image) -> Image:
        return paired(f"Image.{name}", image1, image2, rule, operation, precise=name == "matrixMultiply")

    function(f"Image.{name}")(call)


def _register_decomposition(
    name: str, parts: tuple[str, ...], operation: Callable[[Array], Mapping[str, Array]]
) -> None:
    def call(image: Image) -> Image:
        if len(image.bands) != 1:
            raise invalid(f"Image.{name}: A single-band image is needed, got {len(image.bands)} bands.")
        band = image.bands[0]
        kind = _solved_type(_matrix(f"Image.{name}", band))

        def part(key: str) -> Band:
            def source(grid: Grid) -> Pixels:
                return per_pixel(
                    f"Image.{name}", kind, lambda batch: operation(batch)[key], [band.fetch(grid, ragged=True)]
                )

            return band.derived(source, kind, key)

        return image.with_bands(part(key) for key in parts)

    function(f"Image.{name}")(call)


for _name, _operation in REARRANGED.items():
    _register_unary(_name, _operation, lambda kind: PixelType(kind.precision, None, None, 2))
for _name, _operation in SOLVED.items():
    _register_unary(_name, _operation, _solved_type)
for _name, _operation in MEASURED.items():
    _register_unary(_name, _operation, lambda kind: _solved_type(kind, 0))
for _name, (_parts, _split) in DECOMPOSED.items():
    _register_decomposition(_name, _parts, _split)
for _name, _pair in PAIRED.items():
    _register_pair(_name, _pair)


@function("Image.matrixIdentity")
def matrix_identity(size: int) -> Image:
    """The same square matrix everywhere, with ones on its diagonal."""
    if not 1 <= size <= _MOST_IDENTITY:
        raise invalid(f"Image.matrixIdentity: 'size' must be between 1 and {_MOST_IDENTITY}, got {size}.")
    return Image(bands=(constant_band("constant", np.eye(size), PixelType("int", 0, 1, 2)),))
