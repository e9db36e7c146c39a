"""Tiles that a config asks for, or leaves to us: what is chosen, and what is refused with a way that works."""

import copy
import re
from typing import Any

import pytest

from earthline.config import Config, ConfigError, parse


def content(bands: int = 2, data_type: str = "uint16", model: Any = None, **serving: Any) -> dict[str, Any]:
    return {
        "name": "sample",
        "data": {
            "imagery": {
                "image": "projects/sandbox/assets/scene",
                "bands": [f"B{number}" for number in range(bands)],
                "data_type": data_type,
            },
            "labels": {
                "image": "projects/sandbox/assets/classes",
                "band": "class",
                "classes": [{"name": f"c{value}", "color": "#00ff00", "values": [value]} for value in range(3)],
            },
        },
        "train": {"model": copy.deepcopy(model) if model else {"name": "unet", "depth": 2}},
        "serving": copy.deepcopy(serving),
    }


def shapes(config: Config) -> tuple[int, int, int]:
    plan = config.tile_plan
    return plan.tile[0], plan.overlap[0], plan.batch


def refusal(*arguments: Any, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(content(*arguments, **options), "x")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("bands", "data_type", "options", "chosen"),
    [
        (10, "uint16", {}, (116, 56, 1)),
        (10, "float32", {}, (44, 56, 1)),
        (10, "auto", {}, (44, 56, 1)),  # what it will be is not known yet
        (10, "uint16", {"input_types": "float32"}, (44, 56, 1)),
        (10, "float32", {"overlap_reading": "total"}, (100, 56, 1)),
        (10, "float32", {"endpoint_kind": "dedicated"}, (256, 56, 1)),
        (10, "uint16", {"max_payload_bytes": 1_000_000}, (76, 56, 1)),
        (5, "uint8", {"tile_shape": [100, 120], "overlap": [60, 64]}, (100, 60, 3)),
        (5, "uint8", {"tile_shape": [100, 120]}, (100, 56, 3)),
        (5, "uint8", {"overlap": [128, 128]}, (176, 128, 1)),
    ],
)
def test_the_largest_tiles_that_fit_are_chosen(
    bands: int, data_type: str, options: dict[str, Any], chosen: tuple[int, int, int]
) -> None:
    config = parse(content(bands, data_type, **options), "x")
    assert shapes(config) == chosen
    limit = config.serving.payload_limit
    assert max(config.payload_bytes, config.response_bytes) <= limit
    settled = config.settled_serving
    assert (settled.tile_shape, settled.overlap) == (config.tile_plan.tile, config.tile_plan.overlap)


REFUSED: list[tuple[int, dict[str, Any], Any, list[str]]] = [
    (5, {"overlap": [32, 32]}, None, ["serving.overlap: [32, 32] puts 16 px", "26 px around it", "[204, 204] and [56"]),
    (
        5,
        {"tile_shape": [90, 96], "overlap": [56, 56]},
        None,
        ["serving.tile_shape: [90, 96]", "stride 4", "[204, 204]"],
    ),
    (10, {"tile_shape": [512, 512]}, None, ["makes a request (10 bands and the mask) of", "at most 231 px a side"]),
    (10, {}, {"depth": 4}, ["rests on up to 122 px", "train.model.depth: 2"]),
    (40, {}, {"depth": 2}, ["train.model.depth: 1", "bands instead of 40", "overlap_reading", "dedicated", "seams"]),
]


@pytest.mark.parametrize(("bands", "options", "model", "said"), REFUSED)
def test_what_cannot_be_is_refused_with_what_helps(
    bands: int, options: dict[str, Any], model: Any, said: list[str]
) -> None:
    (line,) = refusal(bands, model=model and {"name": "unet", **model}, **options)
    for words in said:
        assert words in line


def test_each_way_that_is_advised_does_help() -> None:
    (line,) = refusal(40)
    fewer = int(re.search(r"(\d+) bands instead of 40", line)[1])  # type: ignore[index]
    assert parse(content(fewer), "x") and refusal(fewer + 1)
    assert parse(content(40, model={"name": "unet", "depth": 1}), "x")
    for option in ({"overlap_reading": "total"}, {"endpoint_kind": "dedicated"}, {"seams": "allowed"}):
        assert parse(content(40, **option), "x")


def test_what_is_no_shape_is_told_once() -> None:
    for value in (80, [80], "automatic", ["a", 2], [0, 8], [True, 8], [8.0, 8]):
        (line,) = refusal(tile_shape=value)
        assert f"serving.tile_shape: {value!r} is neither `auto` nor a height and a width" in line
    assert parse(content(model={"name": "pixel_mlp"}, overlap=[0, 0]), "x").tile_plan.overlap == (0, 0)


def test_allowed_seams_take_any_shapes_that_fit() -> None:
    config = parse(content(5, tile_shape=[90, 96], overlap=[32, 32], seams="allowed"), "x")
    assert shapes(config)[:2] == (90, 32)
    deep = parse(content(10, model={"name": "unet", "depth": 6}, seams="allowed"), "x")
    assert max(deep.payload_bytes, deep.response_bytes) <= 1_500_000
    assert refusal(10, tile_shape=[512, 512], overlap=[2, 2], seams="allowed")


def test_what_is_answered_counts_too() -> None:
    small = parse(content(1, "uint8", overlap_reading="total"), "x")
    large = content(1, "uint8", outputs=["class_id", "probabilities"], overlap_reading="total")
    large["data"]["labels"]["classes"] = [
        {"name": f"c{value}", "color": "#00ff00", "values": [value]} for value in range(30)
    ]
    found = parse(large, "x")
    assert shapes(found)[0] < shapes(small)[0] and found.response_bytes <= 1_500_000
    assert found.response_bytes > found.payload_bytes
