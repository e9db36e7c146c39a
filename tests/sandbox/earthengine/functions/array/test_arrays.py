"""`ee.Array`: numbers in a comment-free list are those that Google's reference gives in its examples.

https://developers.google.com/earth-engine/apidocs/ee-array-slice and its siblings.
"""

import ee
import numpy as np
import pytest
from scipy import linalg

from earthline_sandbox.errors import ApiError


def empty():
    return ee.Array([], ee.PixelType.int8())


def grid():
    return ee.Array([[0, 1, 2], [3, 4, 5]])


def cube(start):
    return ee.Array(np.arange(start, start + 8).reshape(2, 2, 2).tolist())


EXAMPLES = {
    "make": [
        (lambda: empty(), []),
        (lambda: ee.Array([[], []], ee.PixelType.float()), [[], []]),
        (lambda: ee.Array([ee.Number(123).toUint8()]), [123]),
        (lambda: ee.Array(ee.List.sequence(0, 10, 2)), [0, 2, 4, 6, 8, 10]),
        (lambda: ee.Array(ee.List([ee.Array([1, 2]), ee.Array([3, 4])])), [[1, 2], [3, 4]]),
        (lambda: ee.Array([-1, 300, 2.6], ee.PixelType.uint8()), [0, 255, 3]),
        (lambda: ee.Array(5), 5),
        (lambda: ee.Array.identity(0), []),
        (lambda: ee.Array.identity(2), [[1, 0], [0, 1]]),
        (lambda: ee.Array.bitsToArray(0), [0]),
        (lambda: ee.Array.bitsToArray(5), [1, 0, 1]),
        (lambda: ee.Array.bitsToArray(6), [0, 1, 1]),
        (lambda: ee.Array.bitsToArray(0xFF), [1] * 8),
        (lambda: ee.Array.bitsToArray(-1).toInt8(), [1] * 64),
    ],
    "elements": [
        (lambda: empty().add(empty()), []),
        (lambda: ee.Array([0]).add(1), [1]),
        (lambda: ee.Array([1]).add([2]), [3]),
        (lambda: grid().add(1), [[1, 2, 3], [4, 5, 6]]),
        (lambda: grid().add(grid()), [[0, 2, 4], [6, 8, 10]]),
        (lambda: grid().add([[10], [20]]), [[10, 11, 12], [23, 24, 25]]),
        (lambda: ee.Number(1).subtract(3), -2),
        (lambda: ee.Array(1).subtract([1, 3]), [0, -2]),
        (lambda: ee.Array([255], ee.PixelType.uint8()).add(ee.Array([255], ee.PixelType.uint8())), [510]),
        (lambda: ee.Array([1, 2]).divide([0, 4]), [0, 0.5]),
        (lambda: ee.Array([-1, -7, -8, -9]).mod(ee.Array([8, 8, 8, 8])), [-1, -7, 0, -1]),
        (lambda: ee.Array([8, 8, 8, 8]).mod(ee.Array([-1, -7, -8, -9])), [0, 1, 0, 8]),
        (lambda: ee.Array([2.5]).mod(ee.Array([1.2])), [0.10000000000000009]),
        (lambda: ee.Array([-2] * 6).pow([-2, -1, 0, 1, 2, 3]), [0.25, -0.5, 1, -2, 4, -8]),
        (lambda: ee.Array([0] * 6).pow([-2, -1, 0, 1, 2, 3]), ["Infinity", "Infinity", 1, 0, 0, 0]),
        (
            lambda: ee.Array([10] * 6).pow([-2, -1, 0, 1, 2, 3]),
            [0.009999999776482582, 0.10000000149011612, 1, 10, 100, 1000],
        ),
        (lambda: ee.Array([0, -3, 5, 3]).max(ee.Array([0, -1, 2, 4])), [0, -1, 5, 4]),
        (lambda: ee.Array([1.1]).eq(ee.Array([1.1])), [1]),
        (lambda: ee.Array([1.1]).float().eq(ee.Array([1.1])), [0]),
        (lambda: ee.Array([1]).int8().eq(ee.Array([1]).int32()), [1]),
        (lambda: ee.Array([1, 1]).And(ee.Array([-2, 2])), [1, 1]),
        (lambda: ee.Array([1, 1]).And(ee.Array([0.0, 2.0], ee.PixelType.double())), [0, 1]),
        (lambda: ee.Array([-1, -0.1, 0, 0.1, 1]).Not(), [0, 0, 1, 0, 0]),
        (lambda: ee.Array(-1).bitwiseAnd(ee.Array(0xFF)), 255),
        (lambda: ee.Array([6, 6]).bitwiseAnd(ee.Array([1, 11])), [0, 2]),
        (lambda: ee.Array(0xFF).bitwiseNot(), -256),
        (lambda: ee.Array([0xFFFF]).bitCount(), [16]),
        (lambda: ee.Array([-1], ee.PixelType.int8()).bitCount(), [64]),
        (lambda: ee.Array([-2]).bitCount(), [63]),
        (lambda: ee.Array([0, 1, 2]).first(1), [0, 1, 2]),
        (lambda: ee.Array([-1, 0, 1]).firstNonZero([2, -1, 2]), [-1, -1, 1]),
        (lambda: ee.Array([[1, 2], [0, 0]]).firstNonZero([[0, 0], [3, 4]]), [[1, 2], [3, 4]]),
        (lambda: ee.Array([3]).atan2([4]), [float(np.float32(np.arctan2(4, 3)))]),
        (lambda: ee.Array([9.0]).sqrt(), [3]),
        (lambda: ee.Array([-1, 255, 256]).byte(), [0, 255, 255]),
        (lambda: ee.Array([-0.1, 0.1, 0.5, 127.1, 255.1, 255.9]).byte(), [0, 0, 1, 127, 255, 255]),
        (lambda: ee.Array([[], []], ee.PixelType.float()).byte(), [[], []]),
        (lambda: ee.Array([1.1]).toFloat().toDouble(), [float(np.float32(1.1))]),
        (lambda: ee.Array([-6, 0, 6]).erf(), [-1, 0, 1]),
        (lambda: ee.Array([5]).gamma(), [24]),
    ],
    "position": [
        (lambda: empty().argmax(), None),
        (lambda: ee.Array([[3, 4, 2], [6, 5, 7]]).argmax(), [1, 2]),
        (lambda: ee.Array([1, 1, 1, 9, 9, 9]).argmax(), [3]),
        (lambda: ee.Array([8, 7, 6]).get([2]), 6),
        (lambda: grid().get([1, 2]), 5),
        (lambda: ee.Array([9]).cut([-1]), [9]),
        (lambda: grid().cut([-1, 0]), [[0], [3]]),
        (lambda: grid().cut([1, -1]), [[3, 4, 5]]),
        (lambda: grid().length(), [2, 3]),
        (lambda: grid().toList(), [[0, 1, 2], [3, 4, 5]]),
        (lambda: ee.List([1, ee.Array([2, 3])]).getArray(-1), [2, 3]),
        (lambda: ee.Dictionary({"a": ee.Array([182, 219])}).getArray("a"), [182, 219]),
        (lambda: ee.Feature(None, {"a": ee.Array([1, 2])}).getArray("a").multiply(2), [2, 4]),
    ],
    "slice": [
        (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(), [1, 2, 3, 4, 5, 6]),
        (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, 0, 10, 1), [1, 2, 3, 4, 5, 6]),
        (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, 6), []),
        (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, 0, -3), [1, 2, 3]),
        (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, -2, 6), [5, 6]),
        (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, 0, 6, 4), [1, 5]),
        (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, 2, 6, 2), [3, 5]),
        (lambda: ee.Array([1, 2, 3, 4, 5, 6]).slice(0, -8, None, 3), [2, 5]),
        (lambda: ee.Array([[1, 2], [3, 4], [5, 6]]).slice(0, 0, 3, 2), [[1, 2], [5, 6]]),
        (lambda: ee.Array([[1, 2], [3, 4], [5, 6]]).slice(1, 1), [[2], [4], [6]]),
        (lambda: empty().slice(0, 0, 0, 1), []),
    ],
    "cat": [
        (lambda: ee.Array.cat([empty(), empty()]), []),
        (lambda: ee.Array.cat([empty(), ee.Array([1])]), [1]),
        (lambda: ee.Array.cat([ee.Array([1]), ee.Array([2])], 1), [[1, 2]]),
        (lambda: ee.Array.cat([ee.Array([0, 1, 2]), ee.Array([3, 4, 5])], 1), [[0, 3], [1, 4], [2, 5]]),
        (lambda: ee.Array.cat([ee.Array([[0], [1]]), ee.Array([[3], [4]])], 2), [[[0, 3]], [[1, 4]]]),
        (
            lambda: ee.Array.cat([cube(0), cube(10)], 1),
            [[[0, 1], [2, 3], [10, 11], [12, 13]], [[4, 5], [6, 7], [14, 15], [16, 17]]],
        ),
        (
            lambda: ee.Array.cat([cube(0), cube(10)], 3),
            [[[[0, 10], [1, 11]], [[2, 12], [3, 13]]], [[[4, 14], [5, 15]], [[6, 16], [7, 17]]]],
        ),
    ],
    "form": [
        (lambda: ee.Array([1]).mask([0]), []),
        (lambda: ee.Array([0, 1, 2, 3]).mask([0, 4, -1, 1.2]), [1, 2, 3]),
        (lambda: ee.Array([[1, 2, 3, 4]]).mask([[0, 0, 0, 0]]), [[]]),
        (lambda: ee.Array([[1, 2, 3, 4]]).mask([[1, 0, 1, 1]]), [[1, 3, 4]]),
        (lambda: ee.Array([[1], [2], [3], [4]]).mask([[1], [0], [1], [1]]), [[1], [3], [4]]),
        (lambda: grid().mask([[0], [1]]), [[3, 4, 5]]),
        (lambda: empty().mask(empty()), []),
        (lambda: ee.Array([1, 2]).pad([4]), [1, 2, 0, 0]),
        (lambda: grid().pad([1, 4], -1.5), [[0, 1, 2, -1.5], [3, 4, 5, -1.5]]),
        (lambda: ee.Array([[1, 2, 3]]).project([1]), [1, 2, 3]),
        (lambda: ee.Array([[[1], [2]]]).project([1, 2]), [[1], [2]]),
        (lambda: grid().transpose(), [[0, 3], [1, 4], [2, 5]]),
        (lambda: ee.Array([1, 2]).repeat(), [1, 2, 1, 2]),
        (lambda: ee.Array([1, 2]).repeat(1, 3), [[1, 1, 1], [2, 2, 2]]),
        (lambda: grid().reshape([3, -1]), [[0, 1], [2, 3], [4, 5]]),
        (lambda: grid().reshape([-1]), [0, 1, 2, 3, 4, 5]),
        (lambda: ee.Array([3, 1, 2]).sort(), [1, 2, 3]),
        (lambda: grid().sort([[3, 2, 1]]), [[2, 1, 0], [5, 4, 3]]),
        (lambda: grid().sort([[1], [0]]), [[3, 4, 5], [0, 1, 2]]),
    ],
    "fold": [
        (lambda: ee.Array([-2, 1, 9]).accum(0), [-2, -1, 8]),
        (lambda: ee.Array([[1, 3], [5, 7]]).accum(0), [[1, 3], [6, 10]]),
        (lambda: ee.Array([[1, 3], [5, 7]]).accum(1), [[1, 4], [5, 12]]),
        (lambda: ee.Array([2, -2, 3, 1]).accum(0, ee.Reducer.max()), [2, 2, 3, 3]),
        (lambda: ee.Array([2, -2, 3, 1]).accum(0, ee.Reducer.mean()), [2, 0, 1, 1]),
        (lambda: ee.Array([2, -2, 3, 1]).accum(0, ee.Reducer.min()), [2, -2, -2, -2]),
        (lambda: ee.Array([2, -2, 3]).accum(0, ee.Reducer.product()), [2, -4, -12]),
        (lambda: grid().reduce(ee.Reducer.mean(), [0]), [[1.5, 2.5, 3.5]]),
        (lambda: grid().reduce(ee.Reducer.sum(), [0, 1]), [[15]]),
        (lambda: grid().reduce(ee.Reducer.median(), [1]), [[1], [4]]),
        (lambda: ee.Array([[0, 1], [1, 3], [2, 5]]).reduce(ee.Reducer.linearFit(), [0], 1), [[2, 1]]),
        (lambda: ee.Array([[1], [4], [9]]).reduce(ee.Reducer.minMax(), [0], 1), [[1, 9]]),
        (lambda: ee.Array([1, 2, 1]).reduce(ee.Reducer.countDistinct(), [0]), [2]),
        (lambda: ee.Array([1, 2, 3]).dotProduct([4, 5, 6]), 32),
    ],
}


