"""What the end of a step's log says: the error that ended it, where it was raised, and the step's own words before."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.runs.log_lines import is_foreign, own_lines

_TRACEBACK = "Traceback (most recent call last)"
_CHAINED = re.compile(r"(The above exception was the direct cause|During handling of the above exception)")
_FRAME = re.compile(r'\s+File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)')
_RAISED = re.compile(r"(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?")
# Errors of these packages are written for the user: where they were raised says nothing to anybody else.
_OWN = ("components.", "earthline.", "pipelines.", "serving.", "trainer.")
# Beam's name of the stage, at the end of what the stage raised.
_STAGE = re.compile(r" \[while running '[^']*'\]$")
_MOST_MESSAGE = 20


@dataclass(frozen=True)
class LogEnd:
    """The end of a log.

    Attributes:
        message: Lines of the error; without its class where the error is one of Earthline's own.
        raised: File and line of the code that raised it, where the error is not Earthline's own.
        before: The step's own last lines before it, without frames and without the executor's.
    """

    message: tuple[str, ...]
    raised: str
    before: tuple[str, ...]


def read(lines: Sequence[str], most: int = 8) -> LogEnd:
    """Takes the end of a log apart.

    Args:
        lines: The whole log.
        most: Number of lines to keep before the message.

    Returns:
        The end; where nothing was raised, the message is the last line that is the step's own.
    """
    starts = [place for place, line in enumerate(lines) if line.startswith(_TRACEBACK)]
    end = _ends(lines, starts[-1]) if starts else None
    if end is None:
        own = list(own_lines(lines))
        return LogEnd(tuple(own[-1:]) or tuple(lines[-1:]), "", tuple(own[-most - 1 : -1]))
    message = [_STAGE.sub("", line) for line in lines[end:] if not is_foreign(line)][:_MOST_MESSAGE]
    while len(message) > 1 and not message[-1].strip():
        message.pop()
    before = tuple(list(own_lines(lines[: _first(lines, starts)]))[-most:])
    raised = _RAISED.fullmatch(message[0])
    if raised and raised["text"] and raised["kind"].startswith(_OWN):
        return LogEnd((raised["text"], *message[1:]), "", before)
    return LogEnd(tuple(message), _innermost(lines[starts[-1] : end]), before)


def _ends(lines: Sequence[str], start: int) -> int | None:
    """Place of the error's class and message: the first line of the step after the frames, which are indented."""
    return next(
        (
            place
            for place in range(start + 1, len(lines))
            if lines[place].strip() and lines[place][0] != " " and not is_foreign(lines[place])
        ),
        None,
    )


def _first(lines: Sequence[str], starts: Sequence[int]) -> int:
    """Where the first error begins that led to the last one."""
    first = starts[-1]
    for start in reversed(starts[:-1]):
        if not any(_CHAINED.match(line) for line in lines[start:first]):
            break
        first = start
    return first


def _innermost(frames: Sequence[str]) -> str:
    found = [frame for line in frames if (frame := _FRAME.match(line))]
    if not found:
        return ""
    # What the step's own code did last says more than the library that it called.
    own = [frame for frame in found if "site-packages" not in frame["file"] and not frame["file"].startswith("<")]
    frame = (own or found)[-1]
    return f"{frame['file']}, line {frame['line']}, in {frame['function']}"
