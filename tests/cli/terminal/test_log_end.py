"""What is shown of a failed step's log."""

import subprocess
import sys

from hypothesis import example, given
from hypothesis import strategies as st

from cli.terminal import log_end

FRAMES = ["Traceback (most recent call last):", '  File "run.py", line 57, in run', "    points.verify(grid)"]
CHAINED = """
class ShardError(ValueError):
    __module__ = "components.sample"

try:
    try:
        {}["B1"]
    except KeyError as error:
        raise OSError(28, "No space left on device") from error
except OSError as error:
    raise ShardError("shard 3 cannot be written: make room") from error
"""
EXECUTOR = [
    "[KFP Executor 2026-11-29 17:26:32,012 INFO]: Got executor_input:",
    "{",
    '    "inputs": {',
    '        "parameterValues": {"name": "tiny"},',
    '        "artifacts": {}',
    "    }",
    "}",
]


def test_an_error_of_earthlines_own_is_shown_without_class_and_frames() -> None:
    end = log_end.read(
        ["began", *FRAMES, "components.export_examples.planning.points.PointsError: data.imagery: all masked"]
    )
    assert end == log_end.LogEnd(("data.imagery: all masked",), "", ("began",))


def test_an_error_of_several_lines_is_shown_whole() -> None:
    end = log_end.read([*FRAMES, "components.validate_examples.anomalies.ExamplesError: unfit:", "shard 1", "shard 2"])
    assert end.message == ("unfit:", "shard 1", "shard 2")


def test_any_other_error_keeps_its_class_and_says_where_it_was_raised() -> None:
    library = ['  File "/x/site-packages/pandas/core.py", line 9, in get', "    raise"]
    end = log_end.read(["began", *FRAMES, *library, "KeyError: 'B1'"])
    assert end == log_end.LogEnd(("KeyError: 'B1'",), "run.py, line 57, in run", ("began",))


def test_of_errors_that_python_itself_chains_one_line_is_left() -> None:
    log = subprocess.run([sys.executable, "-c", CHAINED], capture_output=True, text=True, check=False).stderr
    assert log.count("Traceback") == 3
    end = log_end.read(["fetched 40 patches", *EXECUTOR, "writing", *log.splitlines()])
    assert end == log_end.LogEnd(("shard 3 cannot be written: make room",), "", ("fetched 40 patches", "writing"))


def test_an_error_that_was_survived_before_is_no_part_of_the_chain() -> None:
    end = log_end.read([*FRAMES, "OSError: once", "went on", *FRAMES, "KeyError: 1"])
    assert end.message == ("KeyError: 1",)
    assert "went on" in end.before


def test_a_traceback_that_the_executor_interrupts_is_read_to_its_own_end() -> None:
    assert log_end.read([*FRAMES, EXECUTOR[0], "KeyError: 1"]).message == ("KeyError: 1",)
    cut_off = log_end.read([FRAMES[0], EXECUTOR[0]])
    assert cut_off.message == (FRAMES[0],)


def test_the_executors_own_lines_and_json_are_left_out_and_a_steps_json_is_not() -> None:
    own = ['{"loss": 0.5}', "{", '"epoch": 3', "}"]
    end = log_end.read([*EXECUTOR, *own, "W0000 00:00:1 tensorflow", *FRAMES, "trainer.task.TrainingError: no example"])
    assert end == log_end.LogEnd(("no example",), "", tuple(own))


def test_beams_name_of_the_stage_is_left_out() -> None:
    end = log_end.read(
        [
            *FRAMES,
            "earthline.earth_engine.retry.PixelsError: patch 3: refused [while running 'fetch/Map(f)-ptransform-9']",
        ]
    )
    assert end.message == ("patch 3: refused",)


def test_a_log_without_an_error_ends_with_its_last_line() -> None:
    assert log_end.read(["a", "b", "Killed"]) == log_end.LogEnd(("Killed",), "", ("a", "b"))


@example([FRAMES[0], EXECUTOR[0]])
@given(st.lists(st.sampled_from(["", "x", *EXECUTOR, *FRAMES, "KeyError: 1", "trainer.Error: 2"])))
def test_any_log_has_an_end_of_bounded_length(lines: list[str]) -> None:
    end = log_end.read(lines)
    assert len(end.before) <= 8
    assert len(end.message) <= 20
    assert (end.message == ()) == (not lines)
