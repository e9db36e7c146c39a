"""Starting, asking and stopping a sandbox from another process."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import filelock
import psutil

from earthline_sandbox import ending
from earthline_sandbox.environment import names, redirect, restore, start_up
from earthline_sandbox.settings import Home
from earthline_sandbox.state import ports_file, read_json
from earthline_sandbox.vertex.containers import engine

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
_ADMIN = {"X-Sandbox": "1"}


class ControlError(RuntimeError):
    """A command that could not be carried out, in words for the person who gave it."""


def running(home: Home) -> dict[str, Any]:
    """The state that the running daemon wrote; empty where none runs (that one died is noted then)."""
    state = read_json(home.state_file)
    if not state:
        return {}
    try:
        process = psutil.Process(int(state["pid"]))
        # A pid is used again; together with the time of its start it is not.
        alive = abs(process.create_time() - float(state["process_started"])) < 1.0
        alive = alive and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError):
        alive = False
    if alive:
        return state
    if read_json(home.state_file) == state:
        ending.died(home, state)
        home.state_file.unlink(missing_ok=True)
    return {}


def _answering(home: Home) -> dict[str, Any]:
    """As `running`; one that is being killed stands among the processes for a moment, and answers no more.

    It may still be connected to meanwhile: the system frees its memory before it closes its sockets.
    """
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while (state := running(home)) and not _answers(int(state["port"])) and time.monotonic() < deadline:
        time.sleep(0.05)
    return state


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_sandbox/status", headers=_ADMIN)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def start(
    home: Home, *, idle_minutes: float, containers: str | None = None, preload: Sequence[str] = ()
) -> dict[str, Any]:
    """Starts a daemon where none runs, and returns its state once it answers.

    Args:
        home: Data folder.
        idle_minutes: Minutes without requests after which it ends; 0 means never.
        containers: Image of the containers that run on a Docker engine; empty runs them as processes. An idle daemon
            that does otherwise is started anew. None takes a running one as it is.
        preload: Python modules that are loaded before tasks need them; one that runs already keeps its own.

    Raises:
        ControlError: It did not come up, and the message has the end of its output; or no container can run here; or
            a running daemon is at work and does otherwise.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    with _lock(home):
        state = _answering(home)
        if state and containers in (None, state.get("containers", "")):
            return state
        if containers:
            try:
                engine.check(containers)
            except engine.EngineError as error:
                raise ControlError(str(error)) from None
        if state:
            if call(home, "GET", "status")["busy"]:
                how = f"containers of {state['containers']}" if state.get("containers") else "processes"
                raise ControlError(f"The sandbox is at work with {how}: let it finish, or stop it, then start again.")
            _end(home, state)
        output = home.root / "daemon.out"
        environment = dict(os.environ)
        restore(environment, names())
        command = [sys.executable, "-m", "earthline_sandbox", "run", "--home", str(home.root.resolve())]
        command += ["--idle-minutes", str(idle_minutes)]
        command += ["--containers", containers] if containers else []
        command += ["--preload", ",".join(preload)] if preload else []
        with output.open("wb") as file:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Neither a folder of the caller's that may vanish, nor one from which the package is not found.
                cwd=Path(__file__).resolve().parents[2],
                env=environment,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                code = process.returncode
                how = f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
                raise ControlError(f"The sandbox {how}:\n{_tail(output)}")
            if (state := running(home)) and state["pid"] == process.pid:
                return state
            time.sleep(0.05)
        process.kill()
        raise ControlError(f"The sandbox was not ready after {START_TIMEOUT_S:g} s:\n{_tail(output)}")


def stop(home: Home) -> bool:
    """Stops the daemon and waits for its end; False where none was running.

    Raises:
        ControlError: It does not end.
    """
    with _lock(home):
        state = running(home)
        if not state:
            return False
        _end(home, state)
        return True


def call(home: Home, method: str, path: str, body: Any = None, *, timeout_s: float | None = 60.0) -> Any:
    """An admin call to the running daemon; gives the JSON of its answer.

    Raises:
        ControlError: None runs, it does not answer, or it refuses.
    """
    # Imported here, as `env` and `start` are quicker without it.
    import httpx

    state = required(home)
    try:
        response = httpx.request(
            method,
            f"http://127.0.0.1:{state['port']}/_sandbox/{path}",
            json=body,
            headers=_ADMIN,
            timeout=timeout_s,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        if not running(home) and (found := ending.last(home)) and found.died:
            raise ControlError(f"{found.sentence()}. Start it: `earthline-sandbox start`.") from error
        raise ControlError(f"The sandbox (process {state['pid']}) does not answer: {error!r}") from error
    if response.is_error:
        try:
            message = response.json()["error"]["message"]
        except (ValueError, KeyError, TypeError):
            message = f"{response.status_code}: {response.text[:500]}"
        raise ControlError(message)
    return response.json()


def environment(home: Home) -> dict[str, str]:
    """The variables that send a client to the running daemon.

    Raises:
        ControlError: None runs.
    """
    state = required(home)
    variables = redirect(
        home,
        port=state["port"],
        proxy_port=state["proxy_port"],
        project=state["project"],
        project_number=state["project_number"],
        location=state["location"],
    )
    return variables | start_up(os.environ)


def required(home: Home) -> dict[str, Any]:
    """The state of the running daemon.

    Raises:
        ControlError: None runs.
    """
    state = running(home)
    if not state:
        known = f" (home {home.root})" if ports_file(home).exists() else f": {home.root} is empty"
        found = ending.last(home)
        last = f" The last one is gone: {found.sentence()}." if found and found.died else ""
        raise ControlError(f"No sandbox is running{known}.{last} Start it: `earthline-sandbox start`.")
    return state


def _end(home: Home, state: dict[str, Any]) -> None:
    process = psutil.Process(state["pid"])
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except psutil.TimeoutExpired:
        raise ControlError(f"Process {state['pid']} does not end; see {home.log_file}.") from None
    running(home)


@contextlib.contextmanager
def _lock(home: Home) -> Iterator[None]:
    """One start or stop at a time."""
    if not home.root.exists():
        yield
        return
    try:
        with filelock.FileLock(home.root / "start.lock", timeout=START_TIMEOUT_S + STOP_TIMEOUT_S):
            yield
    except filelock.Timeout:
        raise ControlError(f"Another start or stop of the sandbox in {home.root} does not end.") from None


def _tail(file: Path, lines: int = 30) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
