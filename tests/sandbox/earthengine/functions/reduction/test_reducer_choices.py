import ee
import pytest

R = ee.Reducer


@pytest.mark.parametrize(
    ("values", "reducer", "expected"),
    [
        ([None, 12, 10, None], lambda: R.first(), 12),
        ([None, 12, 10, None], lambda: R.firstNonNull(), 12),
        ([None, 12, 10, None], lambda: R.last(), 10),
        ([None, 12, 10, None], lambda: R.lastNonNull(), 10),
        ([12, 10], lambda: R.allNonZero(), 1),
        ([12, 0], lambda: R.allNonZero(), 0),
        ([12, 0], lambda: R.anyNonZero(), 1),
        ([0, 0], lambda: R.anyNonZero(), 0),
        ([12, 10], lambda: R.bitwiseAnd(), 8),
        ([12, 10], lambda: R.bitwiseOr(), 14),
        ([12, None, 10], lambda: R.toList(), [12, 10]),
    ],
)
def test_choices_of_a_list(world, values, reducer, expected):
    assert world.compute(ee.List(values).reduce(reducer())) == expected


@pytest.mark.parametrize(
    ("name", "outputs"), [("allNonZero", ["all"]), ("anyNonZero", ["any"]), ("and", ["and"]), ("or", ["or"])]
)
def test_logic_has_the_output_names_of_its_reducer(world, name, outputs):
    reducer = ee.ApiFunction(f"Reducer.{name}").call()
    assert world.compute(ee.Reducer(reducer).getOutputs()) == outputs
    values = {"all": 0, "and": 0, "any": 1, "or": 1}
    assert world.compute(ee.List([5, 0]).reduce(reducer)) == values[outputs[0]]
