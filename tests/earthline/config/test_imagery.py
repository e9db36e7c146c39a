"""The section `data.imagery`: sources, ready ones, steps in time, derived bands; what cannot work is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from earthline.config import Config, ConfigError, load, parse
from earthline.config.sections.imagery import READY, OneSource, SeveralSources, Source, Time

BASE: dict[str, Any] = {
    "name": "sample",
    "data": {
        "imagery": {},
        "labels": {
            "image": "projects/sandbox/assets/labels",
            "band": "b1",
            "classes": [
                {"name": "land", "color": "#00ff00", "values": [1]},
                {"name": "water", "color": "#0000ff", "values": [2]},
            ],
        },
        "region": {"west": 1.0, "south": 1.0, "east": 1.2, "north": 1.2},
        "crs": "EPSG:32631",
        "scale": 10,
    },
}
IMAGE = {"image": "projects/sandbox/assets/scene", "bands": ["B4", "B8"]}
YEAR = {"collection": "X/Y", "bands": ["B4", "B8"], "year": 2021}


def config(imagery: Any) -> Config:
    # Sees the pixel alone, so that tiles fit whatever number of bands there is.
    model = {"train": {"model": {"name": "pixel_mlp"}}}
    return parse({**BASE, **model, "data": {**BASE["data"], "imagery": imagery}}, "sample.yaml")


def stack(*sources: Any, **more: Any) -> dict[str, Any]:
    return {"sources": list(sources), "data_type": "float32", **more}


@pytest.mark.parametrize(
    ("imagery", "names"),
    [
        (IMAGE, ("B4", "B8")),
        ({**IMAGE, "bands": [{"band": "B4", "as": "red"}, "B8"], "prefix": "s2_"}, ("s2_red", "s2_B8")),
        (stack(IMAGE, {**IMAGE, "prefix": "old_"}), ("B4", "B8", "old_B4", "old_B8")),
        ({**YEAR, "time": {"steps": 2}}, ("B4_t00", "B8_t00", "B4_t01", "B8_t01")),
        (
            stack({**YEAR, "fill": "old"}, {**IMAGE, "bands": ["B8", "B4"], "name": "old", "only_fills": True}),
            ("B4", "B8"),
        ),
        (
            {**YEAR, "bands": ["B4", "B8"], "time": {"steps": 2}, "derived": {"ndvi": "(B8-B4)/(B8+B4)"}},
            ("B4_t00", "B8_t00", "B4_t01", "B8_t01", "ndvi_t00", "ndvi_t01"),
        ),
        (
            {**IMAGE, "bands": ["0_B2", "B8"], "derived": {"x": "b('0_B2') * 2", "y": "x > 1e3 ? max(x, B8) : -x"}},
            ("0_B2", "B8", "x", "y"),
        ),
        ({"ready": "copernicus_dem", "data_type": "auto"}, ("elevation", "slope", "aspect")),
        (
            {"ready": "satellite_embeddings", "year": 2021, "data_type": "float32"},
            tuple(f"A{number:02d}" for number in range(64)),
        ),
    ],
)
def test_bands_come_in_the_configs_order(imagery: Any, names: tuple[str, ...]) -> None:
    section = config(imagery).data.imagery
    assert section.band_names == names
    assert type(section).model_validate_json(section.model_dump_json()) == section


@pytest.mark.parametrize(
    ("imagery", "place", "words"),
    [
        ({"bands": ["B4"]}, "data.imagery", ["exactly one of `image`", "`ready`"]),
        ({"image": "a/b"}, "data.imagery.bands", ["required"]),
        ({**IMAGE, "sources": [IMAGE]}, "data.imagery", ["`image` and `bands` beside `sources`"]),
        ({"sources": []}, "data.imagery.sources", ["at least 1"]),
        (
            stack({**IMAGE, "fill": "old"}),
            "data.imagery.sources.0.fill",
            ["'old' names no source", "write `name: old`"],
        ),
        ({**IMAGE, "fill": "old"}, "data.imagery.fill", ["'old' names no source"]),
        (
            stack({**IMAGE, "fill": "old"}, {**IMAGE, "name": "old", "prefix": "o_", "bands": ["B8", "B5"]}),
            "data.imagery.sources.0.fill",
            ["'old' has B8, B5, and not B4", "{band: NAME, as: OTHER}"],
        ),
        (
            stack({**IMAGE, "fill": "old"}, {**YEAR, "name": "old", "only_fills": True, "time": "quarter"}),
            "data.imagery.sources.0.fill",
            ["'old' has 4 steps in time and this source none"],
        ),
        (
            stack({**IMAGE, "fill": "b", "name": "a"}, {**IMAGE, "fill": "a", "name": "b", "prefix": "p"}),
            "data.imagery.sources.0.fill",
            ["a and b fill each other in a circle"],
        ),
        (stack({**IMAGE, "fill": "a", "name": "a"}), "data.imagery.sources.0.fill", ["a fill each other in a circle"]),
        (
            stack(IMAGE, {**IMAGE, "only_fills": True}),
            "data.imagery.sources.1.only_fills",
            ["no other source takes it"],
        ),
        (
            stack({**IMAGE, "name": "a"}, {**IMAGE, "name": "a", "prefix": "p"}),
            "data.imagery.sources",
            ["'a' stands twice"],
        ),
        ({**IMAGE, "fill": True}, "data.imagery.fill", ["a number, or the `name`"]),
        (stack({**IMAGE, "bnads": 1}), "data.imagery.sources.0.bnads", ["unknown key", "`bands`"]),
        (stack(IMAGE, {**IMAGE, "bands": [3]}), "data.imagery.sources.1.bands.0", ["3 is no text"]),
        (stack(IMAGE, {**IMAGE, "bands": ["B4"]}), "data.imagery.sources", ["B4 stands in more than one", "`prefix`"]),
        ({**IMAGE, "bands": ["B4", {"band": "B8", "as": "B4"}]}, "data.imagery.bands", ["named twice: B4"]),
        ({**IMAGE, "bands": [{"band": "B4", "to": "red"}]}, "data.imagery.bands.0.to", ["unknown key", "as"]),
        ({**IMAGE, "prefix": "earthline_"}, "data.imagery", ["earthline_B4", "Earthline's own"]),
        ({**YEAR, "start": "2021-01-01"}, "data.imagery", ["`year` stands for `start` and `end`"]),
        ({**YEAR, "year": None}, "data.imagery", ["`start` and `end`", "`year`"]),
        ({**YEAR, "year": "2021"}, "data.imagery.year", ["without quotes"]),
        ({**YEAR, "composite": "percentile"}, "data.imagery", ["`percentile` and `composite: percentile` go together"]),
        ({**YEAR, "quality_band": "B8"}, "data.imagery", ["`quality_band` and `composite: quality_mosaic`"]),
        ({**YEAR, "composite": "best"}, "data.imagery.composite", ["'best'", "'quality_mosaic'"]),
        ({**YEAR, "filters": {"TILE": {"lte": "3"}}}, "data.imagery.filters.TILE.lte", ["'3' is text", "write 3"]),
        ({**YEAR, "filters": {"TILE": {"less": 3}}}, "data.imagery.filters.TILE.less", ["unknown key", "lte"]),
        ({**YEAR, "filters": {"TILE": {}}}, "data.imagery.filters.TILE", ["without a condition"]),
        ({**YEAR, "filters": {"TILE": {"gt": 5, "lt": 2}}}, "data.imagery.filters.TILE", ["swap the two"]),
        ({**YEAR, "filters": {"TILE": None}}, "data.imagery.filters.TILE", ["a filter is a value"]),
        ({**IMAGE, "filters": {"TILE": 1}}, "data.imagery", ["`filters`", "applies to a `collection`"]),
        ({**IMAGE, "time": "month"}, "data.imagery", ["`time`", "applies to a `collection`"]),
        ({**YEAR, "time": "week"}, "data.imagery.time.every", ["'week'", "'month'"]),
        ({**YEAR, "time": {"steps": 2, "days": 3}}, "data.imagery.time", ["exactly one of `every`"]),
        ({**YEAR, "time": {"steps": 2, "empty": "guess"}}, "data.imagery.time.empty", ["'guess'"]),
        ({**IMAGE, "derived": {"x": "B4 + B5"}}, "data.imagery.derived.x", ["names B5", "no band", "B4, B8"]),
        ({**IMAGE, "derived": {"y": "x + 1", "x": "B4 + 1"}}, "data.imagery.derived.y", ["names x", "known before it"]),
        ({**IMAGE, "derived": {"x": "(B4 + B8"}}, "data.imagery.derived.x", ["brackets do not match"]),
        ({**IMAGE, "derived": {"x": "3 * 4"}}, "data.imagery.derived.x", ["names no band"]),
        ({**IMAGE, "derived": {"x": "B4; B8"}}, "data.imagery.derived.x", ["the sign ;"]),
        ({**IMAGE, "derived": {"B4": "B8 * 2"}}, "data.imagery", ["named twice: B4"]),
        (
            stack(
                {**YEAR, "time": {"steps": 2}},
                {**YEAR, "bands": ["V"], "time": {"steps": 3}},
                derived={"x": "B4 + V"},
            ),
            "data.imagery.derived.x",
            ["joins series of different lengths (B4 has 2, V has 3 steps)"],
        ),
        ({"ready": "sentinel9", "year": 2021}, "data.imagery.ready", ["'sentinel9' is no ready source", "sentinel2"]),
        ({"ready": "sentinel2", "year": 2021, "bands": ["B4", "B99"]}, "data.imagery.bands", ["B99 not in sentinel2"]),
        ({"ready": "sentinel2"}, "data.imagery", ["`start` and `end`"]),
        ({"ready": "landsat", "year": 2021}, "data.imagery.data_type", ["uint16 holds whole numbers", "reflectance"]),
        (
            {"ready": {"name": "landsat", "missions": [9]}, "year": 2001, "data_type": "auto"},
            "data.imagery.ready.missions",
            ["none of Landsat [9] flew from 2001-01-01"],
        ),
        (
            {"ready": {"name": "sentinel1", "orbits": 1}, "year": 2021, "data_type": "auto"},
            "data.imagery.ready.orbits",
            ["unknown key", "`orbit`"],
        ),
    ],
)
def test_what_cannot_work_is_one_line_with_its_place(imagery: Any, place: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        config(imagery)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"sample.yaml: {place}: "), lines[0]
    for word in words:
        assert word in lines[0], lines[0]


def test_a_collection_among_the_first_needs_a_grid_and_an_image_brings_one() -> None:
    bare = {key: value for key, value in BASE["data"].items() if key not in ("crs", "scale", "region")}
    with pytest.raises(ConfigError, match="no grid of its own"):
        parse({**BASE, "data": {**bare, "imagery": stack(YEAR, {**IMAGE, "prefix": "x"})}}, "x")
    section = parse({**BASE, "data": {**bare, "imagery": stack({**IMAGE, "prefix": "x"}, YEAR)}}, "x").data.imagery
    assert section.grid_source is not None and section.grid_source.image == IMAGE["image"]


def test_a_map_may_replace_none_of_the_sources() -> None:
    content = {**BASE, "data": {**BASE["data"], "imagery": stack({**IMAGE, "prefix": "x"}, IMAGE | {"image": "a/b"})}}
    with pytest.raises(ConfigError, match=r"is data\.imagery\.sources\.0"):
        parse({**content, "predict": {"asset": IMAGE["image"]}}, "x")


def test_one_source_and_several_are_told_apart_by_their_keys() -> None:
    assert isinstance(config(IMAGE).data.imagery, OneSource)
    assert isinstance(config(stack(IMAGE)).data.imagery, SeveralSources)


@pytest.mark.parametrize(
    ("time", "ends"),
    [
        ("month", ["2021-02-01", "2021-03-01", "2021-04-01"]),
        ("quarter", ["2021-04-01"]),
        ({"days": 40}, ["2021-02-10", "2021-03-22", "2021-04-01"]),
        ({"steps": 2}, ["2021-02-15", "2021-04-01"]),
    ],
)
def test_steps_join_without_a_gap(time: Any, ends: list[str]) -> None:
    source = Source.model_validate({**YEAR, "year": None, "start": "2021-01-01", "end": "2021-04-01", "time": time})
    assert source.steps[0].start == "2021-01-01T00:00:00"
    assert [step.end.removesuffix("T00:00:00") for step in source.steps] == ends
    assert [step.start for step in source.steps[1:]] == [step.end for step in source.steps[:-1]]


def test_a_month_from_the_31st_on_ends_with_the_month() -> None:
    steps = Time(every="month").split("2021-01-31", "2021-05-31")
    assert [str(step) for step in steps][:2] == ["2021-01-31 to 2021-02-28", "2021-02-28 to 2021-03-31"]
    assert len(steps) == 4


def test_the_order_of_steps_is_told_for_whoever_reshapes() -> None:
    section = config({**YEAR, "time": {"steps": 3}, "derived": {"x": "B4 + 1", "y": "x_t00 + 1"}}).data.imagery
    assert [(series.bands, len(series.steps)) for series in section.series] == [(("B4", "B8"), 3), (("x",), 3)]


def test_every_ready_source_says_what_it_is() -> None:
    for name, kind in READY.items():
        assert kind.model_fields["name"].description and kind.BANDS and kind.__doc__
        assert not set(kind.BANDS) & set(kind.MORE_BANDS)
        source = Source.model_validate({"ready": name, **({"year": 2021} if kind.DATED else {})})
        assert source.taken == kind.BANDS and source.collections


FUNCTIONS = """
import random
import ee

