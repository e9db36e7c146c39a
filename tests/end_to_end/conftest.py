"""One real run of the quickstart through the command line, shared by the tests of this folder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from earthline_sandbox.environment import names, restore

ROOT = Path(__file__).resolve().parents[2]
# Two epochs on half of the patches make no good model: the gate is opened wide, and no figure of this run is called
# accuracy. A mistake in the data is the same at the second try.
_FAST = {
    "export.examples": "{train: 200, validation: 40, test: 60}",
    "train.epochs": "2",
    "train.batch_size": "8",
    "evaluate.min_gain": "-1",
    "evaluate.baseline_trees": "10",
    "evaluate.baseline_windows": "[9]",
    "steps.export_examples.retries": "0",
    "steps.validate_examples.retries": "0",
}


def fast(*settings: str) -> tuple[str, ...]:
    """Options of a quick run, with some settings added or changed."""
    merged = _FAST | dict(setting.split("=", 1) for setting in settings)
    return tuple(word for key, value in merged.items() for word in ("--set", f"{key}={value}"))


FAST = fast()
# For what ends before a model is worth anything.
SMALL = fast("export.examples={train: 60, validation: 20, test: 20}", "train.epochs=1")
# As small as a run can be: an epoch of a small network, and a corner of the map.
_TINY = (
    "train.epochs=1",
    "train.model.depth=1",
    "train.model.filters=4",
    "evaluate.baseline_trees=10",
    "export.examples={train: 60, validation: 20, test: 20}",
    "export.shards=1",
    "predict.region={west: -78.72, south: 35.72, east: -78.71, north: 35.73}",
)


def tiny(name: str, *settings: str) -> tuple[str, ...]:
    """Options of a run of this name that is as small as it can be, with more settings, or others of the same keys."""
    given = {setting.partition("=")[0] for setting in settings}
    usual = [setting for setting in _TINY if setting.partition("=")[0] not in given]
    return tuple(word for setting in (f"name={name}", *usual, *settings) for word in ("--set", setting))


@dataclass(frozen=True)
class Laptop:
    """A folder to work in and a sandbox home of its own, as a new user has them.

    Attributes:
        folder: Working folder; runs land in its `runs/`.
        home: The sandbox's data folder.
    """

    folder: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        restore(environment, names())
        return {**environment, "EARTHLINE_SANDBOX_HOME": str(self.home)}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [str(Path(sys.executable).with_name("earthline")), *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def earthline(self, *arguments: str, code: int | None = 0) -> str:
        """Runs the command line; gives what it printed."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=540)
        assert code is None or process.returncode == code, f"earthline {arguments} gave {process.returncode}:\n{output}"
        return output

    def python(self, script: str) -> str:
        """Runs a client script that knows nothing of Earthline in a shell that leads to the sandbox."""
        bin_folder = Path(sys.executable).parent
        shell = f'eval "$({bin_folder}/earthline sandbox env)" && exec {sys.executable} -'
        done = subprocess.run(
            ["bash", "-c", shell],
            input=script,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("laptop")
    laptop = Laptop(folder, folder / "sandbox")
    yield laptop
    laptop.earthline("sandbox", "stop", code=None)


@pytest.fixture(scope="session")
def quickstart() -> str:
    return str(ROOT / "configs" / "quickstart.yaml")


@pytest.fixture(scope="session")
def first_run(laptop: Laptop, quickstart: str) -> str:
    """What the first run printed."""
    return laptop.earthline("run", quickstart, *FAST)
