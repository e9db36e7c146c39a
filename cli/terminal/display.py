"""Showing a run: a live table on a terminal, one line per change elsewhere."""

import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # the module loads Google's client
    from pipelines.runs.snapshots import Snapshot, Step

_WORDS = {
    "WAITING": ("waiting", "dim"),
    "PENDING": ("waiting", "dim"),
    "RUNNING": ("running", "bold cyan"),
    "SUCCEEDED": ("done", "green"),
    "SKIPPED": ("cached", "green"),
    "FAILED": ("failed", "bold red"),
    "CANCEL_PENDING": ("cancelling", "yellow"),
    "CANCELLING": ("cancelling", "yellow"),
    "CANCELLED": ("cancelled", "yellow"),
    "NOT_TRIGGERED": ("not run", "dim"),
    "LOST": ("not started", "bold red"),
}
_UNBOUNDED = 10_000
_QUIET_SECONDS = 30
"""Without a terminal, a running step tells its progress this often."""


def on_output() -> Console:
    """A console on standard output; where that is no terminal nothing is cut to a terminal's width."""
    console = Console()
    if not console.is_terminal:
        console.width = _UNBOUNDED
    return console


def on_error() -> Console:
    """A console on standard error, for what must not stand among a command's output."""
    return Console(stderr=True)


def word(state: str) -> str:
    """A state of Vertex AI in a plain word, such as `cached` for SKIPPED.

    Args:
        state: Such as SUCCEEDED.
    """
    return _WORDS.get(state, (state.lower(), ""))[0]


def styled(state: str) -> Text:
    """The same word in its colour.

    Args:
        state: Such as SUCCEEDED.
    """
    text, style = _WORDS.get(state, (state.lower(), ""))
    return Text(text, style=style)


def clock(seconds: float | None) -> str:
    """A duration such as `1:05`; empty where there is none.

    Args:
        seconds: Duration in seconds.
    """
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def table(snapshot: "Snapshot") -> Table:
    """A run's steps: name, state, time, and what each is doing.

    Args:
        snapshot: The run.
    """
    drawn = Table(box=None, pad_edge=False, expand=False)
    drawn.add_column("step", no_wrap=True)
    drawn.add_column("state", no_wrap=True)
    drawn.add_column("time", justify="right", no_wrap=True)
    drawn.add_column("progress", no_wrap=True, overflow="ellipsis", style="dim")
    for step in snapshot.steps:
        state = "NOT_TRIGGERED" if snapshot.ended and step.state == "WAITING" else step.state
        progress = step.progress if step.state == "RUNNING" else ""
        shown = styled(state)
        if step.state == "RUNNING" and step.failed_jobs:
            shown.append(f", try {len(step.failed_jobs) + 1}")
        drawn.add_row(step.name, shown, clock(_elapsed(step)), Text(progress))
    return drawn


def print_whole(drawn: Table, console: Console) -> None:
    """Prints a table with every letter of its cells: an id that a narrow terminal cuts is of no use.

    Args:
        drawn: The table; the terminal breaks lines that are too long for it.
        console: Where to write.
    """
    unbounded = console.options.update(max_width=_UNBOUNDED)
    console.width = max(console.width, Measurement.get(console, unbounded, drawn).maximum)
    console.print(drawn)


def show(snapshots: Iterable["Snapshot"], console: Console) -> "Snapshot":
    """Shows a run until its snapshots end.

    Args:
        snapshots: At least one.
        console: Where to write; its kind decides the form.

    Returns:
        The last snapshot.
    """
    # A terminal that cannot move its cursor would show nothing before the end.
    live = console.is_terminal and not console.is_dumb_terminal
    return _show_live(snapshots, console) if live else _show_lines(snapshots, console)


def _show_live(snapshots: Iterable["Snapshot"], console: Console) -> "Snapshot":
    last: Snapshot | None = None
    with Live(console=console, refresh_per_second=4) as live:
        for last in snapshots:
            live.update(table(last), refresh=True)
    return _known(last)


def _show_lines(snapshots: Iterable["Snapshot"], console: Console) -> "Snapshot":
    last: Snapshot | None = None
    states: dict[str, str] = {}
    told: dict[str, tuple[str, float]] = {}
    failures: dict[str, int] = {}
    for last in snapshots:
        for step in last.steps:
            if step.state != states.get(step.name, "WAITING") and word(step.state) != "waiting":
                duration = f" after {clock(step.seconds)}" if step.seconds is not None else ""
                _line(console, step.name, f"{word(step.state)}{duration}")
                told[step.name] = ("", time.monotonic())
            elif step.state == "RUNNING" and len(step.failed_jobs) > failures.get(step.name, 0):
                failures[step.name] = len(step.failed_jobs)
                why = f"earthline runs logs {last.job_id} {step.name}"
                _line(console, step.name, f"failed; try {len(step.failed_jobs) + 1} begins. Why: `{why}`")
            elif step.state == "RUNNING":
                text, moment = told.get(step.name, ("", 0.0))
                if step.progress != text and time.monotonic() - moment > _QUIET_SECONDS:
                    told[step.name] = (step.progress, time.monotonic())
                    _line(console, step.name, step.progress)
            states[step.name] = step.state
    return _known(last)


def _line(console: Console, step: str, text: str) -> None:
    moment = datetime.now().astimezone().strftime("%H:%M:%S")
    console.print(f"{moment} {step:<20} {escape(text)}", highlight=False, soft_wrap=True)
    sys.stdout.flush()


def _known(last: "Snapshot | None") -> "Snapshot":
    if last is None:
        raise ValueError("a run has at least one snapshot")
    return last


def _elapsed(step: "Step") -> float | None:
    if step.seconds is not None:
        return step.seconds
    if step.started is None or step.state != "RUNNING":
        return None
    return (datetime.now(UTC) - step.started).total_seconds()
