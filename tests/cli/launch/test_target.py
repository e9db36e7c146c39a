import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.launch import target
from earthline.config import Environment

ROOT = Path(__file__).parents[3]
CLOUD = Environment(
    target="cloud", project="some-project", bucket="some-bucket", image="us-docker.pkg.dev/some-project/a/b:1"
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
values = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


@given(
    st.dictionaries(names, values, max_size=4), st.dictionaries(names, values, max_size=4), st.sets(names, max_size=3)
)
def test_a_script_is_read_as_a_shell_reads_it(
    before: dict[str, str], given_: dict[str, str], removed: set[str]
) -> None:
    lines = [f"export {name}={quoted(value)}" for name, value in given_.items()]
    script = "\n".join([*lines, *([f"unset {' '.join(sorted(removed))}"] if removed else []), ""])
    expected = {name: value for name, value in {**before, **given_}.items() if name not in removed}
    assert target.redirected(before, script) == expected


@pytest.mark.parametrize(
    "script", ["rm -rf /", "export A", "echo hello", "export A=1 $B", "unset A\nrm -rf /", "export A;b=1"]
)
def test_anything_else_in_a_script_is_refused(script: str) -> None:
    with pytest.raises(target.TargetError, match="belongs to no export"):
        target.redirected({}, script)


def test_a_real_shell_agrees() -> None:
    script = "export A='x y'\nexport B='it'\"'\"'s $HOME'\nunset C\n"
    reply = subprocess.run(
        ["sh", "-c", f'{script}printf "%s|%s|%s" "$A" "$B" "${{C-none}}"'],
        env={"C": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    after = target.redirected({"C": "1"}, script)
    assert reply.stdout == f"{after['A']}|{after['B']}|none"


class Executed(Exception):
    """Stands for the process that would have taken over."""


def record_execution(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    calls: list[tuple[list[str], dict[str, str]]] = []

    def execve(path: str, arguments: list[str], variables: dict[str, str]) -> None:
        calls.append((arguments, variables))
        raise Executed

    monkeypatch.setattr(os, "execve", execve)
    return calls


def test_the_cloud_is_the_process_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record_execution(monkeypatch)
    monkeypatch.setattr(target, "control_sandbox", lambda arguments: pytest.fail("the sandbox was asked"))
    target.enter(CLOUD)
    assert calls == []


def test_the_sandbox_is_the_same_command_with_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record_execution(monkeypatch)
    asked: list[list[str]] = []

    def control(arguments: list[str]) -> str:
        asked.append(arguments)
        return "export HTTPS_PROXY='http://127.0.0.1:1'\nunset GOOGLE_APPLICATION_CREDENTIALS\n"

    monkeypatch.setattr(target, "control_sandbox", control)
    monkeypatch.setattr(sys, "argv", ["earthline", "run", "a config.yaml", "--set", "train.epochs=1"])
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "key.json")
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.delenv(target.MARKER, raising=False)
    with pytest.raises(Executed):
        target.enter(Environment())
    ((arguments, variables),) = calls
    assert asked == [["start"], ["env"]]
    assert arguments[1:] == ["-P", "-m", "cli", "run", "a config.yaml", "--set", "train.epochs=1"]
    assert (variables["HTTPS_PROXY"], variables["KEPT"]) == ("http://127.0.0.1:1", "1")
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in variables
    # The process that takes over does not start another.
    monkeypatch.setenv(target.MARKER, variables[target.MARKER])
    target.enter(Environment())
    assert len(calls) == 1


def test_a_sandbox_that_fails_says_why_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARTHLINE_SANDBOX_HOME", str(tmp_path / "nothing"))
    with pytest.raises(target.TargetError, match=r"`earthline sandbox env` failed: sandbox: "):
        target.control_sandbox(["env"])
    assert not target.sandbox_runs()


def test_a_sandbox_loads_what_steps_import_unless_it_is_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARTHLINE_SANDBOX_PRELOAD", "")
    assert target.sandbox_environment() == os.environ
    monkeypatch.delenv("EARTHLINE_SANDBOX_PRELOAD")
    monkeypatch.setenv("EARTHLINE_SANDBOX_HOME", str(tmp_path))
    target.control_sandbox(["start"])
    try:
        assert json.loads((tmp_path / "state.json").read_text())["preload"] == list(target.PRELOADED)
    finally:
        target.control_sandbox(["stop"])


def test_what_a_sandbox_loads_is_there_and_none_of_it_is_read_anew_by_a_step() -> None:
    assert all(find_spec(name) for name in target.PRELOADED)
    assert not {name.partition(".")[0] for name in target.PRELOADED} & {"components", "earthline", "serving", "trainer"}


def test_a_folder_called_sandbox_in_the_working_directory_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "earthline_sandbox").mkdir()
    (tmp_path / "earthline_sandbox" / "__main__.py").write_text("print('hijacked')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EARTHLINE_SANDBOX_HOME", str(tmp_path / "home"))
    assert "hijacked" not in target.control_sandbox(["--help"])


def test_sandbox_commands_pass_output_and_exit_code_untouched(tmp_path: Path) -> None:
    def both(module: str, *arguments: str) -> list[tuple[int, str, str]]:
        reply = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, "EARTHLINE_SANDBOX_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        return [(reply.returncode, reply.stdout, reply.stderr)]

    direct = both("earthline_sandbox", "status", "--json")
    assert direct[0][0] != 0
    assert both("cli", "sandbox", "status", "--json") == direct


def test_containers_are_refused_in_the_cloud_and_without_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(target.TargetError, match="on Vertex AI every step is a container: leave it out"):
        target.enter(CLOUD, containers=True)
    monkeypatch.setenv("EARTHLINE_SANDBOX_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(target.MARKER, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(target.TargetError, match="no docker command on PATH: install Docker, or leave out"):
        target.enter(Environment(), containers=True)
    assert not target.sandbox_runs()


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ('{"running": false, "last": {"died": true, "message": "it died of SIGSEGV"}}', "it died of SIGSEGV"),
        ('{"running": false, "last": null}', ""),
        ('{"running": true, "last": {"message": "the one before was stopped"}}', ""),
        ("no JSON", ""),
        ("[]", ""),
    ],
)
def test_a_sandbox_that_is_gone_is_asked_how_it_ended(monkeypatch: pytest.MonkeyPatch, printed: str, said: str) -> None:
    monkeypatch.setattr(target, "SANDBOX", (sys.executable, "-c", f"print({printed!r})"))
    assert target.sandbox_ending() == said


@pytest.fixture(scope="module")
def without_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line in a Python that has the product and everything else, but no sandbox."""
    packages = Path(sysconfig.get_path("purelib"))
    if (packages / "earthline_sandbox").exists():
        pytest.skip("the sandbox lies among the other packages")
    folder = tmp_path_factory.mktemp("without-sandbox")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (ours,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # Python does not read the .pth files of a folder that is named like this, and one of them leads to the sandbox.
    (ours / "product.pth").write_text(f"{packages}\n{ROOT}\n")
    python = folder / "venv" / "bin" / "python"
    variables = {name: value for name, value in os.environ.items() if name not in (target.MARKER, "PYTHONPATH")}

    # Where it had one after all, a command would start it and run for minutes.
    found = "import importlib.util as u; raise SystemExit(u.find_spec('earthline_sandbox') is not None)"
    subprocess.run([python, "-P", "-c", found], env=variables, cwd=folder, check=True)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-P", "-m", "cli", *arguments],
            env={**variables, "EARTHLINE_SANDBOX_HOME": str(folder / "home")},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", str(ROOT / "configs" / "quickstart.yaml")),
        ("check", str(ROOT / "configs" / "quickstart.yaml"), "--online"),
        ("sandbox", "status"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_without_the_sandbox_it_says_how_to_install_it(
    without_sandbox: Callable[..., subprocess.CompletedProcess[str]], arguments: tuple[str, ...]
) -> None:
    reply = without_sandbox(*arguments)
    assert reply.returncode == 2, reply.stderr
    assert "error: the sandbox is not installed for " in reply.stderr
    assert "`pip install 'earthline[sandbox]'` brings it" in reply.stderr
    assert reply.stdout == ""


def test_without_the_sandbox_a_check_asks_nobody_and_says_why(
    without_sandbox: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    reply = without_sandbox("check", str(ROOT / "configs" / "quickstart.yaml"))
    assert reply.returncode == 0, reply.stderr
    (line,) = [line for line in reply.stdout.splitlines() if line.startswith("- Earth Engine")]
    assert "`pip install 'earthline[sandbox]'`" in line
