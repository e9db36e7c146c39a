"""The page on training elsewhere: its programs run on a dataset as it stands there."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earthline.formats.manifest import SPLITS
from tests import datasets

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "train-elsewhere.md").read_text("utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
NAMES = ("reading", "NumPy", "tf.data", "PyTorch")


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_a_program_of_the_page_runs(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(PROGRAMS) == len(NAMES)
    program = compile(PROGRAMS[number], NAMES[number], "exec")
    if "import torch" in PROGRAMS[number] and find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    (tmp_path / "landcover").mkdir()
    random = np.random.default_rng(0)
    patches = {split: [datasets.square(random, 8 * row, noise=300, masked=1) for row in range(6)] for split in SPLITS}
    grid = {"crs": "EPSG:32633", "transform": [10, 0, 0, 0, -10, 0], "shape": [100, 8]}
    bands = ("red", "nir", "swir")
    datasets.write(tmp_path / "landcover", patches, bands=bands, class_names=datasets.CLASSES, grid=grid)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(program, names)
    if NAMES[number] == "NumPy":
        test, labelled = names["test"], names["labelled"]
        assert names["forest"].score(test.image[labelled], test.mask[labelled]) > 0.95
