import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from cli.terminal import display
from pipelines.runs.snapshots import Snapshot, Step

START = datetime(2026, 1, 1, tzinfo=UTC)


def snapshot(state: str, *steps: Step) -> Snapshot:
    return Snapshot("w-1", "w", state, START, "", steps)


def step(name: str, state: str, seconds: float | None = None, progress: str = "") -> Step:
    ended = None if seconds is None else START + timedelta(seconds=seconds)
    return Step(name, state, started=START, ended=ended, progress=progress)


def shown(snapshots: list[Snapshot], *, terminal: bool) -> str:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=100, no_color=True)
    assert display.show(iter(snapshots), console) == snapshots[-1]
    return output.getvalue()


def test_without_a_terminal_each_change_is_one_line() -> None:
    waiting, running = Step("export_examples"), step("export_examples", "RUNNING")
    text = shown(
        [
            snapshot("PENDING", waiting),
            snapshot("RUNNING", running),
            snapshot("RUNNING", running),
            snapshot("RUNNING", step("export_examples", "SUCCEEDED", 65)),
            snapshot("SUCCEEDED", step("export_examples", "SUCCEEDED", 65)),
        ],
        terminal=False,
    )
    lines = [line.split(maxsplit=1)[1] for line in text.splitlines()]
    assert lines == ["export_examples      running", "export_examples      done after 1:05"]


def test_a_cached_step_is_called_cached() -> None:
    text = shown([snapshot("SUCCEEDED", step("train_model", "SKIPPED", 0))], terminal=False)
    assert "train_model          cached" in text


@pytest.mark.parametrize(
    ("terminal", "words"), [(False, "failed; try 2 begins. Why: `earthline runs"), (True, "running, try 2")]
)
def test_a_step_that_is_tried_again_says_so(terminal: bool, words: str) -> None:
    running = step("train_model", "RUNNING", progress="epoch 3")
    again = replace(running, failed_jobs=("7",))
    text = shown(
        [snapshot("RUNNING", running), snapshot("RUNNING", again), snapshot("RUNNING", again)], terminal=terminal
    )
    assert words in text
    assert terminal or text.count("try 2") == 1


def test_text_of_a_log_is_never_read_as_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "_QUIET_SECONDS", -1)
    running = step("train_model", "RUNNING")
    speaking = step("train_model", "RUNNING", progress="[bold]epoch[/] 1/2 [/nonsense]")
    for terminal in (False, True):
        assert "[bold]epoch[/] 1/2 [/nonsense]" in shown(
            [snapshot("RUNNING", running), snapshot("RUNNING", speaking)], terminal=terminal
        )


def test_a_terminal_shows_every_step_with_its_state() -> None:
    text = shown([snapshot("SUCCEEDED", step("export_examples", "SUCCEEDED", 3), Step("deploy_model"))], terminal=True)
    assert "export_examples" in text and "done" in text
    # The run has ended: what never started is not waiting for anything.
    assert "not run" in text and "waiting" not in text


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    text = shown([snapshot("RUNNING", step("export_examples", "RUNNING")), snapshot("RUNNING")], terminal=True)
    assert text.endswith("export_examples      running\n")


@pytest.mark.parametrize("width", [20, 40, 100])
def test_no_id_is_cut_in_a_narrow_terminal(width: int) -> None:
    output = io.StringIO()
    drawn = Table(box=None, pad_edge=False)
    for column in ("id", "state"):
        drawn.add_column(column, no_wrap=True)
    drawn.add_row("forests-20260101-000000-abcd", "running")
    display.print_whole(drawn, Console(file=output, force_terminal=True, width=width, no_color=True))
    assert "forests-20260101-000000-abcd  running" in output.getvalue()


def test_an_interrupt_leaves_the_terminal_in_order() -> None:
    def interrupted() -> Iterator[Snapshot]:
        yield snapshot("RUNNING", step("train_model", "RUNNING"))
        raise KeyboardInterrupt

    output = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        display.show(interrupted(), Console(file=output, force_terminal=True))
    assert output.getvalue().rstrip("\r\n").endswith("\x1b[?25h")  # the cursor is visible again


@pytest.mark.parametrize(("seconds", "text"), [(None, ""), (0, "0:00"), (5.4, "0:05"), (65, "1:05"), (3725, "1:02:05")])
def test_durations(seconds: float | None, text: str) -> None:
    assert display.clock(seconds) == text


@given(st.floats(0, 10**6))
def test_a_duration_reads_back(seconds: float) -> None:
    parts = display.clock(seconds).split(":")
    units = [1, 60, 3600]
    assert sum(int(part) * unit for part, unit in zip(reversed(parts), units, strict=False)) == round(seconds)
