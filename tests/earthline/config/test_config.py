import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from earthline.config import BoundingBox, Config, ConfigError, as_written, load, parse

ROOT = Path(__file__).parents[3]
CONTENT: dict[str, Any] = {
    "name": "sample",
    "data": {
        "imagery": {"image": "projects/sandbox/assets/scene", "bands": ["B1", "B2"]},
        "labels": {
            "image": "projects/sandbox/assets/classes",
            "band": "class",
            "classes": [
                {"name": "land", "color": "#00ff00", "values": [1, 2]},
                {"name": "water", "color": "#0000ff", "values": [3]},
            ],
        },
    },
}


def changed(**values: Any) -> dict[str, Any]:
    """The sample with keys (dots written as two underscores) set, or taken away where the value is Ellipsis."""
    content = copy.deepcopy(CONTENT)
    for key, value in values.items():
        place: Any = content
        *parents, last = (int(part) if part.isdigit() else part for part in key.split("__"))
        for parent in parents:
            place = place[parent] if isinstance(place, list) else place.setdefault(parent, {})
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return content


COLLECTION = {"collection": "COPERNICUS/S2", "bands": ["B2"], "start": "2021-01-01", "end": "2022-01-01"}
BOX = {"west": 1, "south": 1, "east": 2, "north": 2}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (changed(nmae="x"), ["nmae", "unknown key", "`name`"]),
        (changed(train__epoch=1), ["train.epoch", "unknown key", "`epochs`"]),
        (changed(data__labels__classes__0__colour="#000000"), ["classes.0.colour", "`color`"]),
        (changed(train__zzz=1), ["train.zzz", "known here", "epochs"]),
        (changed(epochs=1), ["epochs: unknown key", "it belongs to train: move it there"]),
        (changed(data__imagery__scale=10), ["data.imagery.scale", "it belongs to data, or did you mean `resample`?"]),
        (changed(name=...), ["name", "required"]),
        (changed(name="Has Spaces"), ["name", "'Has Spaces'", "pattern"]),
        (changed(train__epochs=0), ["train.epochs", "0 is not allowed", "greater than or equal to 1"]),
        (changed(train__epochs="many"), ["train.epochs", "'many'", "no whole number"]),
        (changed(data__imagery__bands=[]), ["data.imagery.bands", "at least 1"]),
        (changed(data__imagery__bands=["B1", "B1"]), ["data.imagery.bands", "named twice: B1"]),
        (changed(data__imagery__collection="X/Y"), ["data.imagery", "exactly one of `image`"]),
        (changed(data__imagery__image=...), ["data.imagery", "exactly one of `image`"]),
        (
            changed(data__imagery__max_cloud_percent=5),
            ["data.imagery", "`max_cloud_percent` applies to a `collection`", "remove it", "in place of `image`"],
        ),
        (changed(data__imagery={**COLLECTION, "start": ...} | {"start": None}), ["data.imagery", "`start` and `end`"]),
        (changed(data__imagery=COLLECTION), ["data:", "`crs` and `region`"]),
        (changed(data__imagery={**COLLECTION, "end": "2020-01-01"}), ["start 2021-01-01", "before end 2020-01-01"]),
        (
            changed(data__imagery={**COLLECTION, "start": "2021-02-30"}),
            ["data.imagery.start", "no day of the calendar"],
        ),
        (changed(data__imagery={**COLLECTION, "start": "last spring"}), ["data.imagery.start", "YYYY-MM-DD"]),
        (changed(data__crs="EPSG:32633"), ["data:", "`crs` and `scale` go together"]),
        (changed(data__crs="EPSG:999999", data__scale=10), ["data.crs", "EPSG:999999 is no CRS that PROJ knows"]),
        (changed(data__crs="EPSG:5773", data__scale=10), ["data.crs", "EGM96 height", "no map projection"]),
        (changed(data__crs="EPSG:4326", data__scale=10), ["EPSG:4326 counts degrees", "for 10 m write 9e-05"]),
        (
            changed(data__crs="EPSG:32631", data__scale=0.0001, data__region=BOX),
            ["EPSG:32631 counts in metres", "x 1,1", "use a larger scale"],
        ),
        (changed(data__scale=float("inf"), data__crs="EPSG:32631"), ["data.scale", "finite"]),
        (changed(data__imagery__bands=["B1", "earthline_valid"]), ["data.imagery.bands", "`earthline_`", "rename"]),
        (changed(data__imagery__cloud_property="haze"), ["data.imagery", "`cloud_property`", "max_cloud_percent"]),
        (changed(data__labels__classes__1__name="LAND "), ["'LAND' stands twice (also as 'land')"]),
        (changed(data__labels__classes__1__name="a\nb"), ["line break", "one line"]),
        (changed(data__crs="UTM 33", data__scale=10), ["data.crs", "'UTM 33'"]),
        (changed(data__region={**BOX, "west": 3}), ["data.region", "west 3.0", "east 2.0", "swap"]),
        (changed(data__region={**BOX, "north": 91}), ["data.region.north", "91", "90"]),
        (changed(data__labels__classes__1__values=[2]), ["data.labels", "value 2", "'land'", "'water'"]),
        (changed(data__labels__classes__1__name="land"), ["data.labels", "'land' stands twice"]),
        (changed(data__labels__ignore=[3]), ["data.labels", "[3]", "`ignore`"]),
        (changed(data__labels__classes__0__color="green"), ["classes.0.color", "'green'"]),
        (
            changed(data__labels__classes=[CONTENT["data"]["labels"]["classes"][0]]),
            ["data.labels.classes", "at least 2"],
        ),
        (
            changed(export__patch_shape=[62, 64]),
            ["export.patch_shape", "stride 4", "[64, 64]"],
        ),
        (changed(export__patch_shape=[64, 64], export__block_shape=[96, 256]), ["block_shape", "at least twice"]),
        (changed(export__examples={"train": 1, "test": 1}), ["export", "examples lacks validation"]),
        (
            changed(export__examples={"train": 0, "validation": 1, "test": 1}),
            ["export.examples.train", "greater than 0"],
        ),
        (changed(export__compress="gzip"), ["export", "compress gzip", "write format: earth_engine"]),
        (changed(export__shares={"train": 0.5, "validation": 0.1, "test": 0.1}), ["export", "sum to 0.7"]),
        (
            changed(
                export__split_regions={
                    "train": [BOX],
                    "validation": [{**BOX, "west": 1.5, "east": 3}],
                    "test": [{**BOX, "west": 5, "east": 6}],
                }
            ),
            ["export.split_regions", "train[0] overlaps validation[0]"],
        ),
        (changed(train__accelerator_type="NVIDIA_TESLA_T4"), ["train", "`accelerator_count`"]),
        (changed(evaluate__baseline_context=4), ["evaluate", "baseline_context 4", "odd"]),
        (changed(serving__min_replicas=3), ["serving", "max_replicas 1 is below min_replicas 3"]),
        (changed(serving__overlap=[31, 32]), ["serving", "overlap [31, 32] must be even"]),
        (
            changed(serving__tile_shape=[512, 512]),
            ["serving.tile_shape", "a request (2 bands and the mask) of", "a side", "leave out tile_shape"],
        ),
        (changed(environment__target="cloud"), ["environment.image", "'earthline:0.1.0'", "docker.pkg.dev"]),
        (changed(environment__bucket="gs://x"), ["environment.bucket", "'gs://x'"]),
        (changed(environment__location="Europe"), ["environment.location", "'Europe'"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_each_mistake_is_one_line_with_its_key_and_value(content: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(content, "sample.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("sample.yaml: ")
    for word in words:
        assert word in lines[0]


def test_every_mistake_is_named_not_just_the_first() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(changed(train__epochs=0, train__depht=1, serving__max_replicas="two"), "x")
    assert len(str(caught.value).splitlines()) == 3


def test_the_sample_is_sound_and_frozen() -> None:
    config = parse(CONTENT, "x")
    assert config.endpoint_name == "sample"
    assert config.environment.target == "sandbox"
    with pytest.raises(ValueError, match="frozen"):
        config.name = "other"  # type: ignore[misc]  # the very thing that must fail


def test_class_ids_follow_the_order_of_the_classes() -> None:
    labels = parse(CONTENT, "x").data.labels
    assert labels.class_names == ("land", "water")
    assert labels.colors == ("#00ff00", "#0000ff")


boxes = st.builds(
    lambda west, south, width, height: BoundingBox(west=west, south=south, east=west + width, north=south + height),
    st.integers(-170, 160),
    st.integers(-80, 70),
    st.integers(1, 10),
    st.integers(1, 10),
)


@given(boxes, boxes)
def test_overlap_is_symmetric_and_means_a_shared_area(one: BoundingBox, two: BoundingBox) -> None:
    width = min(one.east, two.east) - max(one.west, two.west)
    height = min(one.north, two.north) - max(one.south, two.south)
    assert one.overlaps(two) == two.overlaps(one) == (width > 0 and height > 0)


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_set_overrides_values_sections_and_lists(tmp_path: Path) -> None:
    path = write(tmp_path, yaml.safe_dump(CONTENT))
    config = load(
        path, ["train.epochs=3", "serving.tile_shape=[64, 64]", "export.shards=2", "environment.project=abcde"]
    )
    assert (config.train.epochs, config.serving.tile_shape, config.export.shards) == (3, (64, 64), 2)
    assert config.environment.project == "abcde"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.epochs", ["KEY=VALUE"]),
        ("=3", ["KEY=VALUE"]),
        ("name.first=x", ["`name` holds a value"]),
        ("data.labels.classes.0.name=x", ["`data.labels.classes` holds a list: set it whole"]),
        ("train.epochs=[1", ["not valid YAML"]),
        ("schedule.cron=*/5 * * * *", ["not valid YAML", "takes quotes"]),
        ("data.imagery.start=2021-02-30", ["no day of the calendar"]),
        ("train.epochs=yes", ["--set train.epochs=yes: train.epochs", "'yes' is a word for true or false"]),
        ("train={epochs: 2, epochs: 3}", ["--set", "epochs: stands twice, as '2' on line 1"]),
        ("train.epohcs=3", ["train.epohcs", "`epochs`"]),
        ("train.epochs=three", ["train.epochs", "'three'"]),
    ],
)
def test_a_wrong_override_is_one_line(tmp_path: Path, override: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, yaml.safe_dump(CONTENT)), [override])
    assert len(str(caught.value).splitlines()) == 1
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [("a: [", "not valid YAML"), ("- a", "holds list"), ("", "holds NoneType"), ("just text", "holds str")],
)
def test_what_is_not_a_config_is_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        load(write(tmp_path, text))


