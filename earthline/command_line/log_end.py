"""What the end of a step's log says: the error that ended it, and the lines before."""

from collections.abc import Sequence
from dataclasses import dataclass

_TRACEBACK = "Traceback (most recent call last)"
# Errors of these packages are written for the user: the frames would only hide them.
_OWN = ("components.", "earthline.", "serving.", "trainer.")


@dataclass(frozen=True)
class LogEnd:
    """The end of a log.

    Attributes:
        message: Lines of the error; without its class where the error is one of Earthline's own.
        before: Last lines before it, with the frames of its traceback only where the error is not Earthline's own.
    """

    message: tuple[str, ...]
    before: tuple[str, ...]


def read(lines: Sequence[str], most: int = 20) -> LogEnd:
    """Takes the end of a log apart.

    Args:
        lines: The whole log.
        most: Number of lines to keep before the message.

    Returns:
        The end; where nothing was raised, the message is the last line.
    """
    starts = [place for place, line in enumerate(lines) if line.startswith(_TRACEBACK)]
    # Frames are indented; the first line that is not holds the class and the message.
    ends = (
        [place for place in range(starts[-1] + 1, len(lines)) if lines[place].strip() and lines[place][:1] != " "]
        if starts
        else []
    )
    if not ends:
        return LogEnd(tuple(lines[-1:]), tuple(lines[-most - 1 : -1]))
    raised = list(lines[ends[0] :])
    name, separator, text = raised[0].partition(": ")
    if not (separator and name.startswith(_OWN)):
        return LogEnd(tuple(raised), tuple(lines[max(0, ends[0] - most) : ends[0]]))
    return LogEnd((text, *raised[1:]), tuple(lines[max(0, starts[-1] - most) : starts[-1]]))
