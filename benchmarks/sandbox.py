"""A sandbox of a benchmark's own, and what it tells of the requests that it answered."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ee
import httpx
import psutil
from google.auth.credentials import AnonymousCredentials


class Service:
    """The sandbox's own interface, for what it tells of requests."""

    def __init__(self, address: str) -> None:
        """Takes the address of its application."""
        self._client = httpx.Client(
            base_url=f"{address}/_sandbox", headers={"X-Sandbox": "1"}, timeout=600, trust_env=False
        )
        self._process = psutil.Process(self._client.get("/status").raise_for_status().json()["pid"])

    def add(self, asset: str, path: Path) -> None:
        """Adds a file to the catalogue, in place of one of the same name."""
        body = {"asset": asset, "files": [str(path)], "force": True}
        self._client.post("/earthengine/add", json=body).raise_for_status()

    def add_fault(self, kind: str, method: str, seconds: float) -> None:
        """Makes every call of a method stall, or answer slowly."""
        body = {"kind": kind, "method": method, "seconds": seconds}
        self._client.post("/earthengine/faults", json=body).raise_for_status()

    def pixel_requests(self) -> int:
        """Requests for pixels since this was asked last."""
        entries = self._client.get("/earthengine/requests").raise_for_status().json()["requests"]
        self._client.delete("/earthengine/requests").raise_for_status()
        return sum(entry["method"] == "image:computePixels" for entry in entries)

    def processor_seconds(self) -> float:
        """Processor time of the sandbox's process since it began."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def processor_seconds_by_process(self) -> tuple[float, float]:
        """Processor time of the sandbox's process, and of all that it started and that still runs, since they began."""
        children = [each.cpu_times() for each in self._process.children(recursive=True)]
        return self.processor_seconds(), float(sum(each.user + each.system for each in children))

    def seconds(self, call: Callable[[], Any]) -> float:
        """How long the service worked on the one request that `call` makes."""
        self._client.delete("/earthengine/requests").raise_for_status()
        call()
        (entry,) = self._client.get("/earthengine/requests").raise_for_status().json()["requests"]
        return float(entry["milliseconds"]) / 1_000


@contextmanager
def sandbox() -> Iterator[tuple[Path, Service]]:
    """A running sandbox whose environment this process has."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "earthline_sandbox"]
        home = ["--home", f"{folder}/home"]
        subprocess.run([*command, "start", *home], check=True, capture_output=True)
        try:
            variables = subprocess.run([*command, "env", "--json", *home], check=True, capture_output=True).stdout
            os.environ.update(json.loads(variables))
            ee.Initialize(AnonymousCredentials(), project="sandbox")
            yield Path(folder), Service(f"http://{os.environ['GCE_METADATA_HOST']}")
        finally:
            os.environ.clear()
            os.environ.update(before)
            subprocess.run([*command, "stop", *home], check=True, capture_output=True)