def test_files_that_cannot_be_a_config_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
    (tmp_path / "large.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="larger than"):
        load(tmp_path / "large.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "binary.yaml")


def test_unquoted_dates_are_dates(tmp_path: Path) -> None:
    content = changed(data__imagery=COLLECTION, data__region=BOX, data__crs="EPSG:32631", data__scale=10)
    text = yaml.safe_dump(content).replace("'2021-01-01'", "2021-01-01")
    assert "start: 2021-01-01\n" in text
    assert load(write(tmp_path, text)).data.imagery.start == "2021-01-01"


@pytest.mark.parametrize("cron", ["0 3 1 * *", "TZ=Europe/Paris 0 3 1 * *", "CRON_TZ=UTC */5 * * * MON-FRI"])
def test_a_schedule_is_a_cron_expression(cron: str) -> None:
    assert parse(changed(schedule__cron=cron), "x").schedule.cron == cron


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"schedule__cron": "monthly"}, "schedule.cron: 'monthly' is no cron expression"),
        ({"schedule__cron": "0 0 3 1 * *"}, "it takes five fields"),
        ({"schedule__cron": "0 3 L * *"}, "no cron expression"),
        ({"schedule__cron": "61 3 1 * *"}, "Bad minute"),
        ({"schedule__cron": "TZ=Mars/Olympus 0 3 1 * *"}, "'Mars/Olympus' is no time zone"),
        ({"schedule__cron": "TZ=../../etc/passwd 0 3 1 * *"}, "is no time zone"),
        ({"schedule__start": "2026-01-01T00:00:00"}, "schedule.start"),
        ({"schedule__start": "2026-01-02T00:00:00Z", "schedule__end": "2026-01-01T00:00:00Z"}, "must be before end"),
        ({"schedule__drift_limit": 0}, "schedule.drift_limit"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse(changed(**values), "x")


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | leaves, inner, max_size=3)
)


