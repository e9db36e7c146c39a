"""What is shown of a failed step's log."""

from hypothesis import given
from hypothesis import strategies as st

from earthline.command_line import log_end

FRAMES = ["Traceback (most recent call last):", '  File "run.py", line 57, in run', "    points.verify(grid)"]


def test_an_error_of_earthlines_own_is_shown_without_class_and_frames() -> None:
    end = log_end.read(["began", *FRAMES, "components.export_examples.points.PointsError: data.imagery: all masked"])
    assert end == log_end.LogEnd(("data.imagery: all masked",), ("began",))


def test_an_error_of_several_lines_is_shown_whole() -> None:
    end = log_end.read([*FRAMES, "components.validate_examples.anomalies.ExamplesError: unfit:", "shard 1", "shard 2"])
    assert end.message == ("unfit:", "shard 1", "shard 2")


def test_any_other_error_keeps_class_and_frames() -> None:
    end = log_end.read(["began", *FRAMES, "KeyError: 'B1'"])
    assert end == log_end.LogEnd(("KeyError: 'B1'",), ("began", *FRAMES))


def test_of_chained_errors_the_last_counts() -> None:
    first = [*FRAMES, "OSError: [Errno 28] No space left on device", "", "During handling of it another occurred:", ""]
    end = log_end.read([*first, *FRAMES, "components.a.WriteError: the disk is full"])
    assert end.message == ("the disk is full",)
    assert "OSError: [Errno 28] No space left on device" in end.before


def test_a_log_without_an_error_ends_with_its_last_line() -> None:
    assert log_end.read(["a", "b", "Killed"]) == log_end.LogEnd(("Killed",), ("a", "b"))


@given(st.lists(st.sampled_from(["", "x", *FRAMES, "KeyError: 1", "trainer.Error: 2"])))
def test_any_log_has_an_end_of_bounded_length(lines: list[str]) -> None:
    end = log_end.read(lines)
    assert len(end.before) <= 20
    assert (end.message == ()) == (not lines)
