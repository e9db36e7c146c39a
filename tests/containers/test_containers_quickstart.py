"""The quickstart with every step and the endpoint in containers, through the command line."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import rasterio

from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.vertex.containers import engine

from .conftest import ROOT, Docker

# As in tests/end_to_end: two epochs make no good model, so that the gate is opened wide.
FAST = ("--set", "train.epochs=2", "--set", "evaluate.min_gain=-1", "--set", "evaluate.baseline_trees=20")
# Steps of the quickstart that always run, the replica of the custom job that trains, and the endpoint.
CONTAINERS = 8 + 1 + 1
PREDICT = """
import json
from google.cloud import aiplatform
aiplatform.init(project="sandbox", location="us-central1", api_transport="rest")
(endpoint,) = aiplatform.Endpoint.list(filter='display_name="quickstart"')
try:
    endpoint.predict(instances=[{"B1": "not a tensor"}])
except Exception as error:
    print(error)
"""


@dataclass(frozen=True)
class Laptop:
    """A folder to work in, a sandbox home of its own, and an engine.

    Attributes:
        folder: Working folder.
        environment: Variables that lead to the engine and to the home.
    """

    folder: Path
    environment: dict[str, str]

    @property
    def label(self) -> str:
        return engine.label(Settings(Home(self.folder / "sandbox"), 1))

    def run(self, *command: str, check: bool = True) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
        )
        assert not check or done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout}"
        return done.stdout

    def earthline(self, *arguments: str, check: bool = True) -> str:
        return self.run(str(Path(sys.executable).with_name("earthline")), *arguments, check=check)

    def status(self) -> dict[str, object]:
        content: dict[str, object] = json.loads(self.earthline("sandbox", "status", "--json"))
        return content


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory, docker: Docker) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("laptop")
    laptop = Laptop(folder, {**docker.environment, "EARTHLINE_SANDBOX_HOME": str(folder / "sandbox")})
    yield laptop
    laptop.earthline("sandbox", "stop", check=False)


@pytest.fixture(scope="module")
def options(image: str, serving_image: str) -> tuple[str, ...]:
    images = ("--set", f"environment.image={image}", "--set", f"environment.serving_image={serving_image}")
    return ("run", str(ROOT / "configs" / "quickstart.yaml"), *FAST, *images)


@pytest.fixture(scope="module")
def first_run(laptop: Laptop, options: tuple[str, ...]) -> tuple[str, float]:
    """What the first run printed, and when it began (seconds since 1970)."""
    began = time.time()
    return laptop.earthline(*options, "--containers"), began


@pytest.mark.slow
def test_every_step_and_the_endpoint_is_a_container(
    laptop: Laptop, first_run: tuple[str, float], docker: Docker, image: str, serving_image: str
) -> None:
    print(first_run[0])
    (map_file,) = (laptop.folder / "runs").glob("*/map.tif")
    with rasterio.open(map_file) as produced:
        assert produced.shape == (443, 489)
        assert len(set(produced.read(1).ravel().tolist()) - {255}) > 1
    events = docker(
        "events",
        f"--since={first_run[1]:.0f}",
        f"--until={time.time():.0f}",
        "--filter=event=start",
        f"--filter=label={laptop.label}",
        "--format={{.Actor.Attributes.image}}",
    ).stdout.split()
    assert len(events) >= CONTAINERS
    runtime = json.loads((prepared(laptop) / "contract.json").read_text())["runtime"]
    # Which runtime is the better one is measured; the endpoint's image follows.
    serves = {"openvino": serving_image, "tensorflow": image}[runtime["name"]]
    print(f"\nthe endpoint runs in {serves}: {runtime['reason']}")
    assert events.count(image) == len(events) - (serves == serving_image)
    (endpoint,) = docker("ps", "--quiet", f"--filter=label={laptop.label}").stdout.split()
    assert docker("inspect", "--format", "{{.Config.Image}}", endpoint).stdout.strip() == serves
    inside = docker("exec", endpoint, "cat", "/proc/1/cmdline", "/proc/7/cmdline", check=False).stdout
    assert "serving" in inside.replace("\0", " ")
    predict = f'eval "$({Path(sys.executable).with_name("earthline")} sandbox env)" && exec {sys.executable} -c "$0"'
    assert "instances[0] lacks the input" in laptop.run("bash", "-c", predict, PREDICT)


@pytest.mark.slow
def test_a_second_run_is_cached_until_the_image_changes(
    laptop: Laptop, first_run: tuple[str, float], options: tuple[str, ...], docker: Docker, image: str
) -> None:
    output = laptop.earthline(*options, "--containers")
    assert [line for line in output.splitlines() if "export_examples" in line and "cached" in line], output


def prepared(laptop: Laptop) -> Path:
    """The folder of the model that the first run prepared."""
    (found,) = {path.parent for path in (laptop.folder / "sandbox" / "storage").rglob("prepared/saved_model.pb")}
    return found


def answers_after(port: int, began: float) -> float:
    """Seconds from `began` until the health route answers 200."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return time.monotonic() - began
        except OSError:
            assert time.monotonic() - began < 120
            time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["image", "serving_image"])
def test_the_health_check_of_both_images_sees_the_model(
    laptop: Laptop, first_run: tuple[str, float], docker: Docker, which: str, request: pytest.FixtureRequest
) -> None:
    image = request.getfixturevalue(which)
    saved = prepared(laptop)
    name = engine.fresh_name()
    user = f"--user={os.getuid()}:{os.getgid()}"
    variables = ("--env=AIP_STORAGE_URI=/model", "--env=PORT=18080", "--env=UVICORN_HOST=127.0.0.1")
    if which == "serving_image":
        variables += ("--env=SERVING_RUNTIME=openvino",)
    source = f"--mount={engine.mount(saved, '/model')},readonly"
    began = time.monotonic()
    docker("run", "--detach", "--network=host", user, *variables, source, f"--name={name}", image)
    try:
        ready = answers_after(18080, began)
        print(f"\n{image}: ready {ready:.1f} s after `docker run`")
        states: list[str] = []
        deadline = time.monotonic() + 120
        while not states or states[-1] == "starting":
            assert time.monotonic() < deadline, docker("logs", name, check=False).stderr
            states.append(docker("inspect", "--format", "{{.State.Health.Status}}", name).stdout.strip())
            time.sleep(1)
        assert states[-1] == "healthy"
    finally:
        docker("rm", "--force", name)


@pytest.mark.slow
def test_a_killed_sandbox_leaves_no_container_and_processes_follow_on_demand(
    laptop: Laptop, first_run: tuple[str, float], docker: Docker, image: str
) -> None:
    status = laptop.status()
    assert status["containers"] == image
    os.kill(int(str(status["pid"])), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while docker("ps", "--quiet", f"--filter=label={laptop.label}").stdout.strip():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    laptop.earthline("sandbox", "start", "--no-containers")
    assert laptop.status()["containers"] == ""
    laptop.earthline("sandbox", "start")
    assert laptop.status()["containers"] == ""
    laptop.earthline("sandbox", "start", "--containers", image)
    assert laptop.status()["containers"] == image
    predict = f'eval "$({Path(sys.executable).with_name("earthline")} sandbox env)" && exec {sys.executable} -c "$0"'
    assert "instances[0] lacks the input" in laptop.run("bash", "-c", predict, PREDICT)
    assert docker("ps", "--quiet", f"--filter=label={laptop.label}").stdout.strip()