ee.Initialize(project="mine")
print("nobody reads this")


def build():
    image = ee.ImageCollection("X/Y").median().addBands(ee.Image("A/B"))
    return image.addBands(ee.Image("A/B").multiply(2))


def asks():
    return ee.Image(ee.ImageCollection("X/Y").size().getInfo())


def connects():
    import urllib.request
    urllib.request.urlopen("http://127.0.0.1:9/")


def number():
    return 3


def chance():
    return ee.Image(random.random())


def wrong():
    return {}["nothing"]
"""


def test_what_stays_of_a_function_is_its_expression(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FUNCTIONS)
    imagery = {"function": "mine.py:build", "bands": ["B4"]}
    content = {**BASE, "data": {**BASE["data"], "imagery": imagery}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    section = load(tmp_path / "config.yaml").data.imagery
    assert section.assets == ("A/B", "X/Y") and section.band_names == ("B4",)
    (tmp_path / "mine.py").unlink()
    written = section.model_dump_json()
    assert OneSource.model_validate_json(written) == section
    assert "random" not in written and "ImageCollection.load" in written


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mine.py:asks", ["asks a server (getInfo"]),
        ("mine.py:connects", ["asks a server"]),
        ("mine.py:number", ["gives int instead of an ee.Image"]),
        ("mine.py:chance", ["makes another expression each time"]),
        ("mine.py:wrong", ["fails: KeyError: 'nothing'"]),
        ("mine.py:none", ["has no function none"]),
        ("yours.py:build", ["is not there", "relative to the config's folder"]),
        ("build", ["write FILE.py:NAME"]),
    ],
)
def test_a_function_that_is_of_no_use_is_refused(tmp_path: Path, name: str, words: list[str]) -> None:
    (tmp_path / "mine.py").write_text(FUNCTIONS)
    content = {**BASE, "data": {**BASE["data"], "imagery": {"function": name, "bands": ["B4"]}}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.yaml")
    assert ": data.imagery.function: " in str(caught.value)
    for word in words:
        assert word in str(caught.value)
