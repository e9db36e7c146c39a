"""A task that is begun by a fork finds what it would find if its own command had begun it."""

import contextlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from google.protobuf import json_format
from kfp import dsl

from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.vertex.containers import executors, processes, zygotes
from earthline_sandbox.vertex.containers.processes import ContainerProcess


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def describe(mode: str):  # type: ignore[no-untyped-def]  # KFP takes a missing annotation for no output
    import json
    import os
    import resource
    import signal
    import sys
    import tempfile
    import threading

    found = {
        "arguments": len(sys.argv),
        "cwd": os.getcwd(),
        "environment": dict(os.environ),
        "files": len(os.listdir("/proc/self/fd")),
        "flags": list(sys.flags),
        "leads": [os.getpgid(0) == os.getpgrp(), os.getsid(0) == os.getpgrp()],
        "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
        "main": sys.modules["__main__"].__spec__.name,
        "names": sorted(set(vars(sys.modules["__main__"])) - {"__annotations__"}),
        "path": sys.path,
        "program": sys.executable,
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
        "stdin": os.readlink("/proc/self/fd/0"),
        "temporary": tempfile.gettempdir(),
        "threads": threading.active_count(),
        "umask": os.umask(0o022),
    }
    if mode == "sleep":
        os.system("sleep 60 &")
        signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0))
    print("FOUND" + json.dumps(found), flush=True)
    print("to the other stream", file=sys.stderr)
    if mode == "raise":
        raise ValueError("no such band")
    if mode == "exit":
        sys.exit(3)
    if mode == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "sleep":
        signal.pause()


def command(mode: str, folder: Path = Path("/nowhere")) -> list[str]:
    spec = json_format.MessageToDict(describe.pipeline_spec)
    container = next(iter(spec["deploymentSpec"]["executors"].values()))["container"]
    executor_input = {
        "inputs": {"parameterValues": {"mode": mode}},
        "outputs": {"outputFile": str(folder / "out.json")},
    }
    return [*container["command"], "--executor_input", json.dumps(executor_input), "--function_to_execute", "describe"]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    found = Settings(Home(tmp_path), 1, {"HTTPS_PROXY": "http://127.0.0.1:1"})
    yield found
    processes.release(found)


def start(settings: Settings, mode: str, name: str, **variables: str) -> ContainerProcess:
    folder = settings.home.root / name
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    return ContainerProcess.start(
        settings,
        command(mode, folder),
        environment={"TMPDIR": str(folder / "tmp"), "COLOUR": "green", **variables},
        log=settings.home.root / f"{name}.txt",
        cwd=folder,
    )


def log(settings: Settings, name: str, until: str = "to the other stream") -> str:
    deadline = time.monotonic() + 20
    path = settings.home.root / f"{name}.txt"
    while time.monotonic() < deadline:
        if path.exists() and until in path.read_text():
            break
        time.sleep(0.02)
    return path.read_text()


def forked(process: ContainerProcess) -> bool:
    return psutil.Process(process.pid).parent() != psutil.Process()


def group(pid: int) -> int:
    with contextlib.suppress(ProcessLookupError):
        return os.getpgid(pid)
    return 0


def facts(text: str, name: str) -> dict[str, Any]:
    line = next(line for line in text.splitlines() if line.startswith("FOUND"))
    found: dict[str, Any] = json.loads(re.sub(r"/tmp\.\w+", "/tmp.X", line[5:].replace(f"/{name}", "/X")))
    # Only a shell sets these, and only KFP's script needs a shell.
    for variable in ("OLDPWD", "PWD", "SHLVL", "_"):
        found["environment"].pop(variable, None)
    return found


@pytest.mark.parametrize(("mode", "code"), [("return", 0), ("raise", 1), ("exit", 3)])
def test_what_a_task_finds(settings: Settings, monkeypatch: pytest.MonkeyPatch, mode: str, code: int) -> None:
    assert start(settings, mode, "forked").wait(30) == code
    with monkeypatch.context() as patch:
        patch.setattr(zygotes.Zygotes, "run", lambda *_: None)
        assert start(settings, mode, "spawned").wait(30) == code
    one, other = log(settings, "forked"), log(settings, "spawned")
    assert facts(one, "forked") == facts(other, "spawned")
    assert one.count("KFP Executor") == other.count("KFP Executor") > 0
    assert ("ValueError: no such band" in one) == ("ValueError: no such band" in other) == (mode == "raise")
    assert "kfp_zygote" not in one


def test_groups_end_with_their_first_process(settings: Settings) -> None:
    process = start(settings, "sleep", "long")
    log(settings, "long")
    assert forked(process) and process.poll() is None
    children = [pid for pid in psutil.pids() if pid != process.pid and group(pid) == process.pid]
    assert len(children) == 1
    os.kill(process.pid, signal.SIGUSR1)
    assert process.wait(20) == 0
    deadline = time.monotonic() + 10
    while psutil.pid_exists(children[0]) and psutil.Process(children[0]).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_stop_right_after_the_start_reaches_it(settings: Settings) -> None:
    began = time.monotonic()
    process = start(settings, "sleep", "stopped")
    process.stop(grace=20)
    assert process.wait() == -signal.SIGTERM and time.monotonic() - began < 15


def test_a_killed_task_and_a_killed_zygote_are_failures_and_the_next_task_runs(settings: Settings) -> None:
    assert start(settings, "kill", "one").wait(30) == -signal.SIGKILL
    process = start(settings, "sleep", "two")
    log(settings, "two")
    zygote = psutil.Process(process.pid).parent()
    assert zygote is not None
    zygote.kill()
    assert process.wait(30) == -signal.SIGKILL
    assert start(settings, "return", "three").wait(30) == 0
    fourth = start(settings, "sleep", "four")
    log(settings, "four")
    assert forked(fourth)
    fourth.stop()


@pytest.mark.parametrize("variable", ["PYTHONHASHSEED", "LD_BIND_NOW", "LC_ALL"])
def test_what_an_interpreter_reads_at_its_start_gets_a_start(settings: Settings, variable: str) -> None:
    process = start(settings, "sleep", variable, **{variable: "0" if variable == "PYTHONHASHSEED" else "C"})
    assert not forked(process)
    process.stop()


def test_only_the_very_command_is_recognised() -> None:
    words = command("return")
    call = executors.recognise(words)
    assert call is not None and call.arguments[-1] == "describe" and "def describe" in call.source
    installing = ["sh", "-c", 'pip install x; "$0" "$@"', *words]
    other = [*words[:2], words[2].replace("mktemp -d", "mktemp -d; curl"), *words[3:]]
    for changed in (
        installing,
        other,
        ["bash", *words[1:]],
        words[:3],
        [sys.executable, "-m", "kfp.dsl.executor_main"],
        ["python3", "-W", "error", "-m", "trainer.task"],
        ["python3", "-m"],
        ["python3", "-m", "--help"],
        ["python3", "-c", "import trainer.task"],
        ["sh", "-c", "python3 -m trainer.task"],
    ):
        assert executors.recognise(changed) is None
    assert executors.recognise(["python3", "-m", "a.task", "-m"]) == executors.Call("a.task", ("-m",))
    assert executors.recognise(["python3", "-u", "-m", "a.task"]) == executors.Call("a.task", ())
