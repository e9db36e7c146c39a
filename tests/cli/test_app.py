import importlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.app import app, main
from cli.terminal import failures
from earthline import __version__
from earthline.config import Config

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "configs" / "quickstart.yaml"
HEAVY = ("tensorflow", "keras", "google.cloud.aiplatform", "apache_beam", "kfp", "ee", "pydantic", "numpy")
CLIENTS = ("tensorflow", "keras", "google.cloud.aiplatform", "apache_beam", "kubernetes", "rasterio", "matplotlib")
LOADED_BY_CHECK = f"""
import sys
sys.argv = ["earthline", "check", {str(QUICKSTART)!r}, "--offline"]
from cli.app import main
try:
    main()
except SystemExit as exit:
    assert not exit.code, exit.code
print("LOADED", [name for name in {CLIENTS!r} if name in sys.modules])
"""
LOADED_BY_HELP = f"""
import sys
sys.argv = ["earthline", "--help"]
from cli.app import main
try:
    main()
except SystemExit as exit:
    assert not exit.code, exit.code
print("LOADED", [name for name in {HEAVY!r} if name in sys.modules])
"""


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the real entry point."""
    monkeypatch.setattr(sys, "argv", ["earthline", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    output = capsys.readouterr()
    code = caught.value.code
    return int(code) if code is not None else 0, output.out, output.err


def test_help_loads_nothing_heavy_and_answers_at_once() -> None:
    started = time.monotonic()
    reply = subprocess.run([sys.executable, "-c", LOADED_BY_HELP], capture_output=True, text=True, check=True)
    elapsed = time.monotonic() - started
    assert reply.stdout.splitlines()[-1] == "LOADED []"
    for command in ("init", "preview", "run", "submit", "compile", "check", "runs", "schedule", "sandbox", "schema"):
        assert command in reply.stdout
    # A second on an idle machine; the suite may share its processors.
    assert elapsed < 3


def test_a_check_offline_takes_two_seconds_at_most_and_no_client() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    reply = subprocess.run([sys.executable, "-c", LOADED_BY_CHECK], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert reply.stdout.splitlines()[-1] == "LOADED []"
    # Of processor time: the suite may share its processors.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, capsys, "--version") == (0, f"earthline {__version__}\n", "")


def test_the_schema_is_that_of_the_config(tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["schema"])
    content = json.loads(printed.stdout)
    assert content["properties"].keys() == Config.model_fields.keys()
    assert content["additionalProperties"] is False
    path = tmp_path / "schema.json"
    assert CliRunner().invoke(app, ["schema", "--output", str(path)]).exit_code == 0
    assert path.read_text(encoding="utf-8") == printed.stdout


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.epohcs=1", "train.epohcs: unknown key"),
        ("train.epochs=0", "train.epochs: 0 is not allowed"),
        ("train.epochs", "--set train.epochs: write KEY=VALUE"),
        ("train.model.depth=6", "does not divide by the model's stride 64"),
        ("serving.tile_shape=[2048, 2048]", "over serving.max_payload_bytes"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check", "compile"])
def test_a_wrong_config_is_one_line_and_exit_code_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, override: str, words: str
) -> None:
    code, out, err = call(monkeypatch, capsys, command, str(QUICKSTART), "--set", override)
    assert code == failures.NOT_STARTED
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err


def test_a_missing_config_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(monkeypatch, capsys, "run", "no-such.yaml")
    assert (code, err) == (2, "error: no-such.yaml: cannot be read (No such file or directory); check the name\n")


def test_an_unknown_command_says_what_is_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(monkeypatch, capsys, "rum")
    assert code == 2
    assert "run" in err


def test_what_nobody_expected_leaves_a_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def broken(*_: object) -> Config:
        raise ZeroDivisionError("nobody expected this")

    monkeypatch.setattr("earthline.config.load", broken)
    code, _, err = call(monkeypatch, capsys, "check", "any.yaml")
    assert code == failures.RUN_FAILED
    assert "Traceback" not in err
    first, second = err.splitlines()
    assert first == "error: unexpected ZeroDivisionError: nobody expected this"
    log = Path(second.rpartition(" ")[2])
    assert log.is_relative_to(tmp_path)
    assert "ZeroDivisionError: nobody expected this" in log.read_text(encoding="utf-8")
    assert "Traceback" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({*failures.EXPLAINED, *failures.REFUSED}))
def test_the_errors_that_are_explained_exist(name: str) -> None:
    module, _, kind = name.rpartition(".")
    found = getattr(importlib.import_module(module), kind)
    assert issubclass(found, Exception)
    assert f"{found.__module__}.{found.__qualname__}" == name


@pytest.mark.parametrize("name", sorted(path.stem for path in ROOT.glob("configs/*.yaml")))
def test_compile_writes_a_pipeline(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, name: str
) -> None:
    path = tmp_path / "pipeline.yaml"
    result = CliRunner().invoke(app, ["compile", str(ROOT / f"configs/{name}.yaml"), "-o", str(path)])
    assert result.exit_code == 0
    written = yaml.safe_load((ROOT / f"configs/{name}.yaml").read_text(encoding="utf-8"))
    assert yaml.safe_load(path.read_bytes())["pipelineInfo"]["name"] == written["name"]


@pytest.mark.parametrize("name", ["land_cover_vertex", "sentinel_1_2_dem", "embeddings", "time_series", "regression"])
def test_check_passes_offline_without_credentials(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    for key in os.environ:
        if key.startswith(("GOOGLE", "CLOUDSDK", "GCE")):
            monkeypatch.delenv(key)
    monkeypatch.setenv("HOME", str(tmp_path))
    code, out, err = call(monkeypatch, capsys, "check", str(ROOT / f"configs/{name}.yaml"))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert {line[0] for line in lines} <= {"✓", "-"}
    assert [line.split()[1] for line in lines if "skipped: no credentials" in line] == [
        "Earth",
        "bucket",
        "Vertex",
        "project",
    ]


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-"])
def test_a_command_without_its_streams_does_its_work(closing: str) -> None:
    command = f'"{sys.executable}" -m cli check "{QUICKSTART}" --offline {closing}'
    reply = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (reply.returncode, reply.stderr) == (0, "")
    if closing == "2>&-":
        assert reply.stdout.count("skipped: --offline") == 3


def test_check_tells_of_a_file_of_labels_offline() -> None:
    reply = CliRunner().invoke(app, ["check", str(ROOT / "configs" / "points_small_labels.yaml"), "--offline"])
    assert reply.exit_code == 0
    assert "built-up 60 points, grass 60 points, woodland 60 points, water 35 points" in reply.output
