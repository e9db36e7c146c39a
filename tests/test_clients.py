"""A script that is begun by a fork does and says what one does that is begun by itself."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.clients import Clients
from tests.conftest import Sandbox, pytest_runtest_call

SCRIPT = """
import json, os, sys
from google.cloud import storage

found = {
    "arguments": sys.argv,
    "cwd": os.getcwd(),
    "environment": dict(os.environ),
    "main": [__name__, __spec__, "__file__" in globals()],
    "path": sys.path,
    "buckets": [bucket.name for bucket in storage.Client().list_buckets(prefix="none-")],
}
print(json.dumps(found))
print("parent", os.getppid())
print("to the other stream", file=sys.stderr)
if sys.argv[1] == "raise":
    raise ValueError("no such band")
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def forking(sandbox: Sandbox) -> Iterator[Sandbox]:
    clients = Clients(sandbox.client_environment(), ["google.cloud.storage"], few=0)
    yield replace(sandbox, clients=clients)
    clients.close()


def parent(sandbox: Sandbox, **variables: str) -> int:
    return int(sandbox.run([sys.executable, "-c", "import os; print(os.getppid())"], **variables).stdout)


@pytest.mark.parametrize(("told", "code"), [("0", 0), ("3", 3), ("raise", 1)])
def test_what_a_script_finds(forking: Sandbox, told: str, code: int) -> None:
    command = [sys.executable, "-c", SCRIPT, told, "an argument"]
    one, alone = (which.run(command, check=False) for which in (forking, replace(forking, clients=None)))
    found, expected = (json.loads(run.stdout.splitlines()[0]) for run in (one, alone))
    assert found == expected and one.returncode == alone.returncode == code
    assert one.stderr.splitlines()[0] == alone.stderr.splitlines()[0] == "to the other stream"
    assert (
        ("ValueError: no such band" in one.stderr) == ("ValueError: no such band" in alone.stderr) == (told == "raise")
    )
    parents = [int(run.stdout.split()[-1]) == psutil.Process().pid for run in (one, alone)]
    assert parents == [False, True]


def test_what_a_start_reads_gets_a_start(forking: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parent(forking) != psutil.Process().pid
    assert parent(forking, TF_NUM_INTRAOP_THREADS="1") == parent(forking, PYTHONHASHSEED="1") == psutil.Process().pid
    monkeypatch.chdir(tmp_path)
    assert parent(forking) == psutil.Process().pid


def test_what_a_test_leaves_in_the_environment_keeps_no_later_script_from_a_fork(
    forking: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "before")
    call = pytest_runtest_call()
    next(call)
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "MINE": "after"}
    assert parent(forking) == psutil.Process().pid
    with contextlib.suppress(StopIteration):
        call.send(None)
    assert os.environ["MINE"] == "before" and parent(forking) != psutil.Process().pid


def test_few_scripts_are_begun_by_themselves(sandbox: Sandbox) -> None:
    clients = Clients(sandbox.client_environment(), (), few=2)
    parents = [parent(replace(sandbox, clients=clients)) == psutil.Process().pid for _ in range(3)]
    clients.close()
    assert parents == [True, True, False]


def test_a_script_that_does_not_end_is_ended(forking: Sandbox) -> None:
    parent(forking)
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        forking.run([sys.executable, "-c", script], timeout=3)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(int(caught.value.output)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
