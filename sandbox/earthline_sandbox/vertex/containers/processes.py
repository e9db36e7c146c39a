"""Containers as processes of this machine or, where it is told to, of its Docker engine."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, Self

from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import engine, orphans
from earthline_sandbox.vertex.containers.zygotes import Zygotes

SITE: Final = Path(__file__).with_name("site")
"""Folder of the `sitecustomize` module that tells KFP where Cloud Storage is mounted."""

_REAPER: Final = Path(__file__).with_name("reaper.py")

_KEPT: Final = frozenset(
    {
        "HOME",
        "LANG",
        "LANGUAGE",
        "LC_ALL",
        "LC_CTYPE",
        "LD_LIBRARY_PATH",
        "LOGNAME",
        "PATH",
        "SHELL",
        "TZ",
        "USER",
    }
)
"""Variables of the sandbox's own environment that a process inherits: nothing that names an account."""


class _Guard:
    """One small process that ends every running container when the sandbox is killed.

    A parent-death signal would be tied to the *thread* that started the process, so the guard watches a pipe
    instead: its other end closes when this process ends, however it ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe = -1

    def tell(self, sign: str, what: int | str) -> None:
        """Reports a process group, or a container of the engine by its name, that began (`+`) or ended (`-`)."""
        line = f"{sign}{what}\n".encode()
        with self._lock:
            for _ in range(2):
                if self._pipe < 0:
                    self._pipe = self._begin()
                try:
                    os.write(self._pipe, line)
                    return
                except BrokenPipeError:
                    os.close(self._pipe)
                    self._pipe = -1

    def _begin(self) -> int:
        """Starts the guard; the end of the pipe that is returned stays open for as long as this process lives."""
        reading, writing = os.pipe()
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_REAPER)],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(reading)
        # Nobody waits for it: it ends after this process.
        guard.returncode = 0
        return writing


_GUARD: Final = _Guard()
_ZYGOTES: Final = Zygotes()


def container_environment(settings: Settings, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a container: the sandbox's, the mount of Cloud Storage, then `extra` on top.

    Args:
        settings: The sandbox.
        extra: Variables of the container's own specification; they win, except that PATH always begins with the
            folder of this interpreter and PYTHONPATH with the folder of `sitecustomize`.
    """
    environment = {key: value for key, value in os.environ.items() if key in _KEPT}
    environment.update(settings.environment)
    environment.update(extra)
    paths = [str(Path(sys.executable).parent), environment.get("PATH", os.defpath)]
    environment["PATH"] = os.pathsep.join(paths)
    modules = [str(SITE), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(entry for entry in modules if entry)
    environment[orphans.MOUNT] = orphans.mark(settings)
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


class Leader(Protocol):
    """The first process of a container.

    Attributes:
        pid: Its id, which is the id of its process group and session too.
    """

    pid: int

    def join(self) -> None:
        """Waits for its end; its id stays taken where the system can do that."""

    def reap(self) -> int:
        """Frees its id; gives the exit code, negative for a signal."""


class _Spawned:
    """A process that this one started."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.pid = process.pid
        self._process = process

    def join(self) -> None:
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            # Without waitid the group is signalled after the leader is gone; children keep the id taken.
            self._process.wait()

    def reap(self) -> int:
        return self._process.wait()


class ContainerProcess:
    """A running command with a session, a log and an environment of its own.

    When the command itself ends, whatever it left running in its process group is killed, as a container's
    processes die with its first one. All of them die with the sandbox. Where the sandbox runs containers on an engine,
    the process is an attached `docker run`, and the container ends with it.

    Attributes:
        pid: Process id, which is the id of its process group and session too.
        log: File that holds standard output and standard error.
    """

    def __init__(self, leader: Leader, log: Path, container: str = "") -> None:
        """Watches a process that `start` began."""
        self.pid = leader.pid
        self.log = log
        self._container = container
        self._leader = leader
        self._reaped = False
        self._ended = threading.Event()
        self._code = 0
        self._reap = threading.Lock()
        threading.Thread(target=self._watch, name=f"container-{self.pid}", daemon=True).start()

    @classmethod
    def start(
        cls,
        settings: Settings,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        cwd: Path,
        image: str = "",
    ) -> Self:
        """Starts a command.

        Args:
            settings: The sandbox whose environment the process gets.
            command: Program and arguments; found through PATH, no shell is involved.
            environment: Variables on top of the sandbox's own.
            log: File to which output and errors are appended, line by line.
            cwd: Working folder; made if absent.
            image: The container's image, which counts on an engine alone; empty is the workflow's.

        Raises:
            ApiError: FAILED_PRECONDITION where the engine does not have the image.
            FileNotFoundError: No such program.
            PermissionError: The program may not be executed.
        """
        cwd.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        words, variables, container = list(command), container_environment(settings, environment), ""
        if settings.containers:
            container, variables = engine.fresh_name(), engine.client_environment()
            words = engine.command(
                settings, container, engine.resolve(settings, image), command, environment, cwd.resolve()
            )
        leader: Leader | None = None
        if not container:
            base = container_environment(settings, {})
            leader = _ZYGOTES.run(words, base, settings.preload, variables, log, cwd)
        if leader is None:
            leader = _spawn(words, variables, log, cwd)
        _GUARD.tell("+", leader.pid)
        if container:
            _GUARD.tell("+", container)
        return cls(leader, log, container)

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._code if self._ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end.

        Args:
            timeout: Seconds; None waits for ever.

        Raises:
            TimeoutError: It still runs.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"Process {self.pid} still runs after {timeout} s")
        return self._code

    def stop(self, grace: float = 5.0) -> None:
        """Ends the whole process group: SIGTERM, then SIGKILL after `grace` seconds."""
        self._signal(signal.SIGTERM)
        if not self._ended.wait(grace):
            self._signal(signal.SIGKILL)
            self._ended.wait()

    def _signal(self, number: int) -> None:
        with self._reap:
            # Until it is reaped no other process can have its id.
            if not self._reaped:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, number)

    def _watch(self) -> None:
        self._leader.join()
        self._signal(signal.SIGKILL)
        with self._reap:
            self._code = self._leader.reap()
            self._reaped = True
        if self._container:
            # It is gone already, unless something killed the command that it was attached to.
            engine.remove(self._container)
            _GUARD.tell("-", self._container)
        _GUARD.tell("-", self.pid)
        self._ended.set()


def _spawn(words: Sequence[str], variables: Mapping[str, str], log: Path, cwd: Path) -> Leader:
    with log.open("ab", buffering=0) as output:
        return _Spawned(
            subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=variables,
                start_new_session=True,
            )
        )


def release(settings: Settings) -> None:
    """Ends what stands ready for a sandbox's processes; it comes back with the next one."""
    _ZYGOTES.close(orphans.mark(settings))
