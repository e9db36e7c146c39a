"""Following a run: to its end, or until Ctrl-C, after which the run goes on."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console

from cli.launch import target
from cli.terminal import display, failures
from cli.terminal.outcome import conclude

if TYPE_CHECKING:  # these modules load Google's client
    from pipelines.runs.records import Record
    from pipelines.runs.run import Run
    from pipelines.runs.snapshots import Snapshot


def follow(run: "Run", record: "Record", console: Console, *, cancel_on_exit: bool) -> int:
    """Shows a run to its end, copies its results and says where everything lies.

    Args:
        run: The run.
        record: What is known of it here; written anew at the end.
        console: Where to write.
        cancel_on_exit: Whether Ctrl-C ends the run; otherwise it goes on without being watched.

    Returns:
        The exit code.
    """
    with interruptible() as interrupted:
        try:
            gone = target.sandbox_ending if record.target == "sandbox" else _nothing
            last = display.show(_until(interrupted, run.follow(gone)), console)
        except KeyboardInterrupt:
            # The interrupt may have hit the console while it wrote, and such a one keeps all that follows to itself.
            return _leave(run, record, Console(file=console.file), cancel=cancel_on_exit)
    return conclude(run, record, last, console)


def _until(interrupted: Event, snapshots: "Iterator[Snapshot]") -> "Iterator[Snapshot]":
    """Passes snapshots on until an interrupt, of which a library may have swallowed the exception."""
    for snapshot in snapshots:
        if interrupted.is_set():
            raise KeyboardInterrupt
        yield snapshot


def _nothing() -> str:
    return ""


def _leave(run: "Run", record: "Record", console: Console, *, cancel: bool) -> int:
    console.print()
    if cancel:
        run.cancel()
        console.print(f"run {record.job_id} is being cancelled; finished steps stay in the cache", soft_wrap=True)
    else:
        console.print("the run goes on. Watch it again with", soft_wrap=True)
        console.print(f"  earthline runs follow {record.job_id}", soft_wrap=True, highlight=False)
        console.print("or end it with", soft_wrap=True)
        console.print(f"  earthline runs cancel {record.job_id}", soft_wrap=True, highlight=False)
    return failures.INTERRUPTED


@contextmanager
def interruptible() -> Iterator[Event]:
    """Treats SIGTERM like Ctrl-C, and remembers either in the event."""
    interrupted = Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