@pytest.mark.parametrize("area", EXAMPLES)
def test_examples(world, area):
    found = world.compute(ee.List([build() for build, _ in EXAMPLES[area] if _ is not None]))
    expected = [value for _, value in EXAMPLES[area] if value is not None]
    assert len(found) == len(expected)
    for number, pair in enumerate(zip(found, expected, strict=True)):
        assert pair[0] == (pytest.approx(pair[1], rel=1e-7) if isinstance(pair[1], float) else pair[1]), (area, number)


def test_the_greatest_of_nothing_is_null(world):
    assert world.compute(empty().argmax()) is None


A = np.array([[4.0, 2.0, 1.0], [2.0, 5.0, 3.0], [1.0, 3.0, 6.0]])
TALL = np.array([[1.0, 0.5], [1.0, 1.5], [1.0, 3.0], [1.0, 4.0]])
RIGHT = np.array([[1.0], [2.0], [4.0], [3.0]])


def test_matrices_agree_with_scipy(world):
    square, tall, right = ee.Array(A.tolist()), ee.Array(TALL.tolist()), ee.Array(RIGHT.tolist())
    found = world.compute(
        ee.Dictionary(
            {
                "product": square.matrixMultiply(square),
                "inverse": square.matrixInverse(),
                "pinv": tall.matrixPseudoInverse(),
                "least squares": tall.matrixSolve(right),
                "exact": square.matrixSolve(ee.Array([[1], [2], [3]])),
                "nearly singular": ee.Array([[1, 1], [1, 1]]).matrixSolve([[2], [2]]),
                "determinant": square.matrixDeterminant(),
                "trace": square.matrixTrace(),
                "norm": square.matrixFnorm(),
                "large": ee.Array([[2**40, 1]]).matrixMultiply([[2**20], [1]]),
                "nothing": ee.Array([[1.5, 2]]).matrixMultiply(ee.Array([[1], [2]]).slice(1, 1)),
                "diagonal": square.matrixDiagonal(),
                "to diagonal": ee.Array([[1], [2]]).matrixToDiag(),
                "transpose": tall.matrixTranspose(),
                "eigen": square.eigen(),
                "cholesky": square.matrixCholeskyDecomposition(),
                "qr": tall.matrixQRDecomposition(),
                "svd": tall.matrixSingularValueDecomposition(),
                "lu": square.matrixLUDecomposition(),
            }
        )
    )
    expected = {
        "product": A @ A,
        "inverse": linalg.inv(A),
        "pinv": linalg.pinv(TALL),
        "least squares": linalg.lstsq(TALL, RIGHT)[0],
        "exact": linalg.solve(A, [[1], [2], [3]]),
        "nearly singular": [[1], [1]],
        "determinant": linalg.det(A),
        "trace": 15,
        "norm": linalg.norm(A),
        "nothing": [[]],
        "diagonal": [[4], [5], [6]],
        "to diagonal": [[1, 0], [0, 2]],
        "transpose": TALL.T,
    }
    for name, value in expected.items():
        assert np.allclose(found[name], value, rtol=1e-12), name
    # Whole numbers stay exact beyond what doubles hold.
    assert found["large"] == [[2**60 + 1]]
    eigen = np.array(found["eigen"])
    values = linalg.eigh(A)[0][::-1]
    assert np.allclose(eigen[:, 0], values)
    assert np.allclose(A @ eigen[:, 1:].T, eigen[:, 1:].T * values)
    lower = np.array(found["cholesky"]["L"])
    assert np.allclose(lower @ lower.T, A) and np.allclose(lower, np.tril(lower))
    q, r = np.array(found["qr"]["Q"]), np.array(found["qr"]["R"])
    assert q.shape == (4, 4) and np.allclose(q @ r, TALL) and np.allclose(q @ q.T, np.eye(4)) and r[1, 0] == 0
    u, s, v = (np.array(found["svd"][name]) for name in "USV")
    assert np.allclose(u @ s @ v.T, TALL) and np.allclose(np.diag(s), linalg.svdvals(TALL))
    p, low, up = (np.array(found["lu"][name]) for name in "PLU")
    assert np.allclose(p @ A, low @ up) and np.allclose(np.diag(low), 1)
    expected_p, expected_l, expected_u = linalg.lu(A)
    assert np.allclose(low, expected_l) and np.allclose(up, expected_u) and np.allclose(p, expected_p.T)


