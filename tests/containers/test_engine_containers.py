"""Containers of the sandbox on a real engine: they live and die as its processes do."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from earthline_sandbox.errors import ApiError
from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.vertex.containers import containers, engine
from earthline_sandbox.vertex.containers.processes import ContainerProcess

from .conftest import Docker

SLEEP = ("python3", "-c", "import time; print('up', flush=True); time.sleep(600)")


@pytest.fixture
def settings(docker: Docker, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("DOCKER_HOST",):
        if name in docker.environment:
            monkeypatch.setenv(name, docker.environment[name])
    return Settings(Home(tmp_path / "home, with: comma"), 1, {"HTTPS_PROXY": "http://127.0.0.1:1"}, image)


def start(settings: Settings, *command: str, **variables: str) -> ContainerProcess:
    root = settings.home.root
    return ContainerProcess.start(
        settings, command, environment=variables, log=root / "log.txt", cwd=root / "work", image=settings.containers
    )


def until(true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def alive(docker: Docker, settings: Settings) -> list[str]:
    return docker("ps", "--all", "--quiet", "--filter", f"label={engine.label(settings)}").stdout.split()


@pytest.mark.slow
def test_output_variables_files_and_exit_code_are_the_containers(settings: Settings, docker: Docker) -> None:
    script = (
        "import json, os, sys, tempfile, pathlib; pathlib.Path('/gcs/bucket').mkdir();"
        "pathlib.Path('/gcs/bucket/object').write_text('made inside');"
        "print(json.dumps([os.environ.get(k) for k in ('A', 'HTTPS_PROXY', 'USER', 'HOME', 'PYTHONPATH')]));"
        "print(tempfile.gettempdir()); print(sys.executable); sys.exit(3)"
    )
    work = settings.home.root / "work"
    process = start(settings, "python3", "-c", script, A="b c=d", TMPDIR=str(work))
    assert process.wait(60) == 3
    lines = process.log.read_text().splitlines()
    assert json.loads(lines[0]) == ["b c=d", "http://127.0.0.1:1", None, "/tmp", None]
    assert lines[1:] == [str(work), "/opt/earthline/bin/python3"]
    written = settings.home.storage / "bucket" / "object"
    assert written.read_text() == "made inside" and written.stat().st_uid == os.getuid()
    assert not alive(docker, settings)


@pytest.mark.slow
def test_stop_ends_it_within_the_grace_and_leaves_nothing(settings: Settings, docker: Docker) -> None:
    gentle = start(settings, *SLEEP)
    until(lambda: "up" in gentle.log.read_text(), "it did not start")
    began = time.monotonic()
    gentle.stop(grace=20)
    assert time.monotonic() - began < 10
    assert gentle.poll() and not alive(docker, settings)

    deaf = start(settings, "python3", "-c", f"import signal; signal.signal(15, signal.SIG_IGN); {SLEEP[2]}")
    until(lambda: deaf.log.read_text().count("up") == 2, "it did not start")
    deaf.stop(grace=1)
    assert deaf.poll() and not alive(docker, settings)


@pytest.mark.slow
def test_a_killed_command_takes_its_container_with_it(settings: Settings, docker: Docker) -> None:
    process = start(settings, *SLEEP)
    until(lambda: "up" in process.log.read_text(), "it did not start")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    assert not alive(docker, settings)


@pytest.mark.slow
def test_containers_die_with_a_killed_sandbox_and_strays_are_removed(settings: Settings, docker: Docker) -> None:
    script = (
        "import sys, time; from pathlib import Path; from earthline_sandbox.settings import Home, Settings;"
        "from earthline_sandbox.vertex.containers.processes import ContainerProcess; home = Path(sys.argv[1]);"
        "ContainerProcess.start(Settings(Home(home), 1, {}, sys.argv[2]), sys.argv[3:], environment={},"
        " log=home / 'log.txt', cwd=home / 'work'); time.sleep(600)"
    )
    home = settings.home.root
    sandbox = subprocess.Popen([sys.executable, "-c", script, str(home), settings.containers, *SLEEP])
    until(lambda: (home / "log.txt").exists() and "up" in (home / "log.txt").read_text(), "it did not start")
    assert len(alive(docker, settings)) == 1
    sandbox.kill()
    sandbox.wait()
    until(lambda: not alive(docker, settings), "the container outlived the sandbox")

    docker(
        "run", "--detach", "--rm", f"--label={engine.label(settings)}", "--network=none", settings.containers, *SLEEP
    )
    other = docker("run", "--detach", "--rm", "--network=none", settings.containers, *SLEEP).stdout.strip()
    assert len(engine.remove_strays(settings)) == 1
    assert not alive(docker, settings)
    assert docker("inspect", "--format", "{{.State.Running}}", other).stdout.strip() == "true"
    docker("rm", "--force", other)


@pytest.mark.slow
def test_without_a_command_the_images_own_entry_point_runs(settings: Settings) -> None:
    words = containers.command({"imageUri": settings.containers, "args": ["echo", "$(A)"]}, {"A": "b"}, "", settings)
    process = start(settings, *words)
    assert process.wait(60) == 0
    assert process.log.read_text() == "b\n"
    bare = start(settings, *containers.command({"imageUri": settings.containers}, {}, "", settings))
    assert bare.wait(60) == 2
    assert "AIP_STORAGE_URI is not set" in bare.log.read_text()


@pytest.mark.slow
def test_what_cannot_run_says_why(settings: Settings) -> None:
    process = start(settings, "no-such-program")
    assert process.wait(60) == 127
    assert "no-such-program" in process.log.read_text()
    root = settings.home.root
    with pytest.raises(ApiError, match="no image 'nobody/has-this:1': build it"):
        ContainerProcess.start(
            settings, SLEEP, environment={}, log=root / "log.txt", cwd=root, image="nobody/has-this:1"
        )
