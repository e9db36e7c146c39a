"""Linear algebra of many matrices at a time, `(count, rows, columns)`, by NumPy's LAPACK.

Earth Engine uses https://ejml.org; where a decomposition is not unique (signs of eigenvectors, of the columns of Q or
U), its choice may be the other one.
"""

from collections.abc import Mapping

import numpy as np

from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.errors import invalid

# LAPACK cannot be interrupted: larger matrices would outlive the time that a request may take.
_MOST_ROWS = 2_000
_EPSILON = float(np.finfo("float64").eps)


def real(batch: Array) -> Array:
    """Matrices as doubles.

    Raises:
        ApiError: INVALID_ARGUMENT where the arrays do not have two dimensions.
    """
    if batch.ndim != 3:
        raise invalid(f"A matrix is needed, which is a 2-dimensional array; got {batch.ndim - 1} dimensions.")
    if max(batch.shape[1:]) > _MOST_ROWS:
        raise invalid(
            f"Computation timed out: a matrix of {batch.shape[1]}x{batch.shape[2]}; {_MOST_ROWS} rows and columns fit."
        )
    return _packed(batch, "float64")


def _packed(batch: Array, kind: str) -> Array:
    """Matrices in one order of memory, which decides in what order NumPy adds; one for all is not copied for each."""
    if len(batch) > 1 and batch.strides[0] == 0:
        return np.broadcast_to(np.ascontiguousarray(batch[:1], kind), batch.shape)
    return np.ascontiguousarray(batch, kind)


def square(batch: Array) -> Array:
    """Square matrices as doubles; raises ApiError for others."""
    batch = real(batch)
    if batch.shape[1] != batch.shape[2]:
        raise invalid(f"The matrix must be square, got {batch.shape[1]}x{batch.shape[2]}.")
    return batch


def product(left: Array, right: Array) -> Array:
    """The matrix product; whole numbers stay exact."""
    for batch in (left, right):
        real(batch[:1])
    if left.shape[2] != right.shape[1]:
        raise invalid(
            f"Matrices of {left.shape[1]}x{left.shape[2]} and {right.shape[1]}x{right.shape[2]} cannot be multiplied: "
            "the inner lengths must agree."
        )
    whole = "f" not in (left.dtype.kind, right.dtype.kind)
    # Doubles multiply integers exactly up to 2^53, and much faster.
    exact = whole and left.shape[2] * _greatest(left) * _greatest(right) < 2**53
    kind = "int64" if whole and not exact else "float64"
    result = np.asarray(np.matmul(_packed(left, kind), _packed(right, kind)))
    return result.astype("int64") if exact else result


def _greatest(batch: Array) -> float:
    """The greatest magnitude."""
    return max(abs(float(batch.max())), abs(float(batch.min()))) if batch.size else 0.0


def solution(left: Array, right: Array) -> Array:
    """X in `left X = right`: exact for square matrices, of least squares for those with more rows than columns.

    Nearly singular matrices get the solution of least norm, by the pseudo-inverse, as the guide says of `solve`:
    https://developers.google.com/earth-engine/guides/arrays_transformations

    Raises:
        ApiError: INVALID_ARGUMENT where there are fewer equations than unknowns, in Earth Engine's words.
    """
    left, right = real(left), real(right)
    rows, columns = left.shape[1:]
    if right.shape[1] != rows:
        raise invalid(f"Both matrices must have the same number of rows, got {rows} and {right.shape[1]}.")
    if rows < columns:
        raise invalid("matrixSolve cannot solve underdetermined system.")
    count = max(len(left), len(right))
    found = np.zeros((count, columns, right.shape[2]))
    if not columns:
        return found
    usable = np.asarray(np.isfinite(left).all(axis=(1, 2)))
    orthogonal, upper = np.linalg.qr(np.where(usable[:, None, None], left, 0))
    diagonal = np.abs(np.diagonal(upper, axis1=1, axis2=2))
    regular = diagonal.min(axis=1) > diagonal.max(axis=1) * _EPSILON * max(rows, columns)
    projected = product(np.swapaxes(orthogonal, 1, 2), right)
    regular, usable = np.broadcast_to(regular, count), np.broadcast_to(usable, count)
    spread = (
        np.broadcast_to(upper, (count, *upper.shape[1:])),
        np.broadcast_to(projected, (count, *projected.shape[1:])),
    )
    found[regular] = np.linalg.solve(spread[0][regular], spread[1][regular])
    singular = ~regular & usable
    if singular.any():
        all_left, all_right = (np.broadcast_to(part, (count, *part.shape[1:])) for part in (left, right))
        found[singular] = product(np.linalg.pinv(all_left[singular]), all_right[singular])
    found[~usable] = np.nan
    return found


