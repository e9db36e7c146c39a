import math

import pytest

from earthline.config.sections.labels.class_rules import NO_CLASS, Rule, class_ids
from earthline.label_features.features import FeaturesError

FOREST, WATER = Rule(("forest", "wood")), Rule(("lake",))


def test_texts_and_numbers_mean_their_class_and_nothing_means_no_label():
    values = ["forest", "lake", "wood", None, "", "  ", math.nan, "cloud"]
    assert class_ids(values, [FOREST, WATER], ["cloud"]) == [0, 1, 0, *[NO_CLASS] * 5]


@pytest.mark.parametrize("value", [7, 7.0, "7"])
def test_a_number_is_itself_however_the_file_keeps_it(value):
    assert class_ids([value], [Rule((7,)), Rule((8,))]) == [0]


def test_unknown_values_are_counted_and_what_is_nearly_known_is_named():
    with pytest.raises(FeaturesError) as caught:
        class_ids(["forrest"] * 3 + ["lakes", "town", "town"], [FOREST, WATER])
    text = str(caught.value)
    assert "'forrest' (3 features, nearly 'forest')" in text
    assert "'lakes' (1 feature, nearly 'lake')" in text
    assert "'town' (2 features)" in text
    assert "data.labels.ignore" in text


def test_blanks_and_capitals_do_not_count_unless_both_ways_are_named():
    assert class_ids(["forest ", " Lake", "CLOUD  "], [FOREST, WATER], ["cloud"]) == [0, 1, NO_CLASS]
    assert class_ids(["dry  grass", "reed"], [Rule(("dry grass",)), Rule(("reed ",))]) == [0, 1]
    two = [Rule(("A", "B")), Rule(("A ", "a"))]
    assert class_ids(["A", "A ", "a", "b "], two) == [0, 1, 1, 0]
    with pytest.raises(FeaturesError, match="'A  '"):
        class_ids(["A  "], two)


def test_an_accented_letter_is_one_letter_however_it_is_written():
    assert class_ids(["fore\u0302t", "FOR\u00caT"], [Rule(("for\u00eat",)), WATER]) == [0, 0]
    with pytest.raises(FeaturesError, match=r"'foret' .*nearly 'for\u00eat'"):
        class_ids(["foret"], [Rule(("for\u00eat",)), WATER])


@pytest.mark.parametrize("name", ["1.5", "1,5", "-3", "12", "\u00bd"])
def test_a_name_that_is_a_number_means_nothing_by_itself(name):
    with pytest.raises(FeaturesError, match="values of no class"):
        class_ids([name], [Rule(("low",), name=name), WATER])


def test_a_name_means_its_class_in_any_capitals_unless_it_is_a_value_of_another():
    named = [Rule((1,), name="Old Forest"), Rule(("moor",), name="Moor"), Rule(("Moor",), name="bog")]
    assert class_ids(["old forest", "moor", "Moor", "BOG"], named) == [0, 1, 2, 2]


def test_ranges_hold_their_lower_end_and_the_highest_one_both():
    rules = [Rule(ranges=((0, 0.2),)), Rule(ranges=((0.2, 0.5), (0.8, 1)))]
    assert class_ids([0, 0.19, 0.2, 0.8, 1.0, None], rules) == [0, 0, 1, 1, 1, NO_CLASS]
    with pytest.raises(FeaturesError, match=r"0\.6 \(1 feature\).*`ranges`"):
        class_ids([0.6], rules)


def test_many_unknown_values_are_not_all_listed():
    with pytest.raises(FeaturesError, match="and 8 more"):
        class_ids([f"kind {number}" for number in range(20)], [FOREST, WATER])
