import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthline_sandbox.vertex.pipelines.conditions import ConditionError, parse

NUMBERS = st.integers(-1000, 1000) | st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))
SIGNS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@given(value=NUMBERS, limit=NUMBERS, sign=st.sampled_from(sorted(SIGNS)))
def test_numbers_compare_as_numbers(value: float, limit: float, sign: str) -> None:
    condition = parse(f"inputs.parameter_values['pipelinechannel--x-Output'] {sign} {limit}")
    assert condition.holds({"pipelinechannel--x-Output": value}) == SIGNS[sign](value, limit)


@given(value=st.text(), other=st.text())
def test_texts_compare_as_texts(value: str, other: str) -> None:
    literal = other.replace("\\", "\\\\").replace("'", "\\'")
    assert parse(f"inputs.parameter_values['x'] == '{literal}'").holds({"x": value}) == (value == other)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> tuple[str, bool]:
    kind = draw(st.sampled_from(["constant", "and", "or", "not"])) if depth else "constant"
    if kind == "constant":
        value = draw(st.booleans())
        return ("true" if value else "false"), value
    if kind == "not":
        text, value = draw(trees(depth - 1))
        return f"!({text})", not value
    parts = draw(st.lists(trees(depth - 1), min_size=2, max_size=4))
    sign, decide = ("&&", all) if kind == "and" else ("||", any)
    return "(" + f" {sign} ".join(text for text, _ in parts) + ")", decide(value for _, value in parts)


@given(tree=trees())
def test_junctions_and_negations_nest(tree: tuple[str, bool]) -> None:
    assert parse(tree[0]).holds({}) == tree[1]


def test_and_binds_before_or() -> None:
    assert parse("true || false && false").holds({}) is True
    assert parse("(true || false) && false").holds({}) is False


@given(text=st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse(text).holds({})
    except ConditionError as error:
        assert str(error)


def test_what_kfp_compiles_for_elif() -> None:
    condition = parse(
        "!(inputs.parameter_values['pipelinechannel--mk-x'] > 0.5) && "
        "int(inputs.parameter_values['pipelinechannel--add-Output']) == 3"
    )
    assert condition.parameters == {"pipelinechannel--mk-x", "pipelinechannel--add-Output"}
    assert condition.holds({"pipelinechannel--mk-x": 0.1, "pipelinechannel--add-Output": 3})
    assert not condition.holds({"pipelinechannel--mk-x": 0.9, "pipelinechannel--add-Output": 3})


def test_values_of_different_types_are_unequal_and_not_ordered() -> None:
    condition = parse("inputs.parameter_values['x'] == true")
    assert condition.holds({"x": True})
    assert not condition.holds({"x": 1})
    assert not condition.holds({"x": "true"})
    with pytest.raises(ConditionError, match="cannot be ordered"):
        parse("inputs.parameter_values['x'] > 1").holds({"x": "2"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 ==",
        "(true",
        "true)",
        "1 < 2 < 3",
        "__import__('os').system('true') == 0",
        "inputs.parameter_values[x] == 1",
        "inputs.other['x'] == 1",
        "'int(inputs.parameter_values['x'])' == 'y'",
        "x if y else z",
        "(" * 10_000,
        "!" * 30_000 + "true",
    ],
)
def test_what_is_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        parse(text)


def test_a_missing_value_and_a_number_as_truth_are_errors() -> None:
    with pytest.raises(ConditionError, match="'x' has no value"):
        parse("inputs.parameter_values['x'] == 1").holds({})
    with pytest.raises(ConditionError, match="neither true nor false"):
        parse("inputs.parameter_values['x']").holds({"x": 1})
