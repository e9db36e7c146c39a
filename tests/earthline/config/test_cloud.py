"""What of a config Google Cloud would refuse, or would make something else of, is said when it is loaded."""

import base64
import copy
import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from earthline.config import Config, ConfigError, Serving, parse
from earthline.config.model import find, known
from earthline.config.step import steps_section
from earthline.formats import tensors

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


even = st.integers(0, 40).map(lambda number: 2 * number + 2)


@given(
    st.tuples(st.integers(1, 400), st.integers(1, 400)), st.tuples(even, even), st.integers(1, 20), st.integers(2, 30)
)
def test_a_tile_is_accepted_exactly_where_request_and_answer_fit_either_reading_of_overlap(
    tile: tuple[int, int], overlap: tuple[int, int], bands: int, classes: int
) -> None:
    height, width = (side + 2 * edge for side, edge in zip(tile, overlap, strict=True))
    least = height * width * 4 * max(bands + 1, classes) * 4 / 3
    try:
        config = parse(content(bands, classes, serving={"tile_shape": tile, "overlap": overlap}), "x")
    except ConfigError as error:
        assert "serving.tile_shape" in str(error)
        assert least + 128 * (bands + 1) + 1200 > LIMIT
    else:
        assert least < max(config.payload_bytes, config.response_bytes) <= LIMIT


def test_the_arithmetic_bounds_what_is_really_sent() -> None:
    config = parse(content(10, 11, serving={"tile_shape": [80, 80], "overlap": [32, 32]}), "x")
    tile = np.zeros((144, 144, 1), np.float32)
    request = json.dumps({"instances": [{f"band-{number}": tensors.encode(tile) for number in range(11)}]})
    assert 0.999 * config.payload_bytes < len(request) <= config.payload_bytes
    answer = json.dumps({"predictions": [{"probabilities": tensors.encode(np.zeros((144, 144, 11), np.float32))}]})
    assert 0.998 * config.response_bytes < len(answer) <= config.response_bytes
    assert len(base64.b64encode(bytes(160 * 160 * 11 * 4))) == 1_501_868  # what 11 classes made of 160 px a side


@pytest.mark.parametrize(
    ("bands", "classes", "said"),
    [
        (10, 11, ["a request of 1,", "(10 bands and the mask)", "an answer of 1,", "at most 159 pixels a side"]),
        (2, 30, ["an answer of", "(30 classes)", "at most 96 pixels a side", "[32, 32]"]),
        (30, 2, ["a request of", "(30 bands and the mask)", "at most 95 pixels a side"]),
    ],
)
def test_a_tile_that_is_too_large_comes_with_the_largest_that_fits(bands: int, classes: int, said: list[str]) -> None:
    (line,) = refusal(bands=bands, classes=classes, serving={"tile_shape": [96, 96], "overlap": [32, 32]})
    for words in said:
        assert words in line
    config = parse(content(bands, classes, serving={"tile_shape": [8, 8], "overlap": [2, 2]}), "x")
    side = config.largest_side
    assert parse(content(bands, classes, serving={"tile_shape": [side - 4, side - 4], "overlap": [2, 2]}), "x")
    assert refusal(bands=bands, classes=classes, serving={"tile_shape": [side - 3, side - 3], "overlap": [2, 2]})


def test_the_defaults_fit_ten_bands_and_eleven_classes() -> None:
    assert parse(content(10, 11), "x").serving == Serving()


@pytest.mark.parametrize("value", ["0-25", "16", "1_000", "1e3", 16.0, 16.5, float("inf"), True, False, None, [1]])
def test_only_an_integer_is_a_whole_number(value: Any) -> None:
    (line,) = refusal(train={"epochs": value})
    assert "train.epochs" in line
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
