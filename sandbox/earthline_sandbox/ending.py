"""How a sandbox ended: what it records while it runs, and what that tells when it is gone.

A process that is killed, or crashes, can tell nobody. So the requests under way stand in a mapped file, which outlives
the process, and `faulthandler` writes where it was. The command that finds the process gone reports both.
"""

import contextlib
import faulthandler
import mmap
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from earthline_sandbox.settings import Home
from earthline_sandbox.state import read_json, write_json

_SLOTS, _SLOT_BYTES = 64, 512
_TRACES_KEPT = 5
_SHOWN_REQUESTS = 3
_HEAD = "Fatal Python error: "
# What faulthandler calls the signals that it can report (Modules/faulthandler.c of CPython).
_SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Illegal instruction": "SIGILL",
    "Floating-point exception": "SIGFPE",
    "Floating point exception": "SIGFPE",
}


@dataclass(frozen=True)
class Ending:
    """How one sandbox ended.

    Attributes:
        how: `stopped` (by command or signal), `idle`, `failed` (an exception) or `died`.
        signal: Name of the signal that it died of; empty where it did not die.
        requests: What it was answering when it died, the latest last, as `METHOD host/path`.
        trace: File with the stack of the thread that crashed; empty where there is none.
        log: Its log.
        pid: Its process.
        found: When the end was noted, RFC 3339 in UTC.
    """

    how: str
    signal: str
    requests: tuple[str, ...]
    trace: str
    log: str
    pid: int
    found: str

    @property
    def died(self) -> bool:
        """Whether it was not told to end."""
        return self.how in ("died", "failed")

    def sentence(self) -> str:
        """For people: that it died, of what, at what, and where to read on."""
        if self.how == "failed":
            return f"the sandbox (process {self.pid}) failed; the traceback is in {self.log}"
        if not self.died:
            return f"the sandbox (process {self.pid}) {'was idle and stopped' if self.how == 'idle' else 'was stopped'}"
        text = f"the sandbox (process {self.pid}) died of {self.signal}"
        if self.requests:
            more = len(self.requests) - _SHOWN_REQUESTS
            shown = ", ".join(reversed(self.requests[-_SHOWN_REQUESTS:]))
            text += f" while it answered {shown}" + (f" and {more} more" if more > 0 else "")
        if self.trace:
            return f"{text}; the trace is in {self.trace}"
        if self.signal == "SIGKILL":
            text += " (somebody killed it, or the machine did as its memory ran out)"
        return f"{text}; its log is {self.log}"

    def to_json(self) -> dict[str, Any]:
        """Every field, `died`, and `message`."""
        return {**asdict(self), "requests": list(self.requests), "died": self.died, "message": self.sentence()}


class Notes:
    """What a running sandbox notes of itself for the case that it dies."""

    def __init__(self, home: Home) -> None:
        """Opens the files; from here on a fatal signal leaves a trace."""
        self._home = home
        self._trace = _trace_file(home, os.getpid())
        for old in sorted(home.root.glob("crash-*.log"), key=lambda path: path.stat().st_mtime)[:-_TRACES_KEPT]:
            old.unlink(missing_ok=True)
        self._sink = self._trace.open("wb")
        # Only of the thread that crashed: to walk the others, which run on, may crash once more and cut the trace off.
        faulthandler.enable(self._sink, all_threads=False)
        size = _SLOTS * _SLOT_BYTES
        file = _requests_file(home)
        file.write_bytes(bytes(size))
        with file.open("r+b") as handle:
            self._slots = mmap.mmap(handle.fileno(), size)
        self._free = list(range(_SLOTS))

    @contextlib.contextmanager
    def answering(self, text: str) -> Iterator[None]:
        """Within it, a request is under way; only for the thread of the event loop."""
        if not self._free:
            yield
            return
        slot = self._free.pop()
        start = slot * _SLOT_BYTES
        line = f"{time.time():.6f} {text}".encode()[: _SLOT_BYTES - 1]
        self._slots[start : start + _SLOT_BYTES] = line.ljust(_SLOT_BYTES, b"\0")
        try:
            yield
        finally:
            self._slots[start] = 0
            self._free.append(slot)

    def end(self, how: str) -> None:
        """Notes that it ends: `stopped`, `idle` or `failed`."""
        write_json(_ending_file(self._home), asdict(_ending(self._home, how, os.getpid())))

    def close(self) -> None:
        """Leaves no trace from here on."""
        faulthandler.disable()
        self._sink.close()
        self._trace.unlink(missing_ok=True)


def died(home: Home, state: Mapping[str, Any]) -> None:
    """Notes that the process of a state file, which is gone, died.

    Args:
        home: Data folder.
        state: What the process had written of itself.
    """
    pid = state.get("pid")
    if not isinstance(pid, int):
        return
    trace = _trace_file(home, pid)
    try:
        text = trace.read_text(errors="replace")
    except OSError:
        text = ""
    requests: list[tuple[float, str]] = []
    with contextlib.suppress(OSError):
        data = _requests_file(home).read_bytes()
        for start in range(0, len(data), _SLOT_BYTES):
            line = data[start : start + _SLOT_BYTES].split(b"\0", 1)[0].decode(errors="replace")
            begun, _, shown = line.partition(" ")
            with contextlib.suppress(ValueError):
                requests.append((float(begun), shown))
    found = _ending(home, "died", pid, _signal(text), [shown for _, shown in sorted(requests)], trace if text else None)
    if not text:
        trace.unlink(missing_ok=True)
    write_json(_ending_file(home), asdict(found))


def last(home: Home) -> Ending | None:
    """How the last sandbox of a home that is gone ended; None where none has."""
    known = read_json(_ending_file(home))
    try:
        return Ending(**{**known, "requests": tuple(known["requests"])})
    except (KeyError, TypeError):
        return None


def _ending(
    home: Home, how: str, pid: int, signal: str = "", requests: list[str] | None = None, trace: Path | None = None
) -> Ending:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Ending(how, signal, tuple(requests or ()), str(trace or ""), str(home.log_file), pid, now)


def _signal(trace: str) -> str:
    """What a trace says the process died of; without one, only a signal that no process can see remains."""
    head = next((line.removeprefix(_HEAD) for line in trace.splitlines() if line.startswith(_HEAD)), "")
    return _SIGNALS.get(head.strip(), f"a fatal error of Python ({head})" if head else "SIGKILL")


def _trace_file(home: Home, pid: int) -> Path:
    return home.root / f"crash-{pid}.log"


def _requests_file(home: Home) -> Path:
    return home.root / "requests.now"


def _ending_file(home: Home) -> Path:
    return home.root / "ending.json"
