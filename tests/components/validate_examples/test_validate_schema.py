"""A schema that a first run proposes is one that it passes; what changes later is told with its place."""

import json

import numpy as np
import pytest
from kfp import dsl

from components.validate_examples.findings import ExamplesError
from components.validate_examples.run import run
from earthline.config import ConfigError, Validation, parse

from .test_validate_examples import DATA, folder, replaced, write

__all__ = ["folder"]


def validate(folder, validation):
    beside = folder.parent
    run(
        data=DATA.model_dump_json(),
        validation=validation.model_dump_json(),
        examples=dsl.Dataset(uri=str(folder)),
        statistics=dsl.Artifact(uri=str(beside / "statistics")),
        report=dsl.HTML(uri=str(beside / "report.html")),
    )
    return json.loads((beside / "statistics" / "statistics.json").read_text())


@pytest.fixture
def schema(folder):
    """What a first run writes."""
    write(folder)
    validate(folder, Validation(label_noise=False))
    return folder.parent / "statistics" / "schema.yaml"


def kept(schema, changed=lambda text: text):
    """The section of a config that names the schema, after somebody changed it."""
    (schema.parent / "kept.yaml").write_text(changed(schema.read_text()))
    return Validation.model_validate(
        {"schema_file": "kept.yaml", "label_noise": False}, context={"folder": schema.parent}
    )


def test_what_is_proposed_is_passed_and_its_content_travels(schema, folder):
    section = kept(schema)
    assert section.schema_file is None and section.expected is not None
    assert list(section.expected.bands) == ["B1", "B2"]
    (schema.parent / "kept.yaml").unlink()
    found = validate(folder, section)
    assert found["anomalies"] == [] and not any("schema" in line for line in found["warnings"])


def test_a_value_out_of_range_names_shard_record_and_band_and_many_fail(schema, folder):
    def spoiled(pixels):
        def change(split, index, patch):
            if (split, index) == ("test", 1):
                patch.image.reshape(-1, 2)[:pixels, 1] = 900
            return patch

        return change

    write(folder, spoiled(1))
    found = validate(folder, kept(schema))
    (line,) = [line for line in found["warnings"] if "900" in line]
    assert line.startswith("test-00000-of-00001.tfrecord, record 1: band B2 holds 900, the schema expects ")
    assert "1 patches hold such values, 0.78 % of its pixels" in line
    (told,) = [each for each in found["findings"] if each["kind"] == "range"]
    assert (told["severity"], told["example"], told["band"]) == ("warning", 1, "B2")
    write(folder, spoiled(30))
    with pytest.raises(ExamplesError, match=r"range: test-00000-of-00001\.tfrecord, record 1: band B2 holds 900"):
        validate(folder, kept(schema))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("B2:", "B7:", "expected: bands: B7 missing; B2 not expected"),
        ("data_type: float32", "data_type: uint16", "expected: band B1 is float32, the schema expects uint16"),
        ("water:", "ice:", "expected: 'water' is not among the schema's labels"),
    ],
)
def test_another_form_fails(schema, folder, old, new, told):
    with pytest.raises(ExamplesError) as seen:
        validate(folder, kept(schema, lambda text: text.replace(old, new)))
    assert told in str(seen.value)


def test_more_masked_pixels_and_other_shares_are_warnings(schema, folder):
    def holed(split, _, patch):
        valid = np.ones((8, 8), bool)
        valid[:3] = False
        label = np.where(valid, 0, 255).astype(np.uint8)
        label[-2:] = 1
        return replaced(patch, valid=valid, label=label, image=patch.image * valid[..., None])

    write(folder, holed)
    warnings = validate(folder, kept(schema))["warnings"]
    assert any("train: 37.5 % of the pixels are masked, the schema expects at most 1 %" in line for line in warnings)
    assert not any("of the labelled ground" in line for line in warnings)
    changed = kept(schema, lambda text: text.replace("water: {least: 0.214", "water: {least: 0.5"))
    warnings = validate(folder, changed)["warnings"]
    assert any(
        line.startswith("'water' has 40 % of the labelled ground, the schema expects 50 to") for line in warnings
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        ("bands: {", "is not YAML"),
        ("bands: {B1: {data_type: uint8, minimum: 9, maximum: 1}}", "minimum 9 is above maximum 1"),
        ("colour: red", "bands: Field required"),
    ],
)
def test_a_schema_that_is_none_says_what_to_do(tmp_path, content, told):
    if content is not None:
        (tmp_path / "schema.yaml").write_text(content)
    with pytest.raises(ValueError, match="leave `schema_file` out") as seen:
        Validation.model_validate({"schema_file": "schema.yaml"}, context={"folder": tmp_path})
    assert told in str(seen.value)


def test_the_config_takes_one_of_two_ways():
    with pytest.raises(ConfigError, match="remove one of the two"):
        parse(
            {
                "name": "abc",
                "data": DATA.model_dump(),
                "validation": {
                    "schema_file": "a.yaml",
                    "expected": {"bands": {"B1": {"data_type": "uint8", "minimum": 0, "maximum": 1}}},
                },
            },
            "x",
        )
