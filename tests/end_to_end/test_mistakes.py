"""What goes wrong outside the config: the data, the machine, two runs at once. Each says so, and nothing is lost."""

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from .conftest import SMALL, Laptop, fast

# The grid of the quickstart's scene, so that its labels fit whatever imagery a test makes.
HEIGHT, WIDTH, SCALE, WEST, NORTH = 443, 489, 28.5, 629992.5, 228513.5


def add_scene(laptop: Laptop, name: str, pixels: np.ndarray, nodata: float | None = None) -> tuple[str, ...]:
    """Makes an asset of five bands; gives the options that make the quickstart use it."""
    path = laptop.folder / f"{name}.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=WIDTH,
        height=HEIGHT,
        count=5,
        dtype="float32",
        crs="EPSG:32119",
        transform=Affine(SCALE, 0, WEST, 0, -SCALE, NORTH),
        nodata=nodata,
    ) as written:
        written.write(pixels)
    asset = f"projects/sandbox/assets/{name}"
    laptop.earthline("sandbox", "add", asset, str(path))
    settings = (f"name={name}", f"data.imagery.image={asset}", "data.imagery.bands=[b1, b2, b3, b4, b5]")
    return tuple(word for setting in (*settings, "data.imagery.data_type=float32") for word in ("--set", setting))


def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(100, 20, (5, HEIGHT, WIDTH)).astype("float32")


@pytest.fixture(scope="session")
def started(laptop: Laptop) -> Laptop:
    """A laptop whose sandbox runs and has the scene."""
    laptop.earthline("sandbox", "start")
    laptop.earthline("sandbox", "seed")
    return laptop


def recorded(laptop: Laptop) -> set[Path]:
    """Folders of the runs so far."""
    return set((laptop.folder / "runs").glob("*"))


def pid(laptop: Laptop) -> int:
    return int(json.loads(laptop.earthline("sandbox", "status", "--json"))["pid"])


@pytest.mark.slow
def test_what_earth_engine_can_tell_beforehand_starts_no_run(started: Laptop, quickstart: str) -> None:
    masked = add_scene(started, "masked", np.full((5, HEIGHT, WIDTH), -1, "float32"), nodata=-1)
    large = fast("export.patch_shape=[512, 512]", "export.block_shape=[1024, 1024]")
    before = recorded(started)
    for options, words in (
        ((*SMALL, *masked), "every pixel of projects/sandbox/assets/masked is masked"),
        (large, "export.patch_shape: [512, 512] is larger than the region"),
    ):
        output = started.earthline("run", quickstart, *options, code=2)
        (line,) = output.splitlines()
        assert line.startswith("error: ") and words in line
    assert recorded(started) == before


@pytest.mark.slow
def test_a_failed_step_says_its_own_message_first(started: Laptop, quickstart: str) -> None:
    pixels = noise()
    pixels[2] = 7
    output = started.earthline("run", quickstart, *SMALL, *add_scene(started, "constant", pixels), code=1)
    lines = output.splitlines()
    at = lines.index("validate_examples failed")
    assert "b3 holds one value everywhere" in "".join(lines[at + 1 : at + 5])
    assert "train_model          not run" in output or "train_model" not in output
    path = next(line.removeprefix("the whole log: ") for line in lines if line.startswith("the whole log: "))
    assert "Traceback" in (started.folder / path).read_text()
    # Neither frames nor the executor's own JSON.
    for foreign in ("Traceback", "executor_input", "site-packages", "Got executor"):
        assert foreign not in output


def told_until(running: "subprocess.Popen[str]", *words: str) -> str:
    """What a command prints up to a line with these words, or to its end."""
    told = ""
    for line in running.stdout or ():
        told += line
        if all(word in line for word in words):
            break
    return told


@pytest.mark.slow
def test_a_second_run_is_refused_and_a_killed_sandbox_costs_only_the_step_that_ran(
    started: Laptop, quickstart: str
) -> None:
    before = recorded(started)
    running = started.start("run", quickstart, *SMALL)
    seen = told_until(running, "export_examples", "running")
    (lost,) = recorded(started) - before
    output = started.earthline("run", quickstart, *SMALL, code=2)
    assert f"runs already as {lost.name}" in output
    assert "Traceback" not in output

    # The first goes on.
    seen += told_until(running, "train_model", "running")
    os.kill(pid(started), signal.SIGKILL)
    rest, _ = running.communicate(timeout=120)
    assert running.returncode == 1, seen + rest
    assert recorded(started) - before == {lost}
    assert "died of SIGKILL" in rest
    assert "start the same command again" in rest
    assert lost.name in rest

    output = started.earthline("run", quickstart, *SMALL, "--detach")
    again = Path(output.split("run ", 1)[1].split()[0]).name
    followed = started.start("runs", "follow", again)
    seen = told_until(followed, "export_examples", "cached")
    assert seen.splitlines()[-1:] and "cached" in seen.splitlines()[-1], seen
    started.earthline("runs", "cancel", again)
    rest, _ = followed.communicate(timeout=120)
    assert followed.returncode == 1 and "cancelled" in rest, seen + rest
    assert "failed" in started.earthline("runs", "show", lost.name)
