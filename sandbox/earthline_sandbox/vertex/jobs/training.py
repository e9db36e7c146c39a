"""One run of a custom job: its replicas are started, watched, restarted and ended.

https://cloud.google.com/vertex-ai/docs/training/understanding-training-service says which ends are final, what is
restarted how often, and that the job has succeeded when its primary replica has.
"""

import enum
import os
import queue
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from earthline_sandbox.errors import ApiError
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import cluster, containers
from earthline_sandbox.vertex.containers.cluster import Replica
from earthline_sandbox.vertex.containers.processes import ContainerProcess

DEFAULT_TIMEOUT: Final = 7 * 24 * 3600.0
"""Seconds that a job may run where its scheduling says nothing."""

WORKER_RESTARTS: Final = 5
"""How often a replica whose machine went away is started again."""

JOB_RETRIES: Final = 3
"""How often the whole job is started again, where that may help."""

_TRANSIENT: Final = frozenset({6, 11, 128 + signal.SIGABRT, 128 + signal.SIGSEGV})
_LOST: Final = frozenset({128 + signal.SIGHUP, 128 + signal.SIGINT, 128 + signal.SIGKILL, 128 + signal.SIGTERM})
_KERNEL: Final = Path("/proc/vmstat")


class Cause(enum.Enum):
    """Why a replica ended with a status other than 0; the value is its `Termination reason`."""

    USER = "Error"
    MEMORY = "OOMKilled"
    TRANSIENT = "Crashed"
    LOST = "Evicted"


def cause_of(status: int, memory_kills: int) -> Cause:
    """Judges an exit status.

    Args:
        status: As a container has it: 128 and the number of a signal that ended it.
        memory_kills: How often the kernel has ended a process for want of memory since the replica began.
    """
    if status in _TRANSIENT:
        return Cause.TRANSIENT
    if status == 128 + signal.SIGKILL and memory_kills:
        return Cause.MEMORY
    return Cause.LOST if status in _LOST else Cause.USER


