"""Bands that tell how far a map can be believed are asked for by names that the model can give."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from earthline.config import Config, ConfigError, load

VALLEY = yaml.safe_load((Path(__file__).parents[3] / "docs" / "tutorial" / "valley.yaml").read_text("utf-8"))
VALUE = {"labels": {"image": "projects/sandbox/assets/a", "band": "b", "value": {"name": "height", "range": [0, 40]}}}


def loaded(folder: Path, data: dict[str, Any] | None = None, **sections: Any) -> Config:
    path = folder / "example.yaml"
    path.write_text(yaml.safe_dump({**VALLEY, "data": {**VALLEY["data"], **(data or {})}, **sections}))
    return load(path)


def test_bands_of_classes_and_of_a_value_are_accepted(tmp_path: Path) -> None:
    applicable = {"certainty": {"applicability": True}}
    bands = ["probability", "margin", "set_size", "dissimilarity", "applicable"]
    config = loaded(tmp_path, train=applicable, predict={"bands": bands})
    assert config.predict.bands == tuple(bands)
    # One number more for each pixel of an answer.
    assert config.response_bytes > loaded(tmp_path, train={}).response_bytes
    quantile = {"loss": {"name": "quantile"}, "model": {"depth": 2}}
    assert loaded(tmp_path, VALUE, train=quantile, predict={"bands": ["q0.05", "q0.95"]})


@pytest.mark.parametrize(
    ("data", "train", "bands", "told"),
    [
        ({}, {}, ["applicable"], r"'applicable' needs `train\.certainty: \{applicability: true\}`"),
        ({}, {}, ["q0.05"], r"'q0\.05' is no further band of a map of 5 classes .*use probability, margin, set_size"),
        (VALUE, {}, ["margin"], r"'margin' is no further band"),
        (
            VALUE,
            {"loss": {"name": "quantile"}, "model": {"name": "random_forest"}},
            ["q0.05"],
            r"'q0\.05' is an end of the interval, and random_forest of train\.model gives none; leave it out",
        ),
        (
            VALUE,
            {"loss": {"name": "quantile"}, "model": {"name": "auto"}},
            ["q0.05"],
            r"'q0\.05' is an end of the interval, and random_forest of train\.model gives none; leave it out",
        ),
        ({}, {}, ["margin", "margin"], r"a name stands twice"),
    ],
)
def test_others_are_refused_with_what_to_write(
    tmp_path: Path, data: dict[str, Any], train: dict[str, Any], bands: list[str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        loaded(tmp_path, data, train={"model": {"depth": 2}, **train}, predict={"bands": bands})
