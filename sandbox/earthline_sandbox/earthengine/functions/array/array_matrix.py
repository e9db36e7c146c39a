"""Linear algebra of arrays of two dimensions."""

from collections.abc import Callable, Mapping

import numpy as np

from earthline_sandbox.earthengine.arrays import matrices
from earthline_sandbox.earthengine.functions.array.array import one
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.earthengine.values.values import ArrayValue
from earthline_sandbox.errors import invalid

#: Of one matrix: another matrix of its own type, a matrix of doubles, a number, or several named matrices.
REARRANGED: Mapping[str, Callable[[Array], Array]] = {
    "matrixDiagonal": matrices.diagonal,
    "matrixToDiag": matrices.from_diagonal,
}
SOLVED: Mapping[str, Callable[[Array], Array]] = {
    "matrixInverse": matrices.inverse,
    "matrixPseudoInverse": matrices.pseudo_inverse,
}
MEASURED: Mapping[str, Callable[[Array], Array]] = {
    "matrixFnorm": matrices.norm,
    "matrixTrace": matrices.trace,
    "matrixDeterminant": matrices.determinant,
}
DECOMPOSED: Mapping[str, tuple[tuple[str, ...], Callable[[Array], Mapping[str, Array]]]] = {
    "matrixCholeskyDecomposition": (("L",), matrices.cholesky),
    "matrixSingularValueDecomposition": (("U", "S", "V"), matrices.singular_values),
    "matrixLUDecomposition": (("L", "U", "P"), matrices.lower_upper),
    "matrixQRDecomposition": (("Q", "R"), matrices.orthogonal_upper),
}
PAIRED: Mapping[str, Callable[[Array, Array], Array]] = {
    "matrixMultiply": matrices.product,
    "matrixSolve": matrices.solution,
}


def _register_matrix(name: str, operation: Callable[[Array], Array]) -> None:
    def call(input: ArrayValue) -> ArrayValue:
        return one(operation(_finite(input.data[None])))

    function(f"Array.{name}")(call)


def _register_number(name: str, operation: Callable[[Array], Array]) -> None:
    def call(input: ArrayValue) -> int | float:
        number: int | float = operation(input.data[None])[0].item()
        return number

    function(f"Array.{name}")(call)


def _register_decomposition(name: str, operation: Callable[[Array], Mapping[str, Array]]) -> None:
    def call(array: ArrayValue) -> dict[str, ArrayValue]:
        return {part: one(batch) for part, batch in operation(_finite(array.data[None])).items()}

    function(f"Array.{name}")(call)


def _register_pair(name: str, operation: Callable[[Array, Array], Array]) -> None:
    def call(left: ArrayValue, right: ArrayValue) -> ArrayValue:
        return one(operation(left.data[None], right.data[None]))

    function(f"Array.{name}")(call)


def _finite(batch: Array) -> Array:
    """The same; raises ApiError where LAPACK would not come to an end of it."""
    if batch.dtype.kind == "f" and not np.isfinite(batch).all():
        raise invalid("The matrix holds values that are not finite numbers.")
    return batch


for _name, _operation in {**REARRANGED, **SOLVED}.items():
    _register_matrix(_name, _operation)
for _name, _operation in MEASURED.items():
    _register_number(_name, _operation)
for _name, (_, _parts) in DECOMPOSED.items():
    _register_decomposition(_name, _parts)
for _name, _pair in PAIRED.items():
    _register_pair(_name, _pair)


@function("Array.eigen")
def eigen(input: ArrayValue) -> ArrayValue:
    """Rows of an eigenvalue and its eigenvector, the greatest eigenvalue first."""
    return one(matrices.eigen(_finite(input.data[None])))
