import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from earthline_sandbox.lifecycle.control import stop
from earthline_sandbox.settings import Home
from tests.conftest import ROOT, Sandbox, attach, control


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A data folder of its own; whatever runs in it is stopped."""
    folder = tmp_path / "home with 'quotes' and spaces"
    yield folder
    stop(Home(folder))


def status(home: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads(control(home, "status", "--json", check=False).stdout)
    return content


def test_start_is_idempotent_and_stop_leaves_nothing(home: Path) -> None:
    assert status(home)["running"] is False
    assert control(home, "status", check=False).returncode == 3
    control(home, "start")
    first = attach(home)
    control(home, "start")
    assert attach(home).pid == first.pid
    now = status(home)
    assert now["running"] is True
    assert now["pid"] == first.pid
    assert set(now["services"]) >= {"storage", "vertex", "earthengine", "identity"}
    control(home, "stop")
    assert not psutil.pid_exists(first.pid)
    assert not (home / "state.json").exists()
    assert control(home, "stop").stdout == "No sandbox was running.\n"


def test_one_that_is_dying_is_not_taken_for_one_that_runs(home: Path) -> None:
    """A killed process with much memory stands among the others for a moment."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1.5)"]) as dying:
        home.mkdir()
        started = psutil.Process(dying.pid).create_time()
        state = {"pid": dying.pid, "process_started": started, "port": port, "containers": ""}
        (home / "state.json").write_text(json.dumps(state))
        control(home, "start")
    assert attach(home).pid != dying.pid and attach(home).port != port
    assert status(home)["running"] is True


def test_killed_sandbox_starts_again_with_its_objects_and_ports(home: Path) -> None:
    control(home, "start")
    before = attach(home)
    path = "/upload/storage/v1/b/earthline-sandbox/o?uploadType=media&name=kept/a"
    assert before.request("POST", "storage.googleapis.com", path, content=b"survives").status_code == 200
    process = psutil.Process(before.pid)
    process.send_signal(signal.SIGKILL)
    psutil.wait_procs([process], 10)
    assert (home / "state.json").exists()
    assert status(home)["running"] is False
    assert not (home / "state.json").exists()
    said = control(home, "status", check=False).stdout
    assert "died of SIGKILL (somebody killed it, or the machine did as its memory ran out)" in said
    assert str(home / "sandbox.log") in said
    control(home, "start")
    after = attach(home)
    # A shell that has the old environment goes on working.
    assert (after.port, after.proxy_port) == (before.port, before.proxy_port)
    assert after.environment == before.environment
    answer = after.request("GET", "storage.googleapis.com", "/earthline-sandbox/kept/a")
    assert answer.content == b"survives"


def test_a_foreign_process_with_the_same_id_is_not_taken_for_the_sandbox(home: Path) -> None:
    home.mkdir(parents=True)
    mine = psutil.Process()
    state = {"pid": mine.pid, "process_started": mine.create_time() - 1000, "port": 1, "proxy_port": 2}
    (home / "state.json").write_text(json.dumps(state))
    assert control(home, "stop").stdout == "No sandbox was running.\n"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": -1, "process_started": 0}'])
def test_broken_state_is_no_sandbox(home: Path, content: str) -> None:
    home.mkdir(parents=True)
    (home / "state.json").write_text(content)
    assert status(home)["running"] is False


def test_two_starts_at_once_give_one_sandbox(home: Path) -> None:
    command = [sys.executable, "-m", "earthline_sandbox", "start", "--home", str(home)]
    starts = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [start.communicate(timeout=120)[0] for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0]
    assert len(set(outputs)) == 1
    assert str(attach(home).pid) in outputs[0]
    daemons = [process for process in psutil.process_iter(["cmdline"]) if str(home) in (process.info["cmdline"] or [])]
    assert len(daemons) == 1


def test_a_second_foreground_run_is_refused(sandbox: Sandbox) -> None:
    done = sandbox.command("run", check=False)
    assert done.returncode == 1
    assert "another sandbox already serves" in done.stderr


