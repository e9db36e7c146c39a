"""An export that is killed, cut off or out of room goes on where it was, and ends with the same bytes."""

import contextlib
import json
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earthline.config import Data, Export
from earthline_sandbox.lifecycle import control
from earthline_sandbox.settings import Home
from tests.conftest import Sandbox

from ..outcomes import mounted
from ..scene import save

pytestmark = pytest.mark.slow

SIDE = 1536
BUCKET = "export-resume"
FOLDER = "projects/sandbox/assets/export_resume"
STEP = """
import json, sys
from earthline.garbage import unsearched
with unsearched():
    from kfp import dsl
    from components.export_examples.run import run
    from components.export_examples.writing import chunks
if len(sys.argv) > 3:
    whole, room = chunks.write_whole, int(sys.argv[3])
    def write_whole(folder, name, pieces):
        global room
        room -= 1
        if room < 0:
            raise OSError(28, "No space left on device", name)
        return whole(folder, name, pieces)
    chunks.write_whole = write_whole
case = json.load(open(sys.argv[1]))
examples = dsl.Dataset(uri=sys.argv[2], metadata={})
run(data=case["data"], export=case["export"], project="sandbox", temp_location=case["temp"], examples=examples)
print("METADATA" + json.dumps(examples.metadata))
"""
PLANNED = re.compile(r"(\d+) patches come by (\d+) requests")
HELD = re.compile(r"an earlier run ended: (\d+) patches")


