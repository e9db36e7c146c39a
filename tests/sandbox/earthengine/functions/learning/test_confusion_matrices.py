import ee
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, fbeta_score

from earthline_sandbox.errors import ApiError

# The example of https://developers.google.com/earth-engine/apidocs/ee-confusionmatrix-kappa.
EXAMPLE = [
    [32, 0, 0, 0, 1, 0],
    [0, 5, 0, 0, 1, 0],
    [0, 0, 1, 3, 0, 0],
    [0, 1, 4, 26, 8, 0],
    [0, 0, 0, 7, 15, 0],
    [0, 0, 0, 1, 0, 5],
]


def test_googles_example(world):
    matrix = ee.ConfusionMatrix(ee.Array(EXAMPLE), [11, 22, 42, 52, 71, 81])
    found = world.compute(
        ee.Dictionary(
            {
                "matrix": matrix,
                "array": matrix.array(),
                "order": matrix.order(),
                "accuracy": matrix.accuracy(),
                "consumers": matrix.consumersAccuracy(),
                "producers": matrix.producersAccuracy(),
                "fscore": matrix.fscore(2),
                "kappa": matrix.kappa(),
                "default": ee.ConfusionMatrix(ee.Array(EXAMPLE)).order(),
            }
        )
    )
    assert found["matrix"] == found["array"] == EXAMPLE
    assert found["order"] == [11, 22, 42, 52, 71, 81] and found["default"] == [0, 1, 2, 3, 4, 5]
    assert found["accuracy"] == pytest.approx(84 / 110)
    # Users' accuracy goes by what was predicted, producers' by what is there.
    assert np.shape(found["consumers"]) == (1, 6) and np.shape(found["producers"]) == (6, 1)
    assert found["consumers"][0] == pytest.approx([1, 5 / 6, 1 / 5, 26 / 37, 15 / 25, 1])
    assert np.ravel(found["producers"]) == pytest.approx([32 / 33, 5 / 6, 1 / 4, 26 / 39, 15 / 22, 5 / 6])
    pairs = [(row, column) for row in range(6) for column in range(6) for _ in range(EXAMPLE[row][column])]
    actual, predicted = zip(*pairs, strict=True)
    assert found["kappa"] == pytest.approx(cohen_kappa_score(actual, predicted))
    assert found["fscore"] == pytest.approx(fbeta_score(actual, predicted, beta=2, average=None))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25), st.permutations(range(5)))
def test_error_matrices_count_pairs(world, pairs, order):
    table = ee.FeatureCollection([ee.Feature(None, {"is": a, "seems": b}) for a, b in pairs])
    found = world.compute(
        ee.List([table.errorMatrix("is", "seems"), table.errorMatrix("is", "seems", order[:3])]).map(
            lambda matrix: ee.List([ee.ConfusionMatrix(matrix).array(), ee.ConfusionMatrix(matrix).producersAccuracy()])
        )
    )
    actual, predicted = np.transpose(pairs)
    whole = range(max(actual.max(), predicted.max()) + 1)
    for (matrix, producers), classes in zip(found, (whole, order[:3]), strict=True):
        expected = np.array(
            [[np.sum((actual == row) & (predicted == column)) for column in classes] for row in classes]
        )
        assert matrix == expected.tolist()
        total = expected.sum(axis=1)
        assert np.ravel(producers) == pytest.approx(
            np.divide(np.diagonal(expected), total, where=total > 0, out=total * 0.0)
        )


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda t: ee.ConfusionMatrix(ee.Array([[1, 2]])), r"must be square, but its shape is \[1, 2\]"),
        (lambda t: ee.ConfusionMatrix(ee.Array([[1]]), [1, 2]), "has 2 classes, but the array 1 rows"),
        (lambda t: t.errorMatrix("a", "b"), "Class -1 is not between 0"),
        (lambda t: t.errorMatrix("a", "b", [1, 1]), "names a class twice"),
        (lambda t: t.errorMatrix("a", "c"), "Property 'c' of feature '0' is missing"),
        (lambda t: t.errorMatrix("a", "b").accuracy().add(t.errorMatrix("b", "a").array()), "Class -1"),
    ],
)
def test_what_cannot_be_counted_is_refused(world, make, reason):
    with pytest.raises(ApiError, match=reason):
        world.compute(make(ee.FeatureCollection([ee.Feature(None, {"a": -1, "b": 2})])))
