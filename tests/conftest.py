"""A real sandbox for the tests that need one: started once per test process, stopped at its end."""

import gc
import inspect
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import psutil
import pytest

from cli.launch.target import PRELOADED
from earthline_sandbox.environment import names, restore
from tests.clients import Clients

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = dict(os.environ)
"""The environment before any fixture sent this process to a sandbox."""

# Timing says nothing on a shared machine; what a test asserts does.
# What explains a failure traces every line, and CPython 3.11 may then run one function's first line for ever.
_PHASES = [phase for phase in hypothesis.Phase if phase != hypothesis.Phase.explain]
# Continuous integration draws the same examples each time; a developer's run draws new ones and may find more.
hypothesis.settings.register_profile("suite", deadline=None, phases=_PHASES, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("suite")


def _callers(context: int = 1) -> list[inspect.FrameInfo]:
    """The frames above, without their lines of source.

    KFP asks `inspect.stack` for the name of its caller at every setting of a task. To find lines, that looks through
    all modules for many a frame: where one process has run half of the suite, half a second each, ten a compilation.
    """
    return [
        inspect.FrameInfo(frame, frame.f_code.co_filename, line, frame.f_code.co_name, None, None)
        for frame, line in traceback.walk_stack(sys._getframe(1))
    ]


inspect.stack = _callers


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """What modules make while they are imported is looked through for garbage neither then nor at any test.

    Once all of them are there, that is a million objects and most of a second for each whole look. Tests make
    networks and pipelines of many objects: they are looked through less often than with each 700 new ones.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(100_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """What a test leaves in the environment ends with it.

    The command line sets TensorFlow's level of its log for its process. Where a test runs it in this one, whatever is
    started later would get another environment than before, and no script could begin as a fork any more.
    """
    before = dict(os.environ)
    try:
        return (yield)
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a slow test come first: one that begins last would leave all processes but its own idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox.

    Attributes:
        home: Data folder.
        port: Loopback port of its application.
        proxy_port: Loopback port of its proxy.
        pid: Process of the daemon when it was attached to.
        environment: Variables that send a client to it.
        clients: Begins scripts by a fork; None where each is a start.
    """

    home: Path
    port: int
    proxy_port: int
    pid: int
    environment: Mapping[str, str]
    clients: Clients | None = None

    @property
    def process(self) -> psutil.Process:
        """The daemon; another than at first where a test started it anew."""
        return psutil.Process(json.loads((self.home / "state.json").read_text())["pid"])

    def command(self, *arguments: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Runs `python -m earthline_sandbox …` on this home."""
        return control(self.home, *arguments, check=check, timeout=timeout)

    def client_environment(self, **variables: str) -> dict[str, str]:
        """What a user's shell has after `eval "$(earthline sandbox env)"`."""
        return {**os.environ, **self.environment, **variables}

    def run(
        self, command: Sequence[str], *, check: bool = True, timeout: float = 120, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command with the sandbox's environment; a failure shows what it wrote."""
        environment = self.client_environment(**variables)
        done = self.clients.run(command, environment, timeout) if self.clients is not None else None
        if done is None:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout)
        assert not check or done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stderr}"
        return done

    def python(self, script: str, *, timeout: float = 120, **variables: str) -> str:
        """Runs an unmodified client script in an interpreter of its own; gives what it printed."""
        return self.run([sys.executable, "-c", script], timeout=timeout, **variables).stdout

    def request(self, method: str, host: str, path: str, **options: Any) -> httpx.Response:
        """A request for a Google host, straight to the application."""
        headers = {**options.pop("headers", {}), "Host": host}
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.request(method, url, headers=headers, timeout=60, trust_env=False, **options)


def control(home: Path, *arguments: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Runs `python -m earthline_sandbox … --home home`, in an environment that no other sandbox has touched."""
    environment = dict(os.environ)
    restore(environment, names())
    done = subprocess.run(
        [sys.executable, "-m", "earthline_sandbox", *arguments, "--home", str(home)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert not check or done.returncode == 0, f"sandbox {arguments} ended with {done.returncode}:\n{done.stderr}"
    return done


def attach(home: Path) -> Sandbox:
    """The handle of the sandbox that runs in `home`."""
    state = json.loads((home / "state.json").read_text())
    variables = json.loads(control(home, "env", "--json").stdout)
    return Sandbox(home, state["port"], state["proxy_port"], state["pid"], variables)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running sandbox; tests share it, so they use names of their own or `clean_sandbox`."""
    home = tmp_path_factory.mktemp("sandbox") / "home"
    control(home, "start", "--preload", ",".join(PRELOADED))
    clients = None
    try:
        found = attach(home)
        # In a whole suite many scripts come, so that none of them need begin by itself.
        clients = Clients(found.client_environment(), few=0 if "PYTEST_XDIST_WORKER" in os.environ else 2)
        yield replace(found, clients=clients)
    finally:
        if clients is not None:
            clients.close()
        control(home, "stop")


@pytest.fixture
def clean_sandbox(sandbox: Sandbox) -> Sandbox:
    """The running sandbox, with every resource forgotten."""
    sandbox.command("reset")
    return sandbox