def test_idle_sandbox_ends_and_requests_keep_it(home: Path) -> None:
    control(home, "start", "--idle-minutes", "0.07")
    state = json.loads((home / "state.json").read_text())
    process = psutil.Process(state["pid"])
    url = f"http://127.0.0.1:{state['port']}/storage/v1/b?project=sandbox"
    for _ in range(6):
        assert httpx.get(url, headers={"Host": "storage.googleapis.com"}, trust_env=False).status_code == 200
        time.sleep(1)
    assert process.is_running()
    process.wait(20)
    assert not (home / "state.json").exists()


def test_failed_start_says_why(home: Path) -> None:
    (home / "authority").mkdir(parents=True)
    (home / "authority" / "ca.key").write_text("no key")
    (home / "authority" / "ca.pem").write_text("no certificate")
    done = control(home, "start", check=False)
    assert done.returncode == 1
    assert "ended with status" in done.stderr
    assert "holds no authority: remove it and start again" in done.stderr
    shutil.rmtree(home)


def test_everything_listens_on_loopback_alone(sandbox: Sandbox) -> None:
    process = sandbox.process
    listening = [
        connection.laddr
        for member in (process, *process.children(recursive=True))
        for connection in member.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {sandbox.port, sandbox.proxy_port} <= {address.port for address in listening}
    # gRPC's listener is an IPv6 socket that holds the IPv4 loopback address.
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_home_is_private(sandbox: Sandbox) -> None:
    assert stat.S_IMODE(sandbox.home.stat().st_mode) == 0o700
    assert stat.S_IMODE((sandbox.home / "authority" / "ca.key").stat().st_mode) == 0o600


def test_the_log_is_structured_and_holds_no_token(sandbox: Sandbox) -> None:
    secret = "ya29.very-secret"
    sandbox.request(
        "GET",
        "storage.googleapis.com",
        f"/storage/v1/b?project=sandbox&access_token={secret}",
        headers={"Authorization": f"Bearer {secret}"},
    )
    deadline, wanted = time.monotonic() + 10, []
    while not wanted and time.monotonic() < deadline:  # it is written once the answer is on its way
        entries = [json.loads(line) for line in (sandbox.home / "sandbox.log").read_text().splitlines()]
        wanted = [entry for entry in entries if entry["message"] == "GET storage.googleapis.com/storage/v1/b 200"]
    assert wanted
    assert wanted[-1]["milliseconds"] >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", wanted[-1]["time"])
    assert secret not in (sandbox.home / "sandbox.log").read_text()


def test_reset_forgets_objects_and_keeps_the_process(sandbox: Sandbox) -> None:
    path = "/upload/storage/v1/b/earthline-sandbox/o?uploadType=media&name=gone"
    sandbox.request("POST", "storage.googleapis.com", path, content=b"x")
    before = sandbox.process
    sandbox.command("reset")
    assert sandbox.request("GET", "storage.googleapis.com", "/earthline-sandbox/gone").status_code == 404
    assert sandbox.request("GET", "storage.googleapis.com", "/storage/v1/b/earthline-sandbox").status_code == 200
    assert sandbox.process == before


def test_a_term_signal_stops_it_in_order(home: Path) -> None:
    control(home, "start")
    process = psutil.Process(attach(home).pid)
    begun = time.monotonic()
    process.terminate()
    process.wait(15)
    assert time.monotonic() - begun < 10
    assert not (home / "state.json").exists()
    assert "Traceback" not in (home / "daemon.out").read_text()


def test_env_survives_the_shell(home: Path) -> None:
    control(home, "start")
    script = f"""
        set -eu
        export GOOGLE_APPLICATION_CREDENTIALS=/real/key.json HTTPS_PROXY=http://corporate:3128
        eval "$({sys.executable} -m earthline_sandbox env --home "$1")"
        echo "${{GOOGLE_APPLICATION_CREDENTIALS-unset}}"
        eval "$({sys.executable} -m earthline_sandbox env)"
        env -0 | grep -z ^EARTHLINE_SANDBOX_ | tr '\\0' '\\n'
        echo "$HTTPS_PROXY"
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(home)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "unset"
    assert lines[-1] == f"http://127.0.0.1:{attach(home).proxy_port}"
    # The second `env` found the home by itself and kept what the first one had replaced.
    assert f"EARTHLINE_SANDBOX_HOME={home}" in lines
    saved = next(line for line in lines if line.startswith("EARTHLINE_SANDBOX_SAVED="))
    assert json.loads(saved.partition("=")[2]) == {
        "GOOGLE_APPLICATION_CREDENTIALS": "/real/key.json",
        "HTTPS_PROXY": "http://corporate:3128",
    }


def test_env_without_a_sandbox_says_what_to_do(home: Path) -> None:
    done = control(home, "env", check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "earthline-sandbox start" in done.stderr


def test_status_for_people(sandbox: Sandbox) -> None:
    text = sandbox.command("status").stdout
    assert f"process {sandbox.process.pid}" in text
    assert "earthline-sandbox" in text


def test_admin_calls_need_the_header_and_loopback(sandbox: Sandbox) -> None:
    before = sandbox.process
    url = f"http://127.0.0.1:{sandbox.port}/_sandbox/reset"
    assert httpx.post(url, trust_env=False).status_code == 403
    assert httpx.post(url.replace("reset", "earthengine/seed"), trust_env=False).status_code == 403
    foreign = httpx.post(url, headers={"X-Sandbox": "1", "Host": "evil.example.com"}, trust_env=False)
    assert foreign.status_code == 404
    assert sandbox.process == before


def _ask(running: Sandbox, path: str) -> None:
    with contextlib.suppress(httpx.HTTPError):
        running.request("POST", "earthengine.googleapis.com", path, json={"expression": {}})


def test_a_sandbox_that_crashed_is_said_to_have_died(home: Path) -> None:
    control(home, "start")
    before = attach(home)
    control(home, "faults", "add", "stall", "--method", "value:compute", "--seconds", "60")
    path = "/v1/projects/sandbox/value:compute"
    asking = threading.Thread(target=_ask, args=(before, path), daemon=True)
    asking.start()
    notes = home / "requests.now"
    deadline = time.monotonic() + 20
    while b"value:compute" not in notes.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.02)
    process = before.process
    process.send_signal(signal.SIGSEGV)
    psutil.wait_procs([process], 10)
    asking.join(20)
    said = control(home, "status", check=False)
    assert said.returncode == 3
    assert f"the sandbox (process {before.pid}) died of SIGSEGV while it answered POST " in said.stdout
    assert "earthengine.googleapis.com/v1/projects/sandbox/value:compute" in said.stdout
    last = status(home)["last"]
    assert isinstance(last, dict)
    assert (last["died"], last["how"], last["signal"], last["pid"]) == (True, "died", "SIGSEGV", before.pid)
    trace = Path(last["trace"]).read_text()
    assert "Fatal Python error: Segmentation fault" in trace
    assert "daemon.py" in trace
    # Commands that need one say so, and the next one has it in its log.
    refused = control(home, "env", check=False)
    assert refused.returncode == 1
    assert "died of SIGSEGV" in refused.stderr
    assert "Start it: `earthline-sandbox start`" in refused.stderr
    assert "before this one, the sandbox" in control(home, "start").stderr
    assert control(home, "start").stderr == ""
    assert "Segmentation fault" in (home / "sandbox.log").read_text()
    now = status(home)
    assert now["running"] is True
    assert now["last"] == last
    control(home, "stop")
    after = status(home)["last"]
    assert isinstance(after, dict)
    assert (after["how"], after["died"]) == ("stopped", False)
    assert "last one" not in control(home, "status", check=False).stdout