@given(st.sampled_from(sorted(Config.model_fields)), anything)
def test_any_content_is_a_config_or_a_config_error(key: str, value: Any) -> None:
    try:
        assert isinstance(parse({**CONTENT, key: value}, "x"), Config)
    except ConfigError as error:
        assert str(error).startswith("x: ")


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/*.yaml")), ids=lambda path: path.name)
def test_every_config_of_the_repository_is_sound(path: Path) -> None:
    config = load(path)
    # What each step is given parses back to the same section.
    for name in ("data", "export", "train", "evaluate", "serving", "predict"):
        section = getattr(config, name)
        assert type(section).model_validate_json(section.model_dump_json()) == section


def test_every_field_says_what_it_is() -> None:
    def undescribed(schema: dict[str, Any]) -> list[str]:
        definitions = {"Config": schema, **schema["$defs"]}
        return [
            f"{name}.{key}"
            for name, definition in definitions.items()
            for key, value in definition["properties"].items()
            if "description" not in value and "$ref" not in value
        ]

    assert undescribed(Config.model_json_schema()) == []


def test_the_written_schema_is_current() -> None:
    written = json.loads((ROOT / "configs" / "schema.json").read_text(encoding="utf-8"))
    written.pop("$schema")
    assert written == json.loads(json.dumps(Config.model_json_schema())), "run `make schema`"


def test_what_a_run_keeps_of_its_config_says_the_same_and_what_was_set(tmp_path: Path) -> None:
    path, kept = tmp_path / "map.yaml", tmp_path / "runs" / "config.yaml"
    path.write_text("# mine\n" + yaml.safe_dump(CONTENT))
    kept.parent.mkdir()
    kept.write_text(as_written(path, ["train.epochs=3"]))
    lines = kept.read_text().splitlines()
    assert lines[0].endswith(f"{path}: files that it names lie beside that one.")
    assert lines[1:3] == ["#   --set train.epochs=3", "# mine"]
    assert load(kept) == load(path)
