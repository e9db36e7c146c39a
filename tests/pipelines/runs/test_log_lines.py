"""Which lines of a log are shown as a step's progress."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.runs import log_lines

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), VALUES, min_size=1, max_size=4)
EXECUTOR = "[KFP Executor 2026-11-29 17:26:32,012 INFO]: Got executor_input:"


@pytest.mark.parametrize(
    "noise",
    [
        "",
        "   ",
        "}",
        "  ],",
        "----------",
        "...",
        "\x1b[0m",
        '  "outputFile": "/gcs/bucket/executor_output.json"',
        "W0000 00:00:1795277087.411688   29425 port.cc:153] oneDNN custom operations are on.",
        "INFO:tensorflow:Assets written to: /bucket/model/saved_model/assets",
        "[KFP Executor 2026-11-29 17:26:32,012 INFO]: Wrote executor output file to /gcs/x.",
    ],
)
def test_a_line_that_tells_nothing_does_not_hide_the_one_before(noise: str) -> None:
    assert log_lines.progress(["fetched 40 of 600 patches", noise]) == "fetched 40 of 600 patches"
    assert log_lines.progress([noise]) == ""


@pytest.mark.parametrize(
    "line",
    [
        "epoch 3/40: loss 0.51",
        '{"loss": 0.5}',
        "model: projects/p/assets/earthline/name",
        "  ee.Model(description)",
        "7 %",
    ],
)
def test_a_line_of_the_step_is_shown_without_spaces_around_it(line: str) -> None:
    assert log_lines.progress(["before", line]) == line.strip()


def test_colours_are_left_out() -> None:
    assert log_lines.progress(["\x1b[1m3/10\x1b[0m done"]) == "3/10 done"


@given(OBJECTS, st.integers(2, 4), st.data())
def test_no_line_of_a_json_over_many_lines_is_progress(
    content: dict[str, object], indent: int, data: st.DataObject
) -> None:
    lines = json.dumps(content, indent=indent).split("\n")
    # The end of a log may begin anywhere.
    begin = data.draw(st.integers(0, len(lines) - 1))
    assert log_lines.progress(["loading", *lines]) == "loading"
    assert log_lines.progress(lines[begin:]) == ""


@given(OBJECTS)
def test_the_executors_json_is_not_the_steps_own(content: dict[str, object]) -> None:
    lines = [EXECUTOR, *json.dumps(content, indent=4).split("\n")]
    assert list(log_lines.own_lines(["one", *lines, "two", "{", '"mine": 1', "}"])) == [
        "one",
        "two",
        "{",
        '"mine": 1',
        "}",
    ]
