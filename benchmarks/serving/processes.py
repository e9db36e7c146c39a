"""Servers and other processes of a benchmark, each on this machine's loopback interface."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

READY_SECONDS = 180


class BenchmarkError(RuntimeError):
    """What was to be measured does not run; the text says why."""


@dataclass(frozen=True)
class Server:
    """A server that is ready.

    Attributes:
        name: In a table.
        process: The one that was started.
        port: Where it listens.
        path: Where it predicts.
        ready_seconds: From the start of its process to the first healthy answer.
    """

    name: str
    process: "subprocess.Popen[bytes]"
    port: int
    path: str
    ready_seconds: float

    def processor_seconds(self) -> float:
        """Processor time of the process and those that it started, since they began."""
        process = psutil.Process(self.process.pid)
        times = [each.cpu_times() for each in [process, *process.children(recursive=True)]]
        return float(sum(each.user + each.system for each in times))

    def memory(self) -> float:
        """Resident memory of the process and those that it started, in MB."""
        process = psutil.Process(self.process.pid)
        return float(sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])) / 1e6


def free_port() -> int:
    """A TCP port that nothing listens on at this moment."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def serving(
    name: str,
    command: Sequence[str],
    log: Path,
    *,
    port: int,
    health: str = "/health",
    path: str = "/predict",
    variables: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server from the start of its process until the end of the block.

    Args:
        name: In a table.
        command: That starts it.
        log: File for what it says.
        port: Where it will listen.
        health: Path that answers 200 once it is ready.
        path: Path of predictions.
        variables: Of its environment.

    Raises:
        BenchmarkError: It ends, or is not ready in time.
    """
    with log.open("wb") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **(variables or {})}, stdout=output, stderr=output)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=5) as client:
            while not _healthy(client, health):
                if process.poll() is not None or time.perf_counter() - begun > READY_SECONDS:
                    raise BenchmarkError(f"{name} is not ready; its log ends:\n{log.read_text()[-3_000:]}")
                time.sleep(0.01)
        yield Server(name, process, port, path, time.perf_counter() - begun)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def product(folder: Path, log: Path, *, name: str = "Earthline", **variables: str) -> Any:
    """The prediction server of a model's folder, as `serving` gives it."""
    port = free_port()
    environment = {
        "AIP_STORAGE_URI": str(folder),
        "AIP_HTTP_PORT": str(port),
        "UVICORN_HOST": "127.0.0.1",
        **variables,
    }
    return serving(name, [sys.executable, "-m", "serving"], log, port=port, variables=environment)


class Worker:
    """A process that answers lines of JSON by lines of JSON."""

    def __init__(self, module: str, *arguments: str) -> None:
        """Starts `python -m MODULE`."""
        command = [sys.executable, "-m", module, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Worker":
        """Gives itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()

    def __call__(self, **task: Any) -> dict[str, Any]:
        """The answer to a task.

        Raises:
            BenchmarkError: The process ended.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise BenchmarkError(f"{self.process.args!r} ended with status {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _healthy(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False
