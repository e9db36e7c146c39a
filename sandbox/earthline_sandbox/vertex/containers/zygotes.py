"""Processes that have loaded what tasks need, and fork one process per task.

The process itself is `site/kfp_zygote.py`; here is what starts it, asks it and follows what it runs. Whatever it
cannot stand for, or where anything goes wrong, runs as its command stands.
"""

import contextlib
import itertools
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from earthline_sandbox.vertex.containers.executors import Call, of_libraries, of_the_start, recognise

_ZYGOTE: Final = Path(__file__).with_name("site") / "kfp_zygote.py"
_SECONDS_TO_START: Final = 60.0
"""From its start; what has not loaded all by then, on a very busy machine, is used once it has."""
_MOST: Final = 2
"""Zygotes of a sandbox: each has libraries of its own in memory."""
_OFTEN: Final = 3
"""Containers of another kind from which on they have a zygote."""


class Forked:
    """A process that a zygote forked.

    Attributes:
        pid: Its id, which is the id of its process group and session too.
    """

    def __init__(self, zygote: "Zygote", pid: int) -> None:
        """Watches the process."""
        self.pid = pid
        self._zygote = zygote
        self._ended = threading.Event()
        self._code = 0

    def join(self) -> None:
        """Waits for its end; its id stays taken."""
        self._ended.wait()

    def reap(self) -> int:
        """Frees its id; gives the exit code, negative for a signal."""
        self._zygote.reap(self.pid)
        return self._code

    def end(self, code: int) -> None:
        """Notes its end."""
        self._code = code
        self._ended.set()