@pytest.mark.parametrize(
    ("matrix", "values"),
    [
        ([[1, 0], [0, 0]], [1, 0]),
        ([[0, 1], [1, 0]], [1, -1]),
        ([[1, 1], [1, 0]], [1.618033988749895, -0.6180339887498949]),
        ([[0, 1], [0, 1]], [1, 0]),
        ([[2, 0, 0], [0, 3, 0], [0, 0, 4]], [4, 3, 2]),
        ([[1, 1, 1], [1, 1, 1], [1, 1, 1]], [3, 0, 0]),
    ],
)
def test_eigenvalues_descend_and_their_vectors_belong_to_them(world, matrix, values):
    found = np.array(world.compute(ee.Array(matrix).eigen()))
    assert np.allclose(found[:, 0], values)
    for value, vector in zip(found[:, 0], found[:, 1:], strict=True):
        assert np.allclose(np.array(matrix) @ vector, value * vector) and np.isclose(linalg.norm(vector), 1)


def test_lu_swaps_rows_of_a_matrix_that_begins_with_zero(world):
    matrix = np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 3.0], [4.0, 1.0, 0.0]])
    found = world.compute(ee.Array(matrix.tolist()).matrixLUDecomposition())
    p, low, up = (np.array(found[name]) for name in "PLU")
    assert np.allclose(p @ matrix, low @ up) and not np.allclose(p, np.eye(3))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ee.Array([]), "Array: There are no numbers in 'values', so 'pixelType' must be given"),
        (lambda: ee.Array([[1, 2], [3]]), "Array: All inner lists at the same depth must have the same length"),
        (lambda: ee.Array(ee.List([1, "a"])), "Array: .*found str|Array: .*numbers"),
        (lambda: ee.Array([1, 2]).add([1, 2, 3]), r"Array.add: Array arguments must have .*got \[2\] and \[3\]"),
        (lambda: ee.Array([1.5]).bitwiseAnd([1]), "Bitwise operands must be integer only"),
        (lambda: ee.Array([1]).get([1]), r"Array.get: Position \[1\] is out of bounds"),
        (lambda: ee.Array([1]).get([0, 0]), "has 2 coordinates, but the array 1 dimensions"),
        (lambda: ee.Array([1]).slice(1), "Array.slice: Axis 1 is out of range for arrays of 1 dimensions"),
        (lambda: ee.Array([1]).slice(0, 0, 1, 0), "'step' must be positive"),
        (lambda: grid().reshape([4, 2]), r"Cannot reshape arrays of lengths \[2, 3\] to \[4, 2\]"),
        (lambda: grid().project([0]), "dropped axes must have at most length 1"),
        (lambda: grid().sort(), "Keys may be longer than 1 along one axis only"),
        (lambda: grid().mask([[1, 0]]), "does not fit arrays of lengths"),
        (lambda: ee.Array.cat([grid(), ee.Array([1])]), "same number of dimensions, got 2, 1"),
        (lambda: ee.Array.cat([grid(), ee.Array([[1]])]), "same lengths on all axes but 0"),
        (lambda: grid().reduce(ee.Reducer.minMax(), [0]), "'fieldAxis' is required"),
        (lambda: ee.Array([1]).repeat(0, 10**10), "User memory limit exceeded"),
        (lambda: ee.Array([1]).pad([10**10]), "User memory limit exceeded"),
        (lambda: ee.Array.identity(10**6), "'size' must be between"),
        (lambda: ee.Array([1]).reshape(ee.Array([-1.0]).sqrt()), "The shape must be whole numbers"),
        (lambda: ee.Array([1, 2]).accum(0, ee.Reducer.toList()), "must be a number"),
        (lambda: grid().reduce(ee.Reducer.linearRegression(1, 1), [0], 1), "must be a number|inputs"),
        (lambda: ee.Array(np.zeros((2, 2001)).tolist()).matrixPseudoInverse(), "2000 rows and columns fit"),
        (lambda: ee.Array([1, 2]).dotProduct([1]), "of the same length, got lengths"),
        (lambda: grid().matrixMultiply(grid()), "Matrices of 2x3 and 2x3 cannot be multiplied"),
        (lambda: grid().matrixSolve([[1], [2]]), "matrixSolve cannot solve underdetermined system."),
        (lambda: ee.Array([[1, 1], [1, 1]]).matrixInverse(), "Array.matrixInverse: The matrix is singular"),
        (lambda: grid().matrixDeterminant(), "must be square, got 2x3"),
        (lambda: ee.Array([1, 2]).matrixTrace(), "A matrix is needed"),
        (lambda: ee.Array([[0, 1], [-1, 0]]).eigen(), "not real numbers"),
        (lambda: ee.Array([[1, 2], [2, 1]]).matrixCholeskyDecomposition(), "symmetric and positive definite"),
        (lambda: ee.List([1]).getArray(0), "List.getArray: The value at position 0 is not an Array"),
        (lambda: ee.List([1]).getArray(3), "List index must be between"),
    ],
)
def test_mistakes_are_named(world, build, message):
    with pytest.raises(ApiError, match=message) as caught:
        world.compute(build())
    assert caught.value.status == "INVALID_ARGUMENT"
