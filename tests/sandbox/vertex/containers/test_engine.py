"""What is decided before a Docker engine is asked; tests/containers asks a real one."""

import csv
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kfp import dsl

from earthline_sandbox.errors import ApiError
from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.vertex.containers import engine, mount
from tests.sandbox.vertex.conftest import Vertex
from tests.sandbox.vertex.small_pipelines import Jobs

IMAGE = "earthline:0.1.0"


def fake_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `docker` command of the test's own, alone on PATH."""
    folder.mkdir()
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(Home(tmp_path / "home"), 1, {"HTTPS_PROXY": "http://127.0.0.1:1", "TMPDIR": "/no"}, IMAGE)


def test_what_is_missing_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(engine.EngineError, match="no docker command on PATH: install Docker, or leave out"):
        engine.check(IMAGE)
    fake_docker(tmp_path / "down", monkeypatch, 'echo "Cannot connect to the Docker daemon." >&2; exit 1')
    with pytest.raises(engine.EngineError, match=r"Cannot connect to the Docker daemon\. Start it"):
        engine.check(IMAGE)
    fake_docker(tmp_path / "bare", monkeypatch, '[ "$1" = version ]')
    with pytest.raises(engine.EngineError, match=f"no image '{IMAGE}': build it with `make image`"):
        engine.check(IMAGE)


def test_googles_launchers_run_in_the_workflows_image_and_no_stranger_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    fake_docker(tmp_path / "bin", monkeypatch, '[ "$6" = other:1 ] && echo sha256:1')
    assert engine.resolve(settings, "") == IMAGE
    assert engine.resolve(settings, "other:1") == "other:1"
    assert engine.resolve(settings, f"{engine.LAUNCHERS}:2.22.0") == IMAGE
    with pytest.raises(ApiError, match="no image 'python:3'"):
        engine.resolve(settings, "python:3")


def test_a_container_gets_the_redirects_and_nothing_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    fake_docker(tmp_path / "bin", monkeypatch, "exit 0")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "key.json")
    words = engine.command(settings, "name", IMAGE, ["sh", "-c", "echo $A"], {"A": "b c", "TMPDIR": "/t"}, tmp_path)
    end = words.index("--")
    assert words[end:] == ["--", IMAGE, "-c", "echo $A"]
    variables = {word.removeprefix("--env=") for word in words[:end] if word.startswith("--env=")}
    assert variables == {"A=b c", "TMPDIR=/t", "HTTPS_PROXY=http://127.0.0.1:1", "HOME=/tmp", "PYTHONUNBUFFERED=1"}
    assert "--entrypoint=sh" in words and "--pull=never" in words
    assert f"--mount=type=bind,source={settings.home.storage},target=/gcs" in words
    assert not [word for word in words if "authority" in word or "key.json" in word]
    own = engine.command(settings, "name", IMAGE, ["", "--flag"], {}, tmp_path)
    assert own[-2:] == [IMAGE, "--flag"] and not [word for word in own if word.startswith("--entrypoint")]


def test_a_pipeline_task_without_a_command_runs_the_entry_point_of_its_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dsl.container_component
    def entry(n: int):  # type: ignore[no-untyped-def]  # KFP wants no annotation here
        return dsl.ContainerSpec(image="with-entry:1", args=["--number", n])

    @dsl.pipeline(name="entry-point")
    def pipeline() -> None:
        entry(n=3)

    # Says of every image that it is there, and notes what is to be run.
    script = f'if [ "$1" = run ]; then for word; do echo "$word"; done > {tmp_path}/words; else echo sha256:1; fi'
    fake_docker(tmp_path / "bin", monkeypatch, script)
    vertex = Vertex(tmp_path / "home", containers=IMAGE)
    try:
        Jobs(vertex).run(pipeline)
    finally:
        vertex.client.close()
        vertex.stop()
    words = (tmp_path / "words").read_text().splitlines()
    assert words[words.index("--") + 1 :] == ["with-entry:1", "--number", "3"]
    assert not [word for word in words if word.startswith("--entrypoint")]


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1))
def test_any_path_can_be_mounted(name: str) -> None:
    (fields,) = csv.reader([engine.mount(Path("/") / name, "/gcs")])
    assert fields == ["type=bind", f"source={Path('/') / name}", "target=/gcs"]


def test_containers_see_objects_where_vertex_ai_mounts_them(settings: Settings) -> None:
    assert mount.visible_path(settings, "gs://bucket/a/b") == "/gcs/bucket/a/b"
    assert mount.visible_path(settings, "https://example.com/a") == "https://example.com/a"
    with pytest.raises(ApiError):
        mount.visible_path(settings, "gs://bucket/../../etc")
    for uri in ("gs://bucket/a/b", "gs://gcs/gcs"):
        seen = mount.seen_path(settings, mount.visible_path(settings, uri))
        assert seen == mount.local_path(settings, uri)
    processes = Settings(settings.home, 1)
    seen = mount.seen_path(processes, mount.visible_path(processes, "gs://bucket/a"))
    assert seen == mount.local_path(processes, "gs://bucket/a")


def test_each_sandbox_has_a_label_of_its_own(settings: Settings, tmp_path: Path) -> None:
    other = Settings(Home(tmp_path / "other"), 1)
    assert engine.label(settings) != engine.label(other)
    assert engine.label(settings).startswith(f"{engine.LABEL}=")
