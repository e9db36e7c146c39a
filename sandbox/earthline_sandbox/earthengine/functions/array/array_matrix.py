"""Linear algebra of arrays of two dimensions."""

from collections.abc import Mapping

import numpy as np

from earthline_sandbox.earthengine.arrays import matrices
from earthline_sandbox.earthengine.functions.array.array import one
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.earthengine.values.values import ArrayValue
from earthline_sandbox.errors import invalid


def _finite(array: ArrayValue) -> Array:
    """The array as a batch of one; raises ApiError where LAPACK would not come to an end of it."""
    if array.data.dtype.kind == "f" and not np.isfinite(array.data).all():
        raise invalid("The matrix holds values that are not finite numbers.")
    return array.data[None]


def _number(batch: Array) -> int | float:
    number: int | float = batch[0].item()
    return number


def _named(batches: Mapping[str, Array]) -> dict[str, ArrayValue]:
    return {part: one(batch) for part, batch in batches.items()}


@function("Array.matrixDiagonal")
def matrix_diagonal(input: ArrayValue) -> ArrayValue:
    """The diagonal, as a column."""
    return one(matrices.diagonal(_finite(input)))


@function("Array.matrixToDiag")
def matrix_to_diag(input: ArrayValue) -> ArrayValue:
    """The square matrix that has a column as its diagonal."""
    return one(matrices.from_diagonal(_finite(input)))


@function("Array.matrixInverse")
def matrix_inverse(input: ArrayValue) -> ArrayValue:
    """The inverse."""
    return one(matrices.inverse(_finite(input)))


@function("Array.matrixPseudoInverse")
def matrix_pseudo_inverse(input: ArrayValue) -> ArrayValue:
    """The Moore-Penrose inverse, which every matrix has."""
    return one(matrices.pseudo_inverse(_finite(input)))


@function("Array.matrixFnorm")
def matrix_norm(input: ArrayValue) -> int | float:
    """The Frobenius norm: the root of the sum of squares."""
    return _number(matrices.norm(input.data[None]))


@function("Array.matrixTrace")
def matrix_trace(input: ArrayValue) -> int | float:
    """The sum of the diagonal."""
    return _number(matrices.trace(input.data[None]))


@function("Array.matrixDeterminant")
def matrix_determinant(input: ArrayValue) -> int | float:
    """The determinant."""
    return _number(matrices.determinant(input.data[None]))


@function("Array.matrixCholeskyDecomposition")
def matrix_cholesky_decomposition(array: ArrayValue) -> dict[str, ArrayValue]:
    """The lower triangle `L` of a positive definite matrix, which is `L` times its transpose."""
    return _named(matrices.cholesky(_finite(array)))


@function("Array.matrixSingularValueDecomposition")
def matrix_singular_value_decomposition(array: ArrayValue) -> dict[str, ArrayValue]:
    """The singular values on the diagonal of `S`, and the orthogonal matrices `U` and `V`."""
    return _named(matrices.singular_values(_finite(array)))


@function("Array.matrixLUDecomposition")
def matrix_lu_decomposition(array: ArrayValue) -> dict[str, ArrayValue]:
    """The triangles `L` below and `U` above, and the permutation `P` of rows before them."""
    return _named(matrices.lower_upper(_finite(array)))


@function("Array.matrixQRDecomposition")
def matrix_qr_decomposition(array: ArrayValue) -> dict[str, ArrayValue]:
    """The orthogonal matrix `Q` and the upper triangle `R` whose product it is."""
    return _named(matrices.orthogonal_upper(_finite(array)))


@function("Array.matrixMultiply")
def matrix_multiply(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The product of matrices."""
    return one(matrices.product(left.data[None], right.data[None]))


@function("Array.matrixSolve")
def matrix_solve(left: ArrayValue, right: ArrayValue) -> ArrayValue:
    """The `x` for which the left matrix times `x` is the right one; by least squares where there are more rows."""
    return one(matrices.solution(left.data[None], right.data[None]))


@function("Array.eigen")
def eigen(input: ArrayValue) -> ArrayValue:
    """Rows of an eigenvalue and its eigenvector, the greatest eigenvalue first."""
    return one(matrices.eigen(_finite(input)))
