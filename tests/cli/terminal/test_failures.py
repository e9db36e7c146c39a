"""From an exception to lines that a user can act on."""

import errno
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound

from cli.launch import target
from cli.terminal import failures


def test_an_error_of_googles_clients_comes_without_the_address_of_the_request() -> None:
    error = NotFound("POST https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/x?a=b%3A: no such x")
    assert failures.plainly(error) == "no such x"
    assert failures.plainly(ValueError("a: b")) == "a: b"


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "make room"), (errno.EROFS, "start the command in another folder"), (errno.EACCES, "can write")],
)
def test_a_disk_that_refuses_is_no_mistake_of_earthlines(
    capsys: pytest.CaptureFixture[str], number: int, words: str
) -> None:
    assert failures.report(OSError(number, os.strerror(number), "runs/x/map.tif")) == failures.RUN_FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: runs/x/map.tif: {os.strerror(number)}")
    assert words in line


@pytest.mark.parametrize("below", ["earthline/locks/p.w.lock", "earthline", ""])
def test_locks_that_cannot_be_made_name_the_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, below: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = tmp_path / below
    failures.report(OSError(errno.EACCES, "Permission denied", str(path)))
    assert "set XDG_STATE_HOME to a folder that you can write" in capsys.readouterr().err


@pytest.mark.parametrize("home", ["/proc/1", "/dev/null"])
@pytest.mark.parametrize("rest", [{}, {"TMPDIR": "/dev/null"}], ids=["", "no TMPDIR"])
def test_a_home_that_cannot_be_written_gives_an_error_line(home: str, rest: dict[str, str], tmp_path: Path) -> None:
    broken = "import earthline.config\nearthline.config.load = lambda *_: 1 / 0\nfrom cli.app import main"
    variables = {key: value for key, value in os.environ.items() if not key.startswith("XDG")}
    reply = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.argv = ['earthline', 'check', 'x']\n{broken}\nmain()"],
        env={**variables, "HOME": home, **rest},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert reply.returncode == failures.RUN_FAILED
    lines = reply.stderr.splitlines()
    assert lines[0] == "error: unexpected ZeroDivisionError: division by zero"
    assert lines[1].startswith("error: this is a mistake of Earthline's; ")
    path = Path(lines[1].rpartition(" ")[2])
    assert "ZeroDivisionError" in (path.read_text() if path.is_file() else reply.stderr.split("\n", 2)[2])
    path.unlink(missing_ok=True)


def test_a_sandbox_that_died_meanwhile_is_said_to_have_died(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(target.MARKER, "sandbox")
    monkeypatch.setattr(target, "sandbox_ending", lambda: "the sandbox (process 7) died of SIGSEGV")
    assert failures.report(NotFound("GET https://x/y: gone")) == failures.NOT_STARTED
    assert capsys.readouterr().err == "error: Google Cloud: gone\nerror: the sandbox (process 7) died of SIGSEGV\n"


@pytest.mark.parametrize(
    ("variables", "start"),
    [({}, "\x1b["), ({"NO_COLOR": "1"}, "error: "), ({"TERM": "dumb"}, "error: ")],
    ids=["terminal", "NO_COLOR", "dumb"],
)
def test_no_colours_where_none_are_wanted(variables: dict[str, str], start: str) -> None:
    ours, theirs = pty.openpty()
    inherited = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    subprocess.run(
        [sys.executable, "-m", "cli", "check", "no-such.yaml"],
        env={**inherited, "TERM": "xterm", **variables},
        stderr=theirs,
        check=False,
    )
    os.close(theirs)
    said = os.read(ours, 1000).decode()
    os.close(ours)
    assert said.startswith(start)
    assert "no-such.yaml" in said
