"""One run of a custom job: its replicas, what they are told of each other, and how it ends."""

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sandbox.errors import ApiError
from sandbox.settings import Settings
from sandbox.vertex import containers
from sandbox.vertex.processes import ContainerProcess

DEFAULT_TIMEOUT: Final = 7 * 24 * 3600.0
"""Seconds that a job may run where its scheduling says nothing."""

_PARAMETER_SERVERS: Final = 2
_TF_TYPES: Final = ("chief", "worker", "ps", "evaluator")


@dataclass(frozen=True)
class _Replica:
    pool: int
    index: int
    spec: Mapping[str, Any]
    address: str

    @property
    def name(self) -> str:
        return f"workerpool{self.pool}-{self.index}"


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
        self._timeout = _seconds(spec.get("scheduling", {}).get("timeout")) or DEFAULT_TIMEOUT
        self._change = threading.Condition()
        self._processes: dict[str, ContainerProcess] = {}
        self._ended: dict[str, int] = {}
        self._verdict: ApiError | None = None
        self._required: set[str] = set()
        self._pumps: list[threading.Thread] = []
        self.log = settings.home.vertex / "logs" / f"{self._id}.log"
        self.folder = settings.home.vertex / "custom_jobs" / self._id

    def status(self) -> dict[str, Any]:
        """Process ids of the running replicas, and the log."""
        running = {name: process.pid for name, process in self._processes.items() if process.poll() is None}
        return {"processes": running, "log": str(self.log)}

    def start(self) -> None:
        """Starts every replica.

        Raises:
            ApiError: FAILED_PRECONDITION where a container cannot run here; none is left running then.
        """
        replicas = self._replicas()
        # Parameter servers never end by themselves: the job is over when all others have.
        self._required = {replica.name for replica in replicas if replica.pool != _PARAMETER_SERVERS}
        try:
            for replica in replicas:
                self._launch(replica, replicas)
        except BaseException:
            self._stop_all()
            raise

    def wait(self) -> None:
        """Waits for the end of the job.

        Raises:
            ApiError: What `stop` was given; or INVALID_ARGUMENT where a replica failed, with the end of its log,
                as Vertex AI reports it; or CANCELLED after the timeout. Nothing is left running.
        """
        deadline = time.monotonic() + self._timeout
        try:
            with self._change:
                while self._verdict is None and not self._required <= set(self._ended):
                    if any(self._ended.values()):
                        break
                    if not self._change.wait(min(deadline - time.monotonic(), threading.TIMEOUT_MAX)):
                        raise ApiError("CANCELLED", f"The job ran longer than its timeout of {self._timeout:g} s.")
                verdict, ended = self._verdict, dict(self._ended)
        finally:
            self._stop_all()
        if verdict is not None:
            raise verdict
        for name, code in ended.items():
            if code:
                raise self._failure(name, code)

    def stop(self, verdict: ApiError) -> None:
        """Makes `wait` end all replicas and raise `verdict`."""
        with self._change:
            self._verdict = self._verdict or verdict
            self._change.notify_all()

    def _failure(self, name: str, code: int) -> ApiError:
        tail = containers.log_tail(self.log)
        return ApiError(
            "INVALID_ARGUMENT",
            f"The replica {name} {containers.exit_reason(code)}. To find out more about why your job exited please"
            f" check the logs: {self.log}, which ends:\n{tail}",
        )

    def _stop_all(self) -> None:
        stops = [
            threading.Thread(target=process.stop, daemon=True)
            for process in self._processes.values()
            if process.poll() is None
        ]
        for thread in stops:
            thread.start()
        for thread in [*stops, *self._pumps]:
            thread.join()

    def _replicas(self) -> list[_Replica]:
        pools = self._spec["workerPoolSpecs"]
        return [
            _Replica(pool, index, spec["containerSpec"], f"127.0.0.1:{containers.free_port()}")
            for pool, spec in enumerate(pools)
            if spec
            for index in range(int(spec.get("replicaCount", 1)))
        ]

    def _launch(self, replica: _Replica, replicas: list[_Replica]) -> None:
        environment = containers.variables(replica.spec, self._environment(replica, replicas))
        words = containers.command(replica.spec, environment, f"custom job {self._id}")
        single = len(replicas) == 1
        pipe, source = (self.log, -1) if single else self._pipe(replica)
        try:
            process = ContainerProcess.start(
                self._settings, words, environment=environment, log=pipe, cwd=self.folder / replica.name
            )
        except OSError as error:
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
        threading.Thread(target=self._watch, args=(replica.name, process), daemon=True).start()

    def _watch(self, name: str, process: ContainerProcess) -> None:
        code = process.wait()
        with self._change:
            self._ended[name] = code
            self._change.notify_all()

    def _pipe(self, replica: _Replica) -> tuple[Path, int]:
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

    def _environment(self, replica: _Replica, replicas: list[_Replica]) -> dict[str, str]:
        found = {"CLOUD_ML_JOB_ID": self._id, "CLOUD_ML_PROJECT_ID": self._settings.project}
        prefix = self._spec.get("baseOutputDirectory", {}).get("outputUriPrefix", "").rstrip("/")
        if prefix:
            found["AIP_MODEL_DIR"] = f"{prefix}/model/"
            found["AIP_CHECKPOINT_DIR"] = f"{prefix}/checkpoints/"
            found["AIP_TENSORBOARD_LOG_DIR"] = f"{prefix}/logs/"
        pools: dict[str, list[str]] = {}
        kinds: dict[str, list[str]] = {}
        for other in replicas:
            pools.setdefault(f"workerpool{other.pool}", []).append(other.address)
            if other.pool < len(_TF_TYPES):
                kinds.setdefault(_TF_TYPES[other.pool], []).append(other.address)
        found["CLUSTER_SPEC"] = json.dumps(
            {
                "cluster": pools,
                "environment": "cloud",
                "task": {"type": f"workerpool{replica.pool}", "index": replica.index},
                "job": json.dumps({"worker_pool_specs": len(self._spec["workerPoolSpecs"])}),
            }
        )
        if len(replicas) > 1 and replica.pool < len(_TF_TYPES):
            task = {"type": _TF_TYPES[replica.pool], "index": replica.index}
            found["TF_CONFIG"] = json.dumps({"cluster": kinds, "environment": "cloud", "task": task})
        return found


def _seconds(duration: Any) -> float:
    """A JSON duration such as `90.5s` in seconds; 0 where there is none."""
    return float(str(duration or "0s").removesuffix("s"))
