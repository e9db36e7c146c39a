import numpy as np
import pytest

from earthline.formats.served.agreement import differs, furthest
from earthline.formats.served.outputs import ServedOutput, derived_one

TOLERANCE = 1e-4
VALUES = np.random.default_rng(0).dirichlet(np.ones(4), size=(20, 30)).astype(np.float32)
OUTPUTS = {
    "floats": ServedOutput(name="p", entries=4, used=4),
    "shares": ServedOutput(name="p", type="uint8", entries=4, used=4),
    "class": ServedOutput(name="c", type="uint8", made="most_probable", used=4),
    "largest": ServedOutput(name="l", type="uint8", made="largest", used=4),
    "margin": ServedOutput(name="m", type="uint8", made="margin", used=4),
    "count": ServedOutput(name="n", type="uint8", made="count", used=4, limit=0.2),
    "within": ServedOutput(name="a", type="uint8", made="at_most", first=1, limit=0.2),
}


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_rounding_is_no_difference_and_another_model_is(output):
    noise = np.random.default_rng(1).uniform(-TOLERANCE, TOLERANCE, VALUES.shape).astype(np.float32)
    near = derived_one(VALUES + 0.99 * noise, output)
    assert not differs(near, VALUES, output, TOLERANCE).any()
    other = derived_one(np.roll(VALUES, 1, axis=-1), output)
    told = differs(other, VALUES, output, TOLERANCE)
    # Symmetric outputs do not know the order of entries; those are told by another pixel's values.
    if output.made in ("largest", "margin", "count"):
        told = differs(derived_one(np.roll(VALUES, 1, axis=0), output), VALUES, output, TOLERANCE)
    assert told.shape == VALUES.shape[:2]
    assert told.mean() > 0.2


def test_a_class_may_be_another_one_only_where_both_are_as_probable():
    values = np.array([[0.4, 0.4 - TOLERANCE, 0.2], [0.5, 0.4, 0.1], [np.nan, 0.5, 0.5]], np.float32)
    output = ServedOutput(name="c", type="uint8", made="most_probable", used=3)
    assert differs(np.array([[1], [1], [1]], np.uint8), values, output, TOLERANCE).tolist() == [False, True, True]
    assert not differs(np.array([[0], [0], [255]], np.uint8), values, output, TOLERANCE).any()


def test_what_is_no_number_equals_itself_alone():
    output = ServedOutput(name="v")
    values = np.array([[np.nan], [1.0]], np.float32)
    assert not differs(values, values, output, TOLERANCE).any()
    assert differs(np.zeros((2, 1), np.float32), values, output, TOLERANCE).tolist() == [True, True]
    assert furthest(values, values, output) == 0
    assert np.isnan(furthest(np.array([[0.0], [3.0]], np.float32), values, output))
