"""Tasks that run KFP's Python executor alone: they begin as a fork of a process that has loaded it.

KFP compiles a Python function to `sh -ec SCRIPT SOURCE ARGUMENTS…`, whose script writes the source to a file and runs
`python3 -m kfp.dsl.executor_main` on it. Most of what such a task takes is the start of the interpreter. Where the
command is exactly that, and the environment asks for nothing that an interpreter reads only at its start, the zygote
(`site/kfp_zygote.py`) forks instead. Whatever is not exactly that, or where anything goes wrong, runs as it stands.
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_ZYGOTE: Final = Path(__file__).with_name("site") / "kfp_zygote.py"
_SCRIPT: Final = (
    'program_path=$(mktemp -d) printf "%s" "$0" > "$program_path/ephemeral_component.py" _KFP_RUNTIME=true python3 -m'
    ' kfp.dsl.executor_main --component_module_path "$program_path/ephemeral_component.py" "$@"'
)
"""What kfp 2 compiles a function without packages to install to (component_factory.py), its white space folded."""

_AT_START: Final = ("GLIBC_", "HOME", "KFP_", "LANG", "LC_", "LD_", "MALLOC_", "PYTHON", "SANDBOX_", "_KFP")
"""Beginnings of variables that the interpreter, its libraries or KFP read when they start."""

_SECONDS_TO_START: Final = 30.0


@dataclass(frozen=True)
class Call:
    """A task that is KFP's executor.

    Attributes:
        source: Source of the component.
        arguments: What the executor gets.
    """

    source: str
    arguments: tuple[str, ...]


def recognise(command: Sequence[str]) -> Call | None:
    """The executor call that a command line stands for; None where it is anything else."""
    match list(command):
        case ["sh", "-ec", script, source, *arguments] if " ".join(script.split()) == _SCRIPT:
            return Call(source, tuple(arguments))
    return None


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
    """A process that has loaded KFP's executor, for one environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Starts it; it loads while the sandbox goes on.

        Args:
            environment: What every container's environment begins with.
        """
        self.environment = dict(environment)
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
                [str(Path(sys.executable).with_name("python3")), str(_ZYGOTE), str(theirs.fileno())],
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

        Args:
            call: The task.
            environment: Its whole environment.
            log: File to which output and errors are appended.
            cwd: Working folder.
        """
        if not self._ready.wait(_SECONDS_TO_START) or not self._usable:
            return None
        answer: queue.SimpleQueue[Forked | None] = queue.SimpleQueue()
        number = next(self._ids)
        request = {
            "run": number,
            "source": call.source,
            "arguments": call.arguments,
            "environment": {**environment, "_KFP_RUNTIME": "true"},
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
        """True where another must take its place: it was killed, or packages have changed since it loaded them."""
        return self._ended or self.environment != environment or self.installed != _installed()

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
                self._usable = usable
                self._ready.set()
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
    """The zygotes of this process, one per environment."""

    def __init__(self) -> None:
        """Starts none."""
        self._lock = threading.Lock()
        self._found: dict[str, Zygote] = {}

    def run(
        self, command: Sequence[str], base: Mapping[str, str], environment: Mapping[str, str], log: Path, cwd: Path
    ) -> Forked | None:
        """Begins a command by a fork; None where it must run as it stands.

        Args:
            command: Program and arguments.
            base: The environment that every container's begins with.
            environment: This container's whole environment.
            log: File to which output and errors are appended.
            cwd: Working folder.
        """
        call = recognise(command)
        if call is None or not _POSSIBLE or _read_at_start(base) != _read_at_start(environment):
            return None
        return self._zygote(base).run(call, environment, log, cwd)

    def close(self, mount: str) -> None:
        """Ends the zygote of the sandbox whose storage is mounted there, if it has one."""
        with self._lock:
            zygote = self._found.pop(mount, None)
        if zygote is not None:
            zygote.close()

    def _zygote(self, base: Mapping[str, str]) -> Zygote:
        mount = base["SANDBOX_GCS_MOUNT"]
        with self._lock:
            zygote = self._found.get(mount)
            if zygote is None or zygote.stale(base):
                if zygote is not None:
                    zygote.retire()
                zygote = self._found[mount] = Zygote(base)
            return zygote


_POSSIBLE: Final = hasattr(os, "pidfd_open") and Path(sys.executable).with_name("python3").exists()


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key.startswith(_AT_START)}


def _installed() -> tuple[int, ...]:
    """Changes when something is installed or removed: a zygote holds what was there when it started."""
    paths = sysconfig.get_paths()
    return tuple(os.stat(paths[key]).st_mtime_ns for key in ("purelib", "platlib"))