class Zygote:
    """A process that has loaded KFP's executor and further modules, for one environment.

    Attributes:
        environment: What every container's environment begins with.
        modules: What it was asked to load before tasks need it.
        unfit: Of these, the one with which a fork would not be what a start is, or that ended the process; empty
            where none is known. Then another must take its place that does without.
    """

    def __init__(self, environment: Mapping[str, str], modules: Sequence[str] = ()) -> None:
        """Starts it; it loads while the sandbox goes on.

        Args:
            environment: What every container's environment begins with.
            modules: Names of modules; those that are not there are passed over.
        """
        self.environment = dict(environment)
        self.modules = tuple(modules)
        self.unfit = ""
        self._loading = ""
        self._started = time.monotonic()
        self.installed = _installed()
        ours, theirs = socket.socketpair()
        self._control = ours
        self._lock = threading.Lock()
        self._ids = itertools.count()
        self._answers: dict[int, queue.SimpleQueue[Forked | None]] = {}
        self._running: dict[int, Forked] = {}
        self._ready = threading.Event()
        self._usable = False
        self._retired = False
        self._ended = False
        with theirs:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).with_name("python3")), str(_ZYGOTE), str(theirs.fileno()), *modules],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**environment, "_KFP_RUNTIME": "true"},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        threading.Thread(target=self._listen, name="zygote", daemon=True).start()

    def run(self, call: Call, environment: Mapping[str, str], log: Path, cwd: Path) -> Forked | None:
        """Begins a task; None where it cannot, and the command itself must run.

        While it still loads, that takes until it has loaded all.

        Args:
            call: The task.
            environment: Its whole environment.
            log: File to which output and errors are appended.
            cwd: Working folder.
        """
        if not self._ready.wait(max(0.0, self._started + _SECONDS_TO_START - time.monotonic())) or not self._usable:
            return None
        answer: queue.SimpleQueue[Forked | None] = queue.SimpleQueue()
        number = next(self._ids)
        request = {
            "run": number,
            "module": call.module,
            "source": call.source,
            "arguments": call.arguments,
            "environment": dict(environment) if call.source is None else {**environment, "_KFP_RUNTIME": "true"},
            "log": str(log),
            "cwd": str(cwd),
        }
        with self._lock:
            if not self._usable:
                return None
            self._answers[number] = answer
        if not self._send(request):
            return None
        return answer.get()

    def stale(self, environment: Mapping[str, str]) -> bool:
        """True where another must take its place: it is gone or unfit, or packages changed since it loaded them."""
        changed = self.environment != environment or self.installed != _installed()
        return changed or self._ended or bool(self.unfit)

    def reap(self, pid: int) -> None:
        """Frees the id of a process that has ended."""
        with self._lock:
            self._running.pop(pid, None)
            last = self._retired and not self._running
        self._send({"reap": pid})
        if last:
            self.close()

    def retire(self) -> None:
        """Ends it when what it runs has ended."""
        with self._lock:
            self._retired = True
            last = not self._running
        if last:
            self.close()

    def close(self) -> None:
        """Ends it, and whatever it runs."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)

    def _send(self, message: Mapping[str, Any]) -> bool:
        try:
            line = json.dumps(message).encode() + b"\n"
            with self._lock:
                self._control.sendall(line)
        except (OSError, UnicodeEncodeError):
            return False
        return True

    def _listen(self) -> None:
        with contextlib.suppress(OSError), self._control.makefile("rb") as lines:
            for line in lines:
                self._take(json.loads(line))
        with self._lock:
            # One that never was of use stays, so that it is not tried again with every task.
            self._ended, self._usable = self._usable, False
            self.unfit = self.unfit or self._loading
            answers, running = list(self._answers.values()), list(self._running.values())
            self._answers.clear()
        self._ready.set()
        for answer in answers:
            answer.put(None)
        for process in running:
            # Nothing follows them any more.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.end(-signal.SIGKILL)
        self._process.wait()
        self._control.close()

    def _take(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"ready": usable}:
                self._usable, self._loading = usable, ""
                self._ready.set()
            case {"loading": name}:
                self._loading = name
            case {"unfit": name}:
                self.unfit = name
            case {"id": number, "refused": True}:
                with self._lock:
                    refused = self._answers.pop(number)
                refused.put(None)
            case {"id": number, "pid": pid, "code": code}:
                with self._lock:
                    process = self._running.get(pid)
                    answer = self._answers.pop(number, None)
                if process is not None:
                    process.end(code)
                elif answer is not None:
                    # It ended before it was anybody's.
                    self.reap(pid)
                    answer.put(None)
            case {"id": number, "pid": pid}:
                process = Forked(self, pid)
                with self._lock:
                    self._running[pid] = process
                    answer = self._answers.pop(number)
                answer.put(process)


class Zygotes:
    """The zygotes of this process: of each sandbox one and, where libraries are shared, one more.

    Containers whose variables for libraries differ cannot share them. The first kind that comes has a zygote, and
    another once it has come often; all other containers are started as their commands stand.
    """

    def __init__(self) -> None:
        """Starts none."""
        self._lock = threading.Lock()
        self._found: dict[str, dict[frozenset[tuple[str, str]], Zygote]] = {}
        self._came: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()
        self._unfit: set[str] = set()

    def run(
        self,
        command: Sequence[str],
        base: Mapping[str, str],
        modules: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        cwd: Path,
    ) -> Forked | None:
        """Begins a command by a fork; None where it must run as it stands.

        Args:
            command: Program and arguments.
            base: The environment that every container's begins with.
            modules: What the sandbox was told to load before tasks need it.
            environment: This container's whole environment.
            log: File to which output and errors are appended.
            cwd: Working folder.
        """
        call = recognise(command)
        if call is None or not _POSSIBLE or of_the_start(base) != of_the_start(environment):
            return None
        if modules:
            kind = of_libraries(environment)
            base = {**{key: base[key] for key in base.keys() - of_libraries(base).keys()}, **kind}
        zygote = self._zygote(base, modules)
        return zygote.run(call, environment, log, cwd) if zygote is not None else None

    def close(self, mount: str) -> None:
        """Ends the zygotes of the sandbox whose storage is mounted there, if it has any."""
        with self._lock:
            zygotes = self._found.pop(mount, {}).values()
            self._came = Counter({key: count for key, count in self._came.items() if key[0] != mount})
        for zygote in zygotes:
            zygote.close()

    def _zygote(self, base: Mapping[str, str], modules: Sequence[str]) -> Zygote | None:
        mount = base["SANDBOX_GCS_MOUNT"]
        kind = frozenset(of_libraries(base).items() if modules else ())
        with self._lock:
            found = self._found.setdefault(mount, {})
            zygote = found.get(kind)
            if zygote is None and found:
                self._came[mount, kind] += 1
                if self._came[mount, kind] < _OFTEN or len(found) == _MOST:
                    return None
            if zygote is None or zygote.stale(base):
                if zygote is not None:
                    zygote.retire()
                    self._unfit |= {zygote.unfit}
                zygote = found[kind] = Zygote(base, [name for name in modules if name not in self._unfit])
            return zygote


_POSSIBLE: Final = hasattr(os, "pidfd_open") and Path(sys.executable).with_name("python3").exists()


def _installed() -> tuple[int, ...]:
    """Changes when something is installed or removed: a zygote holds what was there when it started."""
    paths = sysconfig.get_paths()
    return tuple(os.stat(paths[key]).st_mtime_ns for key in ("purelib", "platlib"))
