"""What the image's entry point starts, and as whom; no engine is needed for that."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root on Linux can become another user"
)


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with a `python3` that says who it is and what it was given."""
    for place in (tmp_path, *tmp_path.parents):
        if place != Path("/") and not place.stat().st_mode & 0o001:
            place.chmod(0o711)
    folder = tmp_path / "bin"
    folder.mkdir(mode=0o755)
    stub = folder / "python3"
    stub.write_text('#!/bin/sh\necho "$(id -u) $HOME $*"\n')
    stub.chmod(0o755)
    return folder


def entry(commands: Path, *words: str, before: tuple[str, ...] = (), **variables: str) -> str:
    environment = {"PATH": f"{commands}:{os.defpath}", "HOME": "/root", **variables}
    done = subprocess.run(
        [*before, "sh", str(ROOT / "containers" / "entry.sh"), *words], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_server_is_an_ordinary_user(commands: Path) -> None:
    assert entry(commands) == "10001 /home/earthline -m serving"
    assert entry(commands, "serve", AIP_STORAGE_URI="gs://b/m") == "10001 /home/earthline -m serving"


def test_a_model_that_root_alone_may_read_is_served_by_root(commands: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir(mode=0o755)
    (model / "saved_model.pb").touch(mode=0o644)
    assert entry(commands, AIP_STORAGE_URI=str(model)).startswith("10001 ")
    model.chmod(0o700)
    assert entry(commands, AIP_STORAGE_URI=str(model)) == "0 /root -m serving"


def test_root_without_capabilities_serves_as_it_is(commands: Path) -> None:
    # As `docker run --cap-drop=ALL` starts it: such a process may not become another user.
    without = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    assert entry(commands, before=without) == "0 /root -m serving"


def test_any_other_command_is_run_as_root(commands: Path) -> None:
    assert entry(commands, "python3", "-m", "trainer.task") == "0 /root -m trainer.task"
