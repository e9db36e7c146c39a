"""The tutorial's page, config and scene belong together."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import rasterio

from earthline import config

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial"


def test_the_page_shows_the_config() -> None:
    shown = (TUTORIAL / "valley.yaml").read_text().partition("\n")[2]
    assert f"```yaml\n{shown}```" in (TUTORIAL / "your-own-map.md").read_text()


def test_the_scene_is_what_the_config_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(TUTORIAL / "make_scene.py"), run_name="__main__")
    data = config.load(TUTORIAL / "valley.yaml").data
    with rasterio.open("image.tif") as image, rasterio.open("labels.tif") as labels:
        assert image.descriptions == data.imagery.bands
        assert image.dtypes[0] == data.imagery.data_type
        assert labels.descriptions == (data.labels.band,)
        assert (image.shape, image.transform) == (labels.shape, labels.transform)
        values = {value for described in data.labels.classes for value in described.values}
        assert set(np.unique(labels.read(1)).tolist()) - {labels.nodata} == values
