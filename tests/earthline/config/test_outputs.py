"""What an endpoint answers is what a config asks for, or what its map needs."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from earthline.config import Config, ConfigError, Serving, load
from earthline.config.sections.outputs import Output
from earthline.formats.certainty import Certainty
from earthline.task import task_of
from earthline.task.serving import served

VALLEY = yaml.safe_load((Path(__file__).parents[3] / "docs" / "tutorial" / "valley.yaml").read_text("utf-8"))
VALUE = {"labels": {"image": "projects/sandbox/assets/a", "band": "b", "value": {"name": "height", "range": [0, 40]}}}
QUANTILE = {"loss": {"name": "quantile"}, "model": {"depth": 2}}
SURE = {"certainty": {"applicability": True}, "model": {"depth": 2}}


def loaded(folder: Path, outputs: Any = None, data: dict[str, Any] | None = None, **sections: Any) -> Config:
    path = folder / "example.yaml"
    serving = {} if outputs is None else {"outputs": outputs}
    content = {**VALLEY, "train": {"model": {"depth": 2}}, **sections, "serving": serving}
    path.write_text(yaml.safe_dump({**content, "data": {**VALLEY["data"], **(data or {})}}))
    return load(path)


@pytest.mark.parametrize(
    ("sections", "wanted", "weights"),
    [
        ({}, ["class_id uint8"], (1,)),
        ({"outputs": ["class_id", {"name": "probabilities", "type": "uint8"}]}, None, (1, 5)),
        ({"outputs": [{"name": "class_id", "type": "float32"}]}, None, (4,)),
        ({"outputs": ["probabilities"], "predict": {"bands": ["margin", "set_size"]}}, None, (20,)),
        (
            {"train": SURE, "predict": {"bands": ["set_size", "margin", "applicable"]}},
            ["class_id uint8", "set_size uint8", "margin float32", "applicable uint8"],
            (1, 1, 4, 1),
        ),
        (
            {"data": VALUE, "train": QUANTILE, "predict": {"bands": ["q0.95"]}},
            ["value float32", "q0.95 float32"],
            (4, 4),
        ),
    ],
)
def test_steps_get_each_output_with_its_type(
    tmp_path: Path, sections: dict[str, Any], wanted: list[str] | None, weights: tuple[int, ...]
) -> None:
    """And the contract that is made of them weighs what the config was checked with."""
    config = loaded(tmp_path, **sections)
    section = Serving.model_validate_json(config.settled_serving.model_dump_json())
    assert not isinstance(section.outputs, str)
    if wanted is not None:
        assert [f"{each.name} {each.type}" for each in section.outputs] == wanted
    assert config.answer_pixel_bytes == weights
    further = (*config.answers.further, "dissimilarity")
    limits = Certainty(set_limit=0.2, dissimilarity_limit=0.5)
    made = served(section.outputs, task_of(config.data), further, limits)
    assert tuple(each.pixel_bytes for each in made) == weights
    assert config.answers.told(config.serving.outputs).endswith("a pixel, before base64")


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        (
            {"outputs": "class_id"},
            r"serving\.outputs: 'class_id' is neither `auto` nor a list; .* as \[class_id\]",
        ),
        ({"outputs": []}, r"\[\] is neither `auto` nor a list"),
        ({"outputs": [{"nme": "x"}]}, r"\{'nme': 'x'\} is no output; write a name, or"),
        (
            {"outputs": [{"name": "class_id", "type": "int8"}]},
            r"type 'int8' of 'class_id' is none; use uint8 or",
        ),
        ({"outputs": ["values"]}, r"'values' is no output of a model of 5 classes .*use class_id, probability"),
        ({"outputs": ["class_id", "applicable"]}, r"'applicable' needs `train\.certainty: \{applicability: true\}`"),
        (
            {"outputs": [{"name": "value", "type": "uint8"}], "data": VALUE},
            r"'value' does not fit into uint8",
        ),
        ({"outputs": ["class_id", "class_id"]}, r"class_id, class_id: a name stands twice"),
        (
            {"outputs": [{"name": "probabilities", "type": "uint8"}]},
            r"the map is made of `class_id` or of `probabilities` as float32, .* outputs: \[class_id, probabilities\]",
        ),
        (
            {"outputs": ["class_id"], "predict": {"bands": ["margin"]}},
            r"predict\.bands: 'margin' needs an output that serving\.outputs .* margin: outputs: \[class_id, margin\]",
        ),
    ],
)
def test_what_no_map_comes_of_is_refused_with_what_to_write(
    tmp_path: Path, sections: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        loaded(tmp_path, **sections)


def test_a_band_with_an_outputs_name_is_refused(tmp_path: Path) -> None:
    """Earth Engine gives predictions beside the image's bands."""
    imagery = {"image": "projects/sandbox/assets/a", "bands": ["B4", "class_id"]}
    with pytest.raises(ConfigError, match=r"'class_id' is also the name of an output"):
        loaded(tmp_path, data={"imagery": imagery})


def test_what_a_model_does_not_have_is_refused_when_it_is_prepared() -> None:
    """A model may be older than the config."""
    labels = Config.model_validate(VALLEY).data
    for name, message in (("set_size", "needs a limit"), ("q0.05", "gives no 'q0.05'"), ("applicable", "no 'diss")):
        with pytest.raises(ValueError, match=message):
            served([Output(name=name)], task_of(labels), (), Certainty())


def test_the_schema_knows_names_and_sections() -> None:
    schema = json.dumps(Config.model_json_schema()["$defs"]["Serving"]["properties"]["outputs"])
    assert '"auto"' in schema and '"array"' in schema and "$defs/Output" in schema
    with pytest.raises(ValidationError, match="neither `auto` nor"):
        Serving.model_validate({"outputs": 3})
