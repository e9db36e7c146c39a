"""The image itself: what is in it, who runs it, and what it does when it is started bare."""

import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from .conftest import ROOT, Docker

STEPS = (
    "export_examples", "validate_examples", "train_model", "evaluate_model", "prepare_saved_model", "deploy_model",
    "register_ee_model", "predict_map", "preview_map",
)  # fmt: skip
LOCK = re.compile(r"(?m)^([A-Za-z0-9._-]+)==(\S+)$")
INSTALLED = """
import importlib.metadata, json
print(json.dumps({d.name: d.version for d in importlib.metadata.distributions(path=["LIBRARY"])}))
"""
# A module's bytecode counts if it names the time and size of its source, as Python checks.
STALE = """
import pathlib, sys
root = pathlib.Path("LIBRARY")
stale = []
for source in root.rglob("*.py"):
    compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-311.pyc"
    found = source.stat()
    want = (int(found.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little") + found.st_size.to_bytes(4, "little")
    if not compiled.exists() or compiled.read_bytes()[8:16] != want:
        stale.append(str(source))
print(len(stale), *stale[:5])
"""
LIBRARY = "/opt/earthline/lib/python3.11/site-packages"


def run(docker: Docker, image: str, *words: str, options: tuple[str, ...] = (), code: int = 0) -> str:
    done = docker("run", "--rm", "--network=host", *options, image, *words, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def python(docker: Docker, image: str, script: str, *options: str) -> str:
    return run(docker, image, "-c", script.replace("LIBRARY", LIBRARY), options=(*options, "--entrypoint=python3"))


@pytest.mark.slow
def test_it_holds_the_locked_versions_and_no_tool_to_build_with(docker: Docker, image: str) -> None:
    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    locked = {plain(name): version for name, version in LOCK.findall((ROOT / "constraints.txt").read_text())}
    there = {plain(name): version for name, version in json.loads(python(docker, image, INSTALLED)).items()}
    assert there.pop("earthline")
    # Tools of packaging itself that distributions require; their versions change no result.
    unlocked = {name for name in there if name not in locked} - {"setuptools", "wheel"}
    assert not unlocked
    assert {name: version for name, version in there.items() if name in locked} == {
        name: version for name, version in locked.items() if name in there
    }
    assert "tensorflow-cpu" in there and "pytest" not in there and "earthline-sandbox" not in there
    shell = "command -v gcc cc c++ ld make; ls /opt/earthline/bin/pip /etc/pip.conf /run/secrets 2>/dev/null; true"
    assert run(docker, image, "sh", "-c", shell) == ""


@pytest.mark.slow
def test_every_module_is_compiled_already(docker: Docker, image: str) -> None:
    count = int(python(docker, image, STALE).split()[0])
    # Templates of other Python versions cannot be compiled.
    assert count < 10


@pytest.mark.slow
def test_steps_run_as_root_the_server_does_not_and_any_user_can_run_every_step(docker: Docker, image: str) -> None:
    assert run(docker, image, "id", "-u").strip() == "0"
    # The server's entry, with the server replaced by a look at who it is.
    spy = "--env=PYTHONPATH=/spy", "--entrypoint=sh"
    script = (
        "mkdir -p /spy/serving && echo 'import os; print(os.getuid(), os.getgid(), os.getgroups())' "
        "> /spy/serving/__init__.py && touch /spy/serving/__main__.py && exec earthline-entry serve"
    )
    assert run(docker, image, "-c", script, options=spy).strip() == "10001 10001 []"
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", image).stdout)
    assert labels["earthline.tensorflow"] == "cpu"
    imports = "; ".join(f"import components.{step}.run" for step in STEPS)
    stranger = ("--user=4321:4321", "--env=HOME=/tmp", "--read-only", "--tmpfs=/tmp")
    python(docker, image, f"{imports}; import serving, trainer.task, google_cloud_pipeline_components", *stranger)


@pytest.mark.slow
def test_started_bare_it_serves_and_says_what_it_lacks(docker: Docker, image: str) -> None:
    assert "AIP_STORAGE_URI is not set" in run(docker, image, code=2)
    assert "built without /opt/apache/beam/boot" in run(docker, image, "--id=1-1", "--provision_endpoint=x", code=2)
    health = json.loads(docker("image", "inspect", "--format", "{{json .Config.Healthcheck}}", image).stdout)
    assert health["Test"][0] == "CMD"
    assert run(docker, image, *health["Test"][1:]) == ""
    refused = run(
        docker, image, *health["Test"][1:], options=("--env=AIP_STORAGE_URI=gs://b/m", "--env=PORT=1"), code=1
    )
    assert "does not answer" in refused


@pytest.mark.slow
def test_with_beams_starter_it_is_a_beam_worker(docker: Docker, image: str, base_image: str, tmp_path: Path) -> None:
    # Beam's own image comes from a registry; one with a starter of the test's own has the same path, and asks the same
    # of the image: that pip knows Beam, and that `python` is the one that has it.
    starter = tmp_path / "opt" / "apache" / "beam" / "boot"
    starter.parent.mkdir(parents=True)
    asked = "python -m pip show apache-beam >/dev/null && python -c 'import apache_beam.runners.worker.sdk_worker_main'"
    starter.write_text(f'#!/bin/sh\n{asked} && echo "started with $*"\n')
    starter.chmod(0o755)
    packed = tmp_path / "beam.tar"
    with tarfile.open(packed, "w") as archive:
        archive.add(tmp_path / "opt", "opt")
    docker("import", str(packed), "beam-sdk:test")
    flags = "--network host --build-arg BEAM_BOOT=with --build-arg BEAM_IMAGE=beam-sdk:test"
    subprocess.run(
        ["make", "image", f"IMAGE={image}-beam", f"BASE_IMAGE={base_image}", f"BUILD_FLAGS={flags}"],
        cwd=ROOT,
        env=docker.environment,
        check=True,
    )
    words = ("--id=1-1", "--provision_endpoint=localhost:1")
    assert run(docker, f"{image}-beam", *words).strip() == f"started with {' '.join(words)}"
    assert run(docker, f"{image}-beam", "echo", "a step").strip() == "a step"
    assert run(docker, f"{image}-beam", "printenv", "RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT").strip() == "1"


@pytest.mark.slow
def test_its_size_stays_small(docker: Docker, image: str) -> None:
    size = int(docker("image", "inspect", "--format", "{{.Size}}", image).stdout)
    # TensorFlow alone is 1.0 GB, OpenVINO and GDAL for vectors .22 together.
    assert size < 2.85e9
    assert not [line for line in docker("history", "--no-trunc", image).stdout.splitlines() if "index-url" in line]