@dataclass(frozen=True)
class Exporter:
    """Runs the step in processes of its own, all with one folder for temporary files."""

    sandbox: Sandbox
    case: Path
    temp: Path

    def start(self, folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", STEP, str(self.case), str(folder), *arguments],
            env=self.sandbox.client_environment(**mounted(self.sandbox), **variables),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def finish(self, folder: Path) -> str:
        """Runs it to its end; gives what it logged."""
        process = self.start(folder)
        _, log = process.communicate(timeout=300)
        assert process.returncode == 0, log
        return log

    def begin(self, folder: Path, chunks: int, **variables: str) -> subprocess.Popen[str]:
        """Starts it and waits until it has written so many chunks; it is still at work then."""
        before = self.chunks
        process = self.start(folder, **variables)
        for _ in range(3000):
            if self.chunks >= before + chunks:
                return process
            if process.poll() is not None:
                break
            time.sleep(0.02)
        process.kill()
        pytest.fail(f"it ended or did nothing before it was to be interrupted: {process.communicate()[1]}")

    @property
    def chunks(self) -> int:
        """Files that hold what has arrived."""
        return len(list(self.temp.rglob("*.chunk")))

    def admin(self, method: str, path: str, content: Any = None) -> Any:
        return control.call(Home(self.sandbox.home), method, f"earthengine/{path}", content)

    def settle(self) -> None:
        """Waits for what a killed process had under way: the sandbox tells of a request when it has answered it."""
        told = -1
        while (now := len(self.admin("GET", "requests")["requests"])) != told:
            told = now
            time.sleep(1)

    def asked(self) -> int:
        """Requests for pixels since the last time that this was asked."""
        entries = self.admin("GET", "requests")["requests"]
        self.admin("DELETE", "requests")
        return sum(entry["method"] == "image:computePixels" for entry in entries)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.fixture(scope="module")
def exporter(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    imagery = np.stack([rows % 251 + 1, columns % 251 + 1]).astype(np.uint8)
    labels = np.where((rows // 24 + columns // 24) % 4 == 0, 2, 1).astype(np.uint8)
    for name, layers in (("scene", imagery), ("labels", labels[None])):
        sandbox.command("add", f"{FOLDER}/{name}", save(folder / f"{name}.tif", layers, nodata=0))
    classes = [
        {"name": "land", "color": "#1b7837", "values": [1]},
        {"name": "water", "color": "#2b8cbe", "values": [2]},
    ]
    data = {
        "imagery": {"image": f"{FOLDER}/scene", "bands": ["b1", "b2"], "data_type": "uint8"},
        "labels": {"image": f"{FOLDER}/labels", "band": "b1", "classes": classes},
    }
    export = {
        "patch_shape": [32, 32],
        "block_shape": [256, 256],
        "examples": {"train": 60, "validation": 12, "test": 20},
        "concurrency": 2,
        "attempts": 2,
    }
    case = folder / "case.json"
    sections = {
        "data": Data.model_validate(data).model_dump_json(),
        "export": Export.model_validate(export).model_dump_json(),
        "temp": f"gs://{BUCKET}/temp",
    }
    case.write_text(json.dumps(sections))
    sandbox.python(f"from google.cloud import storage; storage.Client(project='sandbox').create_bucket('{BUCKET}')")
    # Steps of a pipeline see a bucket as files.
    exporter = Exporter(sandbox, case, sandbox.home / "storage" / BUCKET / "temp")
    # Slow enough to be interrupted, as Earth Engine is.
    exporter.admin("POST", "faults", {"kind": "stall", "method": "image:computePixels", "seconds": 0.3})
    yield exporter
    exporter.admin("DELETE", "faults")


@pytest.fixture(scope="module")
def whole(exporter, tmp_path_factory):
    """An uninterrupted run: its folder, its log and its requests for pixels."""
    folder = tmp_path_factory.mktemp("whole")
    exporter.asked()
    log = exporter.finish(folder)
    requests = exporter.asked()
    assert int(PLANNED.search(log)[2]) >= 20, "too few requests to be interrupted between them"
    return folder, log, requests


class Cable:
    """A way to the sandbox's proxy that can be cut: from then on connections are refused."""

    def __init__(self, port: int) -> None:
        self._target: int = port
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    def cut(self) -> None:
        # A thread that waits in accept() would keep the port open.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._open:
            end.close()

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._target))
                self._open += [here, there]
                for ends in ((here, there), (there, here)):
                    self._start(self._carry, *ends)

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(1 << 16):
                target.sendall(content)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def killed(exporter: Exporter, folder: Path, chance: random.Random) -> None:
    """Ends it as `kill -9` does."""
    process = exporter.begin(folder, chance.randint(1, 3))
    time.sleep(chance.uniform(0, 0.3))
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -9


def without_a_network(exporter: Exporter, folder: Path, chance: random.Random) -> None:
    """Cuts it off from Earth Engine for good."""
    cable = Cable(exporter.sandbox.proxy_port)
    proxy = f":{exporter.sandbox.proxy_port}"
    variables = {
        name: value.replace(proxy, f":{cable.port}")
        for name, value in exporter.sandbox.environment.items()
        if proxy in value
    }
    assert variables
    process = exporter.begin(folder, chance.randint(1, 3), **variables)
    cable.cut()
    _, log = process.communicate(timeout=300)
    assert process.returncode == 1 and "no answer from Earth Engine" in log


def without_room(exporter: Exporter, folder: Path, chance: random.Random) -> None:
    """Has room for one more chunk on its disk."""
    before = exporter.chunks
    _, log = exporter.start(folder, "1").communicate(timeout=300)
    assert "the disk is full; free some space" in log
    assert exporter.chunks == before + 1


def test_interrupted_again_and_again_it_ends_with_the_same_bytes(exporter, whole, tmp_path):
    expected, log, requests = whole
    patches, windows = map(int, PLANNED.search(log).groups())
    planning = requests - windows
    chance = random.Random(20)
    for interrupted in (killed, without_a_network, without_room, killed):
        folder = tmp_path / f"{interrupted.__name__}-{exporter.chunks}"
        interrupted(exporter, folder, chance)
        assert not (folder / "manifest.json").exists()
    exporter.settle()
    exporter.asked()
    log = exporter.finish(tmp_path / "last")
    # Only the rest was fetched; what the uninterrupted run left is there, and nothing beside it.
    held = int(HELD.search(log)[1])
    missing, windows = map(int, PLANNED.search(log).groups())
    assert 0 < held < patches and held + missing == patches
    assert exporter.asked() == planning + windows
    assert content(tmp_path / "last") == content(expected)
    assert not list(exporter.temp.rglob("*"))
