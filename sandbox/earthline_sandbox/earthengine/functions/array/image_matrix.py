"""Linear algebra of images whose pixels are arrays of two dimensions."""

from collections.abc import Callable, Mapping

import numpy as np

from earthline_sandbox.earthengine.arrays import matrices
from earthline_sandbox.earthengine.functions.array.image_array import array_type, changed, paired
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.cells import per_pixel
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, constant_band
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

_MOST_IDENTITY = 1_000

Rule = Callable[[PixelType], PixelType]


def _own_type(kind: PixelType) -> PixelType:
    """Matrices of the same precision and of no known range."""
    return PixelType(kind.precision, None, None, 2)


def _solved_type(kind: PixelType) -> PixelType:
    """Matrices of real numbers of no known range: 32-bit floats stay so."""
    return PixelType("float" if kind.precision == "float" else "double", None, None, 2)


def _number_type(kind: PixelType) -> PixelType:
    """Real numbers of no known range: 32-bit floats stay so."""
    return PixelType("float" if kind.precision == "float" else "double", None, None, 0)


def _matrix(name: str, band: Band) -> PixelType:
    kind = array_type(name, band, least=2)
    if kind.dimensions != 2:
        raise invalid(f"{name}: The pixels of band '{band.name}' must be matrices, got {kind.dimensions} dimensions.")
    return kind


def _mapped(name: str, image: Image, operation: Callable[[Array], Array], rule: Rule) -> Image:
    """An operation on the matrix of each pixel of every band."""
    return image.with_bands(
        changed(name, band, rule(_matrix(name, band)), operation, precise=True) for band in image.bands
    )


def _paired(
    name: str,
    image1: Image,
    image2: Image,
    operation: Callable[[Array, Array], Array],
    rule: Rule,
    *,
    precise: bool = False,
) -> Image:
    """An operation on the two matrices of each pixel; the rule takes the type that holds both."""

    def checked(one: PixelType, two: PixelType) -> PixelType:
        if one.dimensions != 2 or two.dimensions != 2:
            raise invalid(f"{name}: Both arrays must have 2 dimensions, got {one.dimensions} and {two.dimensions}.")
        return rule(one.union(two))

    return paired(name, image1, image2, checked, operation, precise=precise)


def _decomposed(
    name: str, image: Image, parts: tuple[str, ...], operation: Callable[[Array], Mapping[str, Array]]
) -> Image:
    """One band for each part of the matrix of a pixel."""
    if len(image.bands) != 1:
        raise invalid(f"{name}: A single-band image is needed, got {len(image.bands)} bands.")
    band = image.bands[0]
    kind = _solved_type(_matrix(name, band))

    def part(key: str) -> Band:
        def source(grid: Grid) -> Pixels:
            return per_pixel(name, kind, lambda batch: operation(batch)[key], [band.fetch(grid, ragged=True)])

        return band.derived(source, kind, key)

    return image.with_bands(part(key) for key in parts)


@function("Image.matrixDiagonal")
def matrix_diagonal(value: Image) -> Image:
    """The diagonal, as a column."""
    return _mapped("Image.matrixDiagonal", value, matrices.diagonal, _own_type)


@function("Image.matrixToDiag")
def matrix_to_diag(value: Image) -> Image:
    """The square matrix that has a column as its diagonal."""
    return _mapped("Image.matrixToDiag", value, matrices.from_diagonal, _own_type)


@function("Image.matrixInverse")
def matrix_inverse(value: Image) -> Image:
    """The inverse."""
    return _mapped("Image.matrixInverse", value, matrices.inverse, _solved_type)


@function("Image.matrixPseudoInverse")
def matrix_pseudo_inverse(value: Image) -> Image:
    """The Moore-Penrose inverse, which every matrix has."""
    return _mapped("Image.matrixPseudoInverse", value, matrices.pseudo_inverse, _solved_type)


@function("Image.matrixFnorm")
def matrix_norm(value: Image) -> Image:
    """The Frobenius norm: the root of the sum of squares."""
    return _mapped("Image.matrixFnorm", value, matrices.norm, _number_type)


@function("Image.matrixTrace")
def matrix_trace(value: Image) -> Image:
    """The sum of the diagonal."""
    return _mapped("Image.matrixTrace", value, matrices.trace, _number_type)


@function("Image.matrixDeterminant")
def matrix_determinant(value: Image) -> Image:
    """The determinant."""
    return _mapped("Image.matrixDeterminant", value, matrices.determinant, _number_type)


@function("Image.matrixCholeskyDecomposition")
def matrix_cholesky_decomposition(image: Image) -> Image:
    """The lower triangle `L` of a positive definite matrix, which is `L` times its transpose."""
    return _decomposed("Image.matrixCholeskyDecomposition", image, ("L",), matrices.cholesky)


@function("Image.matrixSingularValueDecomposition")
def matrix_singular_value_decomposition(image: Image) -> Image:
    """The singular values on the diagonal of `S`, and the orthogonal matrices `U` and `V`."""
    return _decomposed("Image.matrixSingularValueDecomposition", image, ("U", "S", "V"), matrices.singular_values)


@function("Image.matrixLUDecomposition")
def matrix_lu_decomposition(image: Image) -> Image:
    """The triangles `L` below and `U` above, and the permutation `P` of rows before them."""
    return _decomposed("Image.matrixLUDecomposition", image, ("L", "U", "P"), matrices.lower_upper)


@function("Image.matrixQRDecomposition")
def matrix_qr_decomposition(image: Image) -> Image:
    """The orthogonal matrix `Q` and the upper triangle `R` whose product it is."""
    return _decomposed("Image.matrixQRDecomposition", image, ("Q", "R"), matrices.orthogonal_upper)


@function("Image.matrixMultiply")
def matrix_multiply(image1: Image, image2: Image) -> Image:
    """The product of matrices."""
    return _paired("Image.matrixMultiply", image1, image2, matrices.product, _own_type, precise=True)


@function("Image.matrixSolve")
def matrix_solve(image1: Image, image2: Image) -> Image:
    """The `x` for which the left matrix times `x` is the right one; by least squares where there are more rows."""
    return _paired("Image.matrixSolve", image1, image2, matrices.solution, _solved_type)


@function("Image.matrixIdentity")
def matrix_identity(size: int) -> Image:
    """The same square matrix everywhere, with ones on its diagonal."""
    if not 1 <= size <= _MOST_IDENTITY:
        raise invalid(f"Image.matrixIdentity: 'size' must be between 1 and {_MOST_IDENTITY}, got {size}.")
    return Image(bands=(constant_band("constant", np.eye(size), PixelType("int", 0, 1, 2)),))
