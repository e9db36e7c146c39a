"""`train.model`: an architecture by name, each with its own options; refusals say what to write."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from earthline.config import Config, ConfigError, Train, load

ROOT = Path(__file__).parents[3]
QUICKSTART = ROOT / "configs" / "quickstart.yaml"


def refused(*overrides: str, path: Path = QUICKSTART) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(path, overrides)
    return str(error.value).splitlines()


def test_each_architecture_has_its_own_options() -> None:
    config = load(QUICKSTART, ["train.model={name: pixel_mlp, units: 5}"])
    assert config.train.model.model_dump(exclude_defaults=True) == {"units": 5}
    assert (config.train.model.stride, config.train.model.receptive_field) == (1, 1)
    assert Train.model_validate_json(config.train.model_dump_json()) == config.train
    assert load(QUICKSTART, ["train.model.depth=1"]).train.model.stride == 2
    assert Train().model.name == "unet"
    assert Train.model_validate({"model": {"depth": 1}}).model.stride == 2


def test_another_name_leaves_out_the_options_of_the_one_in_the_file() -> None:
    """Some options have one name in both: three halvings of a network are no three comparisons of a tree."""
    written = load(QUICKSTART).train.model
    assert written.name == "unet" and {"depth", "filters"} <= written.model_fields_set
    assert load(QUICKSTART, ["train.model.name=random_forest"]).train.model.model_fields_set == {"name"}
    for order in (1, -1):
        both = ["train.model.name=random_forest", "train.model.depth=7"][::order]
        assert load(QUICKSTART, both).train.model.model_dump(exclude_defaults=True) == {"depth": 7}
    assert load(QUICKSTART, ["train.model.name=unet"]).train.model == written
    assert load(QUICKSTART, ["train.loss.name=cross_entropy"]).train.loss is not None


def test_auto_needs_one_candidate_that_takes_the_patches() -> None:
    patches = ["export.patch_shape=[30, 30]", "train.model={name: auto}"]
    assert load(QUICKSTART, patches).train.model.name == "auto"
    networks = "train.model={name: auto, candidates: [{name: unet}, {name: context_unet}]}"
    assert "does not divide by the model's stride 4" in refused(patches[0], networks)[0]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.model.name=unett", "train.model: name 'unett' is no model; known here: auto, context_unet, "),
        ("train.model.dept=1", "train.model.dept: unknown key (value 1); did you mean `depth`?"),
        ("train.model.depth=x", "train.model.depth: 'x' is no whole number; write a whole number such as 2"),
        ("train.model.depth=9", "train.model.depth: 9 is not allowed: input should be less than or equal to 6"),
        (
            "train.model={name: pixel_mlp, windows: [9, 4]}",
            "train.model.windows.1: 4 is even, so that the window has no",
        ),
        ("train.model={name: temporal}", "train.model: name 'temporal' needs bands with steps in time, such as B4_t00"),
        ("train.model={name: 'mine:build'}", "train.model.declares: required but not given; add it"),
        ("train.init=europe.keras", "europe.keras is not there; correct the name"),
        (
            "train.init=gs://models/europe.onnx",
            "train.init.file: gs://models/europe.onnx is ONNX, whose layers are none of train.model's",
        ),
        (
            "train.model={name: file, file: gs://m/x.pth, declares: {stride: 1, receptive_field: 1}}",
            "train.model.file: gs://m/x.pth is a file of PyTorch, which may hold code",
        ),
        (
            "train.model={name: file, file: gs://m/x.onnx, declares: {stride: 1, receptive_field: 1}, "
            "normalization: {mean: [1, 2]}}",
            "train.model: normalization.mean has 2 numbers, the imagery has",
        ),
        (
            "train={init: gs://m/x.keras, model: {name: random_forest}}",
            "train.init: 'random_forest' is no network that",
        ),
        ("train={init: gs://m/x.keras, model: {name: auto}}", "train.init: 'auto' is no network that"),
        ("train.model={name: ensemble, members: [{}, {depth: 9}]}", "train.model.members.1.depth: 9 is not allowed"),
        ("train.model={name: auto, candidates: [{}, {name: auto}]}", "'auto' is made of other models itself"),
        ("train.tune={over: {epochs: [3]}}", "train.tune.over: 'epochs' is the same for all trials"),
        ("train.model={name: pixel_mlp, units: 0}", "train.model.units: 0 is not allowed"),
        (
            "train.model={name: pixel_mlp, depth: 1}",
            "train.model.depth: unknown key (value 1); known here: name,",
        ),
        ("train.model=3", "train.model: 3 stands where a section of keys is meant; known here: name, depth, filters"),
        ("train.model.depth=6", "export.patch_shape: [32, 32] does not divide by the model's stride 64"),
    ],
)
def test_a_wrong_option_is_one_line(override: str, said: str) -> None:
    (line,) = refused(override)
    assert said in line
    # A long one is cut short in the message.
    assert override[:50] in line or "export.patch_shape" in line


@pytest.mark.parametrize(
    ("key", "value", "spelling"),
    [
        ("depth", "2", "write `train.model: {name: unet, depth: 2}`, or `--set train.model.depth=…`"),
        ("filters", "8", "write `train.model: {name: unet, filters: 8}`, or `--set train.model.filters=…`"),
        ("dropout", "0.5", "write `train.model: {name: unet, dropout: 0.5}`, or `--set train.model.dropout=…`"),
        ("model", "unet", "write `model: {name: unet}`"),
    ],
)
def test_the_flat_keys_of_before_are_refused_with_the_new_spelling(
    tmp_path: Path, key: str, value: str, spelling: str
) -> None:
    (line,) = refused(f"train.{key}={value}")
    assert line.startswith(f"--set train.{key}={value}: train.{key}: ") and spelling in line
    text = QUICKSTART.read_text(encoding="utf-8")
    before = "  model: {name: unet, depth: 2, filters: 16, dropout: 0.2}\n"
    assert before in text
    path = tmp_path / "old.yaml"
    path.write_text(text.replace(before, f"  {key}: {value}\n"), encoding="utf-8")
    (line,) = refused(path=path)
    assert line.startswith(f"{path}:30: train.{key}: ") and spelling in line


def test_the_schema_tells_the_options_of_each() -> None:
    schema = Config.model_json_schema()
    choices = schema["$defs"]["Train"]["properties"]["model"]["anyOf"]
    sections = [each if "properties" in each else schema["$defs"][each["$ref"].rpartition("/")[2]] for each in choices]
    names = {each["properties"]["name"].get("const") for each in sections}
    assert {"pixel_mlp", "unet", "temporal", "file", None} <= names, "a function of one's own has no fixed name"
    assert all(each["additionalProperties"] is False for each in sections)


def test_a_file_travels_by_its_whole_name_and_its_content(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(QUICKSTART.read_text())
    (tmp_path / "europe.keras").write_bytes(b"weights")
    init = load(config, ["train.init=europe.keras"]).train.init
    assert init is not None and init.file == str(tmp_path / "europe.keras")
    assert init.sha256 == hashlib.sha256(b"weights").hexdigest()
    cloud = ["environment.target=cloud", "environment.image=registry/earthline:1", "environment.bucket=mine"]
    lines = refused("train.init=europe.keras", *cloud, path=config)
    assert any("train.init.file" in line and "gs://mine/models/" in line for line in lines)


def test_a_config_is_checked_without_tensorflow() -> None:
    code = (
        "import sys; from pathlib import Path; from earthline.config import load\n"
        f"load(Path({str(QUICKSTART)!r}))\n"
        "import json; print(json.dumps(sorted({'keras', 'tensorflow'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == []
