"""How far a long command is: a bar with rate and time left on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cli.terminal.display import clock

QUIET_SECONDS = 30.0
"""Without a terminal, progress is told this often."""
_SPEED_SECONDS = 60.0
"""The rate is that of so long a time."""


class _Rate(TextColumn):
    """Units a second."""

    def __init__(self, unit: str) -> None:
        super().__init__("")
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.3g} {self._unit}/s")


@contextmanager
def metered(console: Console, what: str, unit: str, total: int, done: int) -> Iterator[Callable[[int], None]]:
    """Shows progress.

    Args:
        console: Where to write; its kind decides the form.
        what: Is done.
        unit: Of what is counted, as a plural.
        total: How many there are.
        done: How many are done already; they count for no rate.

    Yields:
        Is to be called with how many more are done.
    """
    if console.is_terminal and not console.is_dumb_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            _Rate(unit),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, speed_estimate_period=_SPEED_SECONDS) as progress:
            task = progress.add_task(what, total=total, completed=done)
            yield lambda count: progress.advance(task, count)
        return
    yield _lines(console, what, unit, total, done)


def _lines(console: Console, what: str, unit: str, total: int, done: int) -> Callable[[int], None]:
    began = said = time.monotonic()
    found = done

    def advance(count: int) -> None:
        nonlocal found, said
        found += count
        now = time.monotonic()
        if now - said < QUIET_SECONDS and found < total:
            return
        said = now
        speed = (found - done) / max(now - began, 1e-9)
        left = f", {clock((total - found) / speed)} left" if speed and found < total else ""
        console.print(f"{what}: {found:,}/{total:,} {unit}, {speed:.3g}/s{left}", highlight=False, soft_wrap=True)

    return advance
