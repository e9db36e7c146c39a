"""The distribution in an environment of its own: it runs what docs/sandbox.md says, without what Earthline needs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from earthline_sandbox.environment import names, restore
from tests.conftest import OUTSIDE, ROOT

BLOCK = re.compile(r"^```(?P<language>python|sh)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
HEAVY = {"apache-beam", "earthline", "google-cloud-aiplatform", "keras", "kfp", "tensorflow", "tensorflow-cpu"}
INSTALLED = "import importlib.metadata as m, json; print(json.dumps([d.name.lower() for d in m.distributions()]))"
ASKED = """
import urllib.error, urllib.request
url = "https://us-central1-aiplatform.googleapis.com/v1/projects/sandbox/locations/us-central1/models"
try:
    urllib.request.urlopen(url)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


def raster(path: Path, bands: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "count": bands, "height": 8, "width": 9, "dtype": "uint8", "crs": "EPSG:32617"}
    with rasterio.open(path, "w", transform=Affine(30, 0, 600_000, 0, -30, 4_000_000), **profile) as sink:
        sink.write(np.ones((bands, 8, 9), "uint8"))


def lay_out_examples(folder: Path, page: str) -> list[str]:
    """Writes the page's Python files and the rasters that it names into a folder; gives its shell blocks in order."""
    commands = []
    for block in BLOCK.finditer(page):
        if block["language"] == "sh":
            commands.append(block["text"])
            continue
        name = re.match(r"# (\w+\.py)\n", block["text"])
        assert name, f"a Python example without its file's name: {block['text'][:60]}"
        (folder / name[1]).write_text(block["text"])
    for name in ("red.tif", "nir.tif", "labels.tif", "folder/scene_20210701.tif", "items/scene.tif"):
        raster(folder / name)
    item = {
        "type": "Feature",
        "id": "scene",
        "properties": {"datetime": "2022-03-04T05:06:07Z"},
        "assets": {"red": {"href": "./scene.tif"}},
    }
    (folder / "items" / "item.json").write_text(json.dumps(item))
    links = [{"rel": "item", "href": "./items/item.json"}]
    (folder / "catalog.json").write_text(json.dumps({"type": "Catalog", "links": links}))
    return commands


@pytest.mark.slow
def test_alone_it_runs_all_of_its_page_and_says_what_vertex_ai_needs(tmp_path: Path) -> None:
    environment = {**OUTSIDE, "EARTHLINE_SANDBOX_HOME": str(tmp_path / "home")}
    restore(environment, names())
    # Its commands share what the first of them compiles.
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV"):
        environment.pop(name, None)
    # What is never imported is not compiled: half of an installation's time.
    environment |= {"PIP_CONSTRAINT": str(ROOT / "constraints.txt"), "PIP_NO_COMPILE": "1", "PIP_QUIET": "1"}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], env=environment, check=True)
    environment["PATH"] = f"{tmp_path / 'venv' / 'bin'}{os.pathsep}{environment['PATH']}"
    # pip builds beside the sources, so it gets a copy.
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    shutil.copytree(ROOT / "sandbox", tmp_path / "sandbox", ignore=ignored)
    commands = lay_out_examples(tmp_path, (ROOT / "docs" / "sandbox.md").read_text("utf-8"))
    assert commands[0] == "pip install ./sandbox pytest\n" and len(commands) >= 7
    try:
        # One shell, since the second block's `eval` leads the others.
        script = "\n".join(["set -eux -o pipefail", *commands, f"python -c '{ASKED}'", "earthline-sandbox status"])
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    finally:
        command = tmp_path / "venv" / "bin" / "earthline-sandbox"
        if command.exists():
            subprocess.run([command, "stop"], env=environment, check=False)
    assert "1 passed" in done.stdout
    assert "429 on image:computePixels" in done.stdout
    assert re.search(r"concurrent +2\n", done.stdout) and re.search(r"overlap +each_edge\n", done.stdout)
    assert "400 " in done.stdout and "pip install 'earthline-sandbox[vertex]'" in done.stdout
    python = str(tmp_path / "venv" / "bin" / "python")
    found = subprocess.run([python, "-I", "-c", INSTALLED], env=environment, capture_output=True, text=True, check=True)
    installed = set(json.loads(found.stdout))
    assert "earthline-sandbox" in installed and not HEAVY & installed
