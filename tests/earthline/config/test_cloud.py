"""What of a config Google Cloud would refuse, or would make something else of, is said when it is loaded."""

import copy
import json
import re
from typing import Any

import pytest
from pydantic import ValidationError

from earthline.config import Config, ConfigError, parse
from earthline.config.model import find, known
from earthline.config.step import steps_section

LIMIT = 1_500_000


def content(bands: int = 2, classes: int = 2, **sections: Any) -> dict[str, Any]:
    return {
        "name": "sample",
        "data": {
            "imagery": {"image": "projects/sandbox/assets/scene", "bands": [f"B{number}" for number in range(bands)]},
            "labels": {
                "image": "projects/sandbox/assets/classes",
                "band": "class",
                "classes": [{"name": f"c{value}", "color": "#00ff00", "values": [value]} for value in range(classes)],
            },
        },
        **copy.deepcopy(sections),
    }


def refusal(**sections: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(content(**sections), "x")
    return str(caught.value).splitlines()


@pytest.mark.parametrize("value", ["0-25", "16", "1_000", "1e3", 16.0, 16.5, float("inf"), True, False, None, [1]])
def test_only_an_integer_is_a_whole_number(value: Any) -> None:
    (line,) = refusal(train={"batch_size": value})
    assert "train.batch_size" in line
    with pytest.raises(ValidationError):
        steps_section().model_validate_json(json.dumps({"predict_map": {"cpu": value}}))


def test_every_integer_of_the_config_is_strict() -> None:
    loose = []

    def walk(model: Any, name: str) -> None:
        for key, field in model.model_fields.items():
            if re.search(r"\bint\b", repr(field)) and "Strict(strict=True)" not in repr(field):
                loose.append(f"{name}.{key}")
            for inner in models(field.annotation):
                walk(inner, f"{name}.{key}")

    def models(annotation: Any) -> list[Any]:
        if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
            return [annotation]
        return [found for inner in getattr(annotation, "__args__", ()) for found in models(inner)]

    walk(Config, "config")
    # Sections whose keys depend on what is installed here.
    walk(steps_section(), "steps")
    for name in known():
        walk(find(name), f"train.model {name}")
    assert loose == []


@pytest.mark.parametrize("value", [True, False])
def test_a_truth_value_is_no_number(value: bool) -> None:
    (line,) = refusal(train={"model": {"dropout": value}})
    assert "train.model.dropout" in line


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"Team": "land"}, "the key 'Team' holds 'T'"),
        ({"team": "Land Use"}, "write 'land-use'"),
        ({"cost centre": "x"}, "the key 'cost centre' holds ' '"),
        ({"x": "v" * 64}, "has 64 characters, at most 63"),
        ({"k" * 64: "x"}, "has 64 characters, at most 63"),
        ({"1st": "x"}, "must begin with a letter"),
        ({"": "x"}, "is empty"),
        ({"year": 2026}, "put them into quotes"),
        ({1: "x"}, "put them into quotes"),
        ({"a": "x.y"}, "holds '.'"),
        ({"earthline-workflow": "x"}, "Earthline's own"),
        ({f"k{number}": "x" for number in range(64)}, "64 labels are given, at most 63"),
    ],
)
def test_labels_that_google_refuses_are_refused_at_once(labels: dict[Any, Any], said: str) -> None:
    (line,) = refusal(environment={"resource_labels": labels})
    assert "environment.resource_labels" in line and said in line


def test_labels_that_google_takes_are_taken() -> None:
    labels = {"team": "land_use-2", "größe": "", "k" * 63: "v" * 63, "a1": "1"}
    assert parse(content(environment={"resource_labels": labels}), "x").environment.resource_labels == labels


def test_every_wrong_label_is_named() -> None:
    assert len(refusal(environment={"resource_labels": {"Team": "Land Use", "b": 1}})) == 3


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"train": {"replicas": 3}}, ["batch_size 16 cannot be shared evenly by 3 machine(s)", "use 15"]),
        (
            {"train": {"accelerator_type": "TPU_V3", "accelerator_count": 8}},
            ["train.accelerator_type", "'TPU_V3'", "pattern"],
        ),
        (
            {"environment": {"target": "cloud", "image": "a.pkg.dev/e:1"}, "train": {"image": "earthline:0.1.0-gpu"}},
            ["train.image", "'earthline:0.1.0-gpu'", "names no registry"],
        ),
        (
            {"environment": {"target": "cloud", "image": "a.pkg.dev/e:1", "serving_image": "earthline-serving:0.1.0"}},
            ["environment.serving_image", "'earthline-serving:0.1.0'", "names no registry"],
        ),
        ({"serving": {"max_payload_bytes": 10_000_000}}, ["serving", "10,000,000", "shared endpoints"]),
        ({"steps": {"evaluate_model": {"memory": 32}}}, ["steps.evaluate_model.memory", "32G"]),
        ({"steps": {"evaluate_model": {"memory": "32 GB"}}}, ["steps.evaluate_model.memory", "'32 GB'"]),
        ({"steps": {"evaluate_model": {"cpu": "4"}}}, ["steps.evaluate_model.cpu", "write 4"]),
        ({"steps": {"train_model": {"cpu": 4}}}, ["steps.train_model", "unknown key"]),
        ({"steps": {"deploy_model": {"retries": 1}}}, ["steps.deploy_model.retries", "unknown key"]),
        ({"environment": {"service_account": "me@example.com"}}, ["environment.service_account", "'me@example.com'"]),
        (
            {"environment": {"dataflow": {"subnetwork": "regions/europe-west4/subnetworks/a"}}},
            ["environment", "europe-west4", "us-central1"],
        ),
    ],
)
def test_what_cannot_run_is_refused_with_its_reason(sections: dict[str, Any], words: list[str]) -> None:
    (line,) = refusal(**sections)
    for word in words:
        assert word in line


def test_a_step_keeps_what_is_not_overridden() -> None:
    steps = parse(content(steps={"evaluate_model": {"memory": "64G"}}), "x").steps
    assert (steps.evaluate_model.cpu, steps.evaluate_model.memory, steps.evaluate_model.retries) == (8, "64G", 1)
