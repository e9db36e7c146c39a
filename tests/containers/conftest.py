"""A Docker engine, a base image and the image itself, for the tests that need them (`make test-containers`).

Only what cannot be had skips them, and says so in capitals at the end of the report.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest

from earthline_sandbox.environment import names, restore

ROOT = Path(__file__).resolve().parents[2]
NEED_AN_ENGINE = (
    "test_image.py",
    "test_serving_image.py",
    "test_engine_containers.py",
    "test_containers_quickstart.py",
)
TAG = "earthline:test"
SERVING_TAG = "earthline-serving:test"
PUBLIC_BASE = "python:3.11-slim"
OWN_BASE = "earthline-base:bookworm"
# What Debian's Python needs to make a virtual environment and install into it.
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
SKIPPED = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--containers", action="store_true", help="run the tests that need a Docker engine")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    wanted = config.getoption("--containers", default=False)
    return True if collection_path.name in NEED_AN_ENGINE and not wanted else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if reason := config.stash.get(SKIPPED, ""):
        terminalreporter.section("CONTAINERS WERE NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(reason, red=True)


@dataclass(frozen=True)
class Docker:
    """The command, with the engine that it talks to.

    Attributes:
        environment: Variables of a process that is to find the engine.
    """

    environment: dict[str, str]

    def __call__(self, *arguments: str, check: bool = True, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            ["docker", *arguments], env=self.environment, capture_output=True, text=True, timeout=timeout
        )
        assert not check or done.returncode == 0, f"docker {arguments} gave {done.returncode}:\n{done.stderr}"
        return done

    def answers(self) -> bool:
        try:
            return self("version", check=False, timeout=60).returncode == 0
        except FileNotFoundError:
            return False


@pytest.fixture(scope="session")
def docker(pytestconfig: pytest.Config) -> Iterator[Docker]:
    """The engine that runs here, or one of the tests' own."""
    environment = dict(os.environ)
    restore(environment, names())
    found = Docker(environment)
    if found.answers():
        yield found
        return
    if sys.platform != "linux" or os.geteuid() != 0:
        give_up(pytestconfig, "no Docker engine answers, and only root can start one on Linux: start Docker.")
    if shutil.which("dockerd") is None:
        install(pytestconfig, "docker.io")
    if found.answers():
        yield found
        return
    yield from start_engine(pytestconfig, environment)


@pytest.fixture(scope="session")
def base_image(docker: Docker, pytestconfig: pytest.Config) -> str:
    """Python 3.11 by the registry's image, else by Debian's packages."""
    for image in (PUBLIC_BASE, OWN_BASE):
        if docker("image", "inspect", image, check=False).returncode == 0:
            return image
    try:
        if docker("pull", PUBLIC_BASE, check=False, timeout=120).returncode == 0:
            return PUBLIC_BASE
    except subprocess.TimeoutExpired:
        pass
    if os.geteuid() != 0:
        give_up(pytestconfig, f"no registry gives {PUBLIC_BASE}, and only root can make a base image by debootstrap.")
    if shutil.which("debootstrap") is None:
        install(pytestconfig, "debootstrap")
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", folder],
            capture_output=True,
            text=True,
            timeout=900,
        )
        if made.returncode:
            give_up(pytestconfig, f"no registry gives {PUBLIC_BASE}, and debootstrap failed: {made.stdout[-500:]}")
        tar = [
            "tar",
            "--create",
            "--directory",
            folder,
            "--exclude=./var/cache/apt/*",
            "--exclude=./var/lib/apt/lists/*",
        ]
        with subprocess.Popen([*tar, "."], stdout=subprocess.PIPE) as packed:
            docker_import = ["docker", "import", "-", OWN_BASE]
            subprocess.run(docker_import, stdin=packed.stdout, env=docker.environment, check=True, timeout=300)
        assert packed.returncode == 0
    return OWN_BASE


@pytest.fixture(scope="session")
def serving_image(image: str) -> str:
    """The image of endpoints, which is built with the other."""
    return SERVING_TAG


@pytest.fixture(scope="session")
def image(docker: Docker, base_image: str) -> str:
    """The image of the steps, built with that of endpoints as a developer builds them."""
    started = time.monotonic()
    # Where an engine has no network of its own, the machine's must do.
    variables = [f"IMAGE={TAG}", f"BASE_IMAGE={base_image}", "BUILD_FLAGS=--network host"]
    done = subprocess.run(
        ["make", "image", *variables], cwd=ROOT, env=docker.environment, stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, "make image failed; its output stands above"
    print(f"\n{done.stdout}built in {time.monotonic() - started:.0f} s")
    return TAG


def start_engine(config: pytest.Config, environment: dict[str, str]) -> Iterator[Docker]:
    """An engine without a network of its own, whose images stay in the user's cache for the next time."""
    # What dockerd leaves mounted there would make the removal fail.
    with tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as folder:
        socket = f"unix://{folder}/docker.sock"
        command = ["dockerd", "--iptables=false", "--bridge=none", "--storage-driver=overlay2", "--host", socket]
        data = platformdirs.user_cache_path("earthline") / "engine"
        command += ["--data-root", str(data), "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
        log = Path(folder, "log.txt")
        with log.open("wb") as output:
            daemon = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
        try:
            docker = Docker({**environment, "DOCKER_HOST": socket})
            deadline = time.monotonic() + 60
            while not docker.answers():
                if daemon.poll() is not None or time.monotonic() > deadline:
                    give_up(config, f"dockerd does not start: {log.read_text()[-1000:]}")
                time.sleep(0.5)
            yield docker
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(60)
            subprocess.run(["umount", "--lazy", f"{folder}/exec/netns/default"], capture_output=True)


def install(config: pytest.Config, package: str) -> None:
    """A package of Debian's or Ubuntu's; called by root alone."""
    if shutil.which("apt-get") is None:
        give_up(config, f"{package} is not installed, and there is no apt-get to install it with.")
    print(f"\ninstalling {package} by apt-get")
    for command in (["update"], ["install", "--yes", "--no-install-recommends", package]):
        done = subprocess.run(["apt-get", "--quiet", *command], capture_output=True, text=True, timeout=600)
    if done.returncode:
        give_up(config, f"{package} cannot be installed: {done.stderr[-500:]}")


def give_up(config: pytest.Config, reason: str) -> None:
    config.stash[SKIPPED] = reason
    pytest.skip(reason)