def inverse(batch: Array) -> Array:
    """The inverse; raises ApiError for singular matrices."""
    batch = square(batch)
    try:
        return np.linalg.inv(batch)
    except np.linalg.LinAlgError as error:
        raise invalid("The matrix is singular: it has no inverse; matrixPseudoInverse has an answer.") from error


def pseudo_inverse(batch: Array) -> Array:
    """The Moore-Penrose pseudo-inverse; not a number where the matrix holds what is none."""
    batch = real(batch)
    found = np.full((len(batch), batch.shape[2], batch.shape[1]), np.nan)
    if batch.size:
        usable = np.asarray(np.isfinite(batch).all(axis=(1, 2)))
        found[usable] = np.linalg.pinv(batch[usable])
    return found


def norm(batch: Array) -> Array:
    """The Frobenius norm."""
    return np.asarray(np.sqrt((real(batch) ** 2).sum(axis=(1, 2))))


def trace(batch: Array) -> Array:
    """The sum of the diagonal."""
    return np.asarray(np.trace(square(batch), axis1=1, axis2=2))


def determinant(batch: Array) -> Array:
    """The determinant."""
    return np.asarray(np.linalg.det(square(batch)))


def diagonal(batch: Array) -> Array:
    """The diagonal as a matrix of one column."""
    real(batch)
    return np.diagonal(batch, axis1=1, axis2=2)[..., None]


def from_diagonal(batch: Array) -> Array:
    """A square matrix whose diagonal is a matrix of one column."""
    real(batch)
    if batch.shape[2] != 1:
        raise invalid(f"A matrix of a single column is needed, got {batch.shape[1]}x{batch.shape[2]}.")
    return np.asarray(batch * np.eye(batch.shape[1], dtype=batch.dtype))


def eigen(batch: Array) -> Array:
    """Rows of an eigenvalue and its eigenvector, the greatest eigenvalue first.

    Raises:
        ApiError: INVALID_ARGUMENT where an eigenvalue is not real.
    """
    batch = square(batch)
    if bool((batch == np.swapaxes(batch, 1, 2)).all()):
        values, vectors = np.linalg.eigh(batch)
    else:
        values, vectors = np.linalg.eig(batch)
        if np.iscomplexobj(values):
            raise invalid("The matrix has eigenvalues that are not real numbers.")
    order = np.argsort(-values, axis=1, kind="stable")
    values = np.take_along_axis(values, order, axis=1)
    vectors = np.take_along_axis(np.swapaxes(vectors, 1, 2), order[..., None], axis=1)
    return np.concatenate([values[..., None], vectors], axis=2)


def cholesky(batch: Array) -> Mapping[str, Array]:
    """The lower triangular L of `L L'`; raises ApiError unless the matrix is symmetric and positive definite."""
    batch = square(batch)
    if not np.allclose(batch, np.swapaxes(batch, 1, 2)):
        raise invalid("The matrix must be symmetric and positive definite.")
    try:
        return {"L": np.linalg.cholesky(batch)}
    except np.linalg.LinAlgError as error:
        raise invalid("The matrix must be symmetric and positive definite.") from error


def singular_values(batch: Array) -> Mapping[str, Array]:
    """U, S and V of `U S V'`: U and V square and orthogonal, S of the shape of the matrix."""
    batch = real(batch)
    left, values, right = np.linalg.svd(batch)
    middle = np.zeros(batch.shape)
    places = np.arange(values.shape[1])
    middle[:, places, places] = values
    return {"U": left, "S": middle, "V": np.swapaxes(right, 1, 2)}


def lower_upper(batch: Array) -> Mapping[str, Array]:
    """L, U and P of `P A = L U`, by partial pivoting: L has ones on its diagonal, P is a permutation."""
    upper = square(batch).copy()
    count, size = upper.shape[:2]
    every = np.arange(count)
    lower, permutation = np.zeros_like(upper), np.broadcast_to(np.eye(size), upper.shape).copy()
    for column in range(size):
        pivot = column + np.abs(upper[:, column:, column]).argmax(axis=1)
        for matrix in (upper, lower, permutation):
            matrix[every, pivot], matrix[:, column] = matrix[:, column].copy(), matrix[every, pivot]
        divisor = upper[:, column, column]
        safe = np.where(divisor == 0, 1, divisor)
        factors = np.where(divisor[:, None] == 0, 0, upper[:, column + 1 :, column] / safe[:, None])
        lower[:, column + 1 :, column] = factors
        upper[:, column + 1 :] -= factors[..., None] * upper[:, column, None]
        upper[:, column + 1 :, column] = 0
    return {"L": lower + np.eye(size), "U": upper, "P": permutation}


def orthogonal_upper(batch: Array) -> Mapping[str, Array]:
    """Q and R of `Q R`: Q square and orthogonal, R upper triangular and of the shape of the matrix."""
    left, right = np.linalg.qr(real(batch), mode="complete")
    return {"Q": left, "R": right}