class JobRun:
    """The processes of one custom job."""

    def __init__(self, settings: Settings, name: str, spec: Mapping[str, Any]) -> None:
        """Describes a run; nothing starts yet.

        Args:
            settings: The sandbox.
            name: Name of the custom job.
            spec: Its `CustomJobSpec` as JSON.
        """
        self._settings = settings
        self._id = name.rpartition("/")[2]
        self._spec = spec
        scheduling = spec.get("scheduling", {})
        self._timeout = _seconds(scheduling.get("timeout")) or DEFAULT_TIMEOUT
        self._retries = 0 if scheduling.get("disableRetries") else JOB_RETRIES
        self._together = scheduling.get("restartJobOnWorkerRestart", False) and not scheduling.get("disableRetries")
        self._replicas: list[Replica] = []
        self._processes: dict[str, ContainerProcess] = {}
        self._restarts: dict[str, int] = {}
        self._events: queue.SimpleQueue[ApiError | tuple[Replica, ContainerProcess, int]] = queue.SimpleQueue()
        self._pumps: list[threading.Thread] = []
        self._memory_kills = _memory_kills()
        self.log = settings.home.vertex / "logs" / f"{self._id}.log"
        self.folder = settings.home.vertex / "custom_jobs" / self._id

    def status(self) -> dict[str, Any]:
        """Process ids of the running replicas, how often each was restarted, and the log."""
        running = {name: process.pid for name, process in list(self._processes.items()) if process.poll() is None}
        return {"processes": running, "restarts": dict(self._restarts), "log": str(self.log)}

    def start(self) -> None:
        """Starts every replica.

        Raises:
            ApiError: FAILED_PRECONDITION where a container cannot run here; none is left running then.
        """
        self._replicas = cluster.replicas(self._settings, self._spec)
        self._launch_all()

    def wait(self) -> None:
        """Waits for the end of the job, which is that of its primary replica, and restarts what may be.

        Raises:
            ApiError: What `stop` was given; or INVALID_ARGUMENT where a replica failed for good, with the end of its
                log, as Vertex AI reports it; or CANCELLED after the timeout. Nothing is left running.
        """
        deadline = time.monotonic() + self._timeout
        try:
            while True:
                try:
                    event = self._events.get(timeout=min(max(deadline - time.monotonic(), 0), threading.TIMEOUT_MAX))
                except queue.Empty:
                    reason = f"The job ran longer than its timeout of {self._timeout:g} s."
                    raise ApiError("CANCELLED", reason) from None
                if isinstance(event, ApiError):
                    raise event
                replica, process, code = event
                if self._processes.get(replica.name) is not process:
                    continue  # of a run of the job that was begun anew
                if code == 0 and replica.name == cluster.PRIMARY:
                    return
                if code:
                    self._recover(replica, code if code > 0 else 128 - code)
        finally:
            self._stop_all()

    def stop(self, verdict: ApiError) -> None:
        """Makes `wait` end all replicas and raise `verdict`."""
        self._events.put(verdict)

    def outcome(self) -> dict[str, Any]:
        """Nothing: what a job made lies in its output directory."""
        return {}

    def _recover(self, replica: Replica, status: int) -> None:
        """Restarts what the end of a replica asks for, or raises the job's failure."""
        cause = cause_of(status, _memory_kills() - self._memory_kills)
        begun = self._restarts.get(replica.name, 0)
        if cause is Cause.LOST and begun < WORKER_RESTARTS:
            self._restarts[replica.name] = begun + 1
            scope = "The job" if self._together else "It"
            self._tell(replica, status, cause, f"{scope} is restarted: restart {begun + 1} of {WORKER_RESTARTS}.")
            if self._together:
                self._launch_all()
            else:
                self._launch(replica)
        elif cause in (Cause.LOST, Cause.TRANSIENT) and self._retries:
            self._retries -= 1
            self._restarts.clear()
            self._tell(replica, status, cause, f"The job is retried: {JOB_RETRIES - self._retries} of {JOB_RETRIES}.")
            self._launch_all()
        else:
            tail = containers.log_tail(self.log)
            raise ApiError(
                "INVALID_ARGUMENT",
                f"{_failure(replica, status, cause)} To find out more about why your job exited please check the"
                f" logs: {self.log}, which ends:\n{tail}",
            )

    def _tell(self, replica: Replica, status: int, cause: Cause, what: str) -> None:
        """Writes a line of the service itself to the job's log."""
        with self.log.open("ab", buffering=0) as target:
            target.write(f"[service] {_failure(replica, status, cause)} {what}\n".encode())

    def _launch_all(self) -> None:
        self._stop_all()
        self._memory_kills = _memory_kills()
        try:
            for replica in self._replicas:
                self._launch(replica)
        except BaseException:
            self._stop_all()
            raise

    def _stop_all(self) -> None:
        running, self._processes = self._processes, {}
        stops = [
            threading.Thread(target=process.stop, daemon=True) for process in running.values() if process.poll() is None
        ]
        for thread in stops:
            thread.start()
        for thread in [*stops, *self._pumps]:
            thread.join()
        self._pumps.clear()

    def _launch(self, replica: Replica) -> None:
        given = cluster.variables(self._settings, self._id, self._spec, replica, self._replicas)
        environment = containers.variables(replica.spec, given)
        words = containers.command(replica.spec, environment, f"custom job {self._id}", self._settings)
        single = len(self._replicas) == 1
        pipe, source = (self.log, -1) if single else self._pipe(replica)
        try:
            process = ContainerProcess.start(
                self._settings,
                words,
                environment=environment,
                log=pipe,
                cwd=self.folder / replica.name,
                image=replica.spec["imageUri"],
            )
        except (OSError, ValueError) as error:
            if not single:
                os.close(source)
            raise ApiError("FAILED_PRECONDITION", f"The command {words[0]!r} cannot run: {error}") from None
        finally:
            if not single:
                pipe.unlink()
        self._processes[replica.name] = process
        if not single:
            pump = threading.Thread(target=self._pump, args=(replica.name, source), daemon=True)
            self._pumps.append(pump)
            pump.start()
        threading.Thread(target=self._watch, args=(replica, process), daemon=True).start()

    def _watch(self, replica: Replica, process: ContainerProcess) -> None:
        self._events.put((replica, process, process.wait()))

    def _pipe(self, replica: Replica) -> tuple[Path, int]:
        """A named pipe in the place of a log, and its reading end."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        pipe = self.folder / f"{replica.name}.pipe"
        os.mkfifo(pipe, 0o600)
        return pipe, os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def _pump(self, name: str, source: int) -> None:
        """Copies a replica's lines to the job's log with its name before them."""
        os.set_blocking(source, True)
        with open(source, "rb") as lines, self.log.open("ab", buffering=0) as target:
            for line in lines:
                target.write(f"[{name}] ".encode() + line.rstrip(b"\n") + b"\n")


def _failure(replica: Replica, status: int, cause: Cause) -> str:
    if cause is Cause.MEMORY:
        return f"The replica {replica.name} ran out of memory and exited with a non-zero status of {status}."
    return f"The replica {replica.name} exited with a non-zero status of {status}. Termination reason: {cause.value}."


def _memory_kills() -> int:
    """How often this machine's kernel has ended a process for want of memory; 0 where it does not say."""
    try:
        lines = _KERNEL.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _seconds(duration: Any) -> float:
    """A JSON duration such as `90.5s` in seconds; 0 where there is none."""
    return float(str(duration or "0s").removesuffix("s"))
