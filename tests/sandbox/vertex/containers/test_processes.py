import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.vertex.containers.containers import exit_reason
from earthline_sandbox.vertex.containers.processes import ContainerProcess


def start(tmp_path: Path, *command: str, **variables: str) -> ContainerProcess:
    settings = Settings(Home(tmp_path), 1, {"HTTPS_PROXY": "http://127.0.0.1:1"})
    return ContainerProcess.start(
        settings, command, environment=variables, log=tmp_path / "log.txt", cwd=tmp_path / "work"
    )


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_output_folder_environment_and_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "key.json")
    script = (
        "import os, sys; print(os.getcwd()); print(os.environ['A'], os.environ['HTTPS_PROXY'], sys.executable);"
        "print(os.environ.get('GOOGLE_APPLICATION_CREDENTIALS')); print('problem', file=sys.stderr); sys.exit(3)"
    )
    process = start(tmp_path, "python3", "-c", script, A="b")
    assert process.wait(30) == 3
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert lines[0] == str(tmp_path / "work")
    assert lines[1] == f"b http://127.0.0.1:1 {Path(sys.executable).with_name('python3')}"
    assert sorted(lines[2:]) == ["None", "problem"]


def test_an_unknown_program_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        start(tmp_path, "no-such-program")


def test_stop_ends_the_whole_group(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "sleep 60 & echo $!; trap '' TERM; sleep 60 & wait; wait")
    while not (tmp_path / "log.txt").read_text().strip():
        time.sleep(0.01)
    child = int((tmp_path / "log.txt").read_text())
    assert process.poll() is None
    with pytest.raises(TimeoutError):
        process.wait(0.01)
    process.stop(grace=0.3)
    assert process.poll() is not None and process.poll() != 0
    assert gone(child)


def test_a_polite_process_ends_by_itself(tmp_path: Path) -> None:
    script = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print(1); time.sleep(60)"
    process = start(tmp_path, "python3", "-c", script)
    while not (tmp_path / "log.txt").read_text():
        time.sleep(0.01)
    process.stop()
    assert process.wait() == 0


def test_what_a_command_leaves_running_dies_with_it(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "sleep 60 & echo $!")
    assert process.wait(10) == 0
    assert gone(int((tmp_path / "log.txt").read_text()))


def test_containers_die_with_a_killed_sandbox(tmp_path: Path) -> None:
    script = f"""
import time
from pathlib import Path
from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.vertex.containers.containers import exit_reason
from earthline_sandbox.vertex.containers.processes import ContainerProcess
home = Path({str(tmp_path)!r})
process = ContainerProcess.start(
    Settings(Home(home), 1), ["sleep", "60"], environment={{}}, log=home / "log.txt", cwd=home)
print(process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert psutil.pid_exists(pid)
        os.kill(owner.pid, signal.SIGKILL)
    assert gone(pid)


def test_kfp_sees_cloud_storage_mounted_and_keeps_the_uri(tmp_path: Path) -> None:
    script = (
        "from kfp.dsl import Model; m = Model(uri='gs://b/x'); print(m.uri, m.path);"
        "m.path = m.path + '/y'; print(m.uri)"
    )
    assert start(tmp_path, "python3", "-c", script).wait(60) == 0
    assert (tmp_path / "log.txt").read_text().split() == ["gs://b/x", f"{tmp_path}/storage/b/x", "gs://b/x/y"]


def test_processes_without_kfp_do_not_import_it(tmp_path: Path) -> None:
    script = "import sys; print([name for name in ('kfp', 'sitecustomize', 'asyncio') if name in sys.modules])"
    assert start(tmp_path, "python3", "-c", script).wait(30) == 0
    assert (tmp_path / "log.txt").read_text().strip() == "['sitecustomize']"


def test_a_shadowed_sitecustomize_runs_too(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('theirs')\n")
    assert start(tmp_path, "python3", "-c", "print('mine')", PYTHONPATH=str(tmp_path)).wait(30) == 0
    assert (tmp_path / "log.txt").read_text().split() == ["theirs", "mine"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-signal.SIGKILL, "was ended by signal 9 (somebody killed it, or the machine did as its memory ran out)"),
        (-signal.SIGTERM, "was ended by signal 15"),
        (7, "exited with a non-zero status of 7"),
    ],
)
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    assert exit_reason(code) == words
