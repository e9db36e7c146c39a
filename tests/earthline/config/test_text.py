"""What YAML's own surprises become: a line each, with the key, the value, the line in the file and the fix."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthline.config import Config, ConfigError, load
from earthline.config.document import DocumentError, read

TEXT = """\
name: forests
data:
  imagery: {image: projects/sandbox/assets/scene, bands: [B1, B2]}
  labels:
    image: projects/sandbox/assets/kinds
    band: kind
    classes:
      - {name: oak, color: "#00ff00", values: [1, 2]}
      - {name: elm, color: "#0000ff", values: [3]}
train: {epochs: 5, learning_rate: 0.01}
"""


def loaded(folder: Path, text: str, *overrides: str) -> Config:
    path = folder / "forests.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, overrides)


def refused(folder: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, *overrides)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("epochs: 5", "epochs: yes", 10, ["train.epochs: 'yes'", "a whole number such as"]),
        ("epochs: 5", "epochs: On", 10, ["train.epochs: 'On'", "a whole number such as"]),
        ("epochs: 5", "epochs: true", 10, ["train.epochs: true", "a whole number such as"]),
        ("epochs: 5", "epochs: '5'", 10, ["train.epochs: '5' is text; write 5, without quotes"]),
        ("epochs: 5", "epochs: 5.0", 10, ["train.epochs: 5.0 is no whole number; write 5"]),
        ("epochs: 5", "epochs: 1_000", 10, ["train.epochs: '1_000'", "write 1000"]),
        ("epochs: 5", "epochs: 012", 10, ["train.epochs: '012' starts with 0", "10", "write 12"]),
        ("epochs: 5", "epochs: 1:30", 10, ["train.epochs: '1:30'", "base 60", "write 90"]),
        ("epochs: 5", "batch_size:", 10, ["train.batch_size: nothing is given"]),
        ("{epochs: 5, learning_rate: 0.01}", "\n  learning_rate: 0,01", 11, ["'0,01' has a comma; write 0.01"]),
        ("0.01", "off", 10, ["train.learning_rate: 'off' is a word", "a number such as"]),
        ("0.01", "true", 10, ["train.learning_rate: true is no number"]),
        ("[1, 2]", "[no, 2]", 8, ["data.labels.classes.0.values.0: 'no'"]),
        ("[1, 2]", "[1, 0-25]", 8, ["data.labels.classes.0.values.1: '0-25' is a range", "list each number"]),
        ("[3]", "[.nan]", 9, ["data.labels.classes.1.values.0: nan is no whole number"]),
        ("[3]", "[007]", 9, ["data.labels.classes.1.values.0: '007' starts with 0; write 7"]),
        ("[3]", "3", 9, ["data.labels.classes.1.values: 3 is no list; write it in brackets, such as [3]"]),
        ("name: forests", "name: 5", 1, ['name: 5 is no text; write it in quotes, such as "5"']),
        ("name: forests", "name: My Map", 1, ["name: 'My Map' is not allowed", "Lower case, digits, dashes"]),
        ("train: {epochs: 5, learning_rate: 0.01}", "train: 5", 10, ["train: 5 stands where a section of keys"]),
        ("band: kind", "band: kind\n    bnad: x", 7, ["data.labels.bnad: unknown key", "`band`"]),
        ("epochs: 5", "epochs: 5, epochs: 7", 10, ["train.epochs: stands twice, as '5' on line 10 and as '7' here"]),
        ("train:", "train: {epochs: 1}\ntrain:", 11, ["train: stands twice, as a section on line 10"]),
        ("- {name: oak,", "- {name: oak, name: ash,", 8, ["data.labels.classes.0.name: stands twice", "'ash' here"]),
        ("no such text", "", 11, ["not valid YAML"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_surprise_is_a_line_with_its_place(
    tmp_path: Path, before: str, after: str, line: int, words: list[str]
) -> None:
    text = TEXT.replace(before, after, 1) if before in TEXT else TEXT + "a: [1"
    (said,) = refused(tmp_path, text)
    assert said.startswith(f"forests.yaml:{line}: ")
    for word in words:
        assert word in said


def test_what_several_sections_must_agree_on_has_the_line_of_its_key(tmp_path: Path) -> None:
    text = TEXT + "export:\n  patch_shape: [62, 62]\n  block_shape: [240, 240]\n"
    (said,) = refused(tmp_path, text)
    assert said.startswith("forests.yaml:12: export.patch_shape: [62, 62] does not divide")
    (said,) = refused(tmp_path, TEXT + "serving:\n  max_replicas: 1\n  overlap: [31, 32]\n")
    assert said.startswith("forests.yaml:13: serving: overlap [31, 32] must be even")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["train.epochs=no"], "--set train.epochs=no: train.epochs: 'no' is a word for true or false"),
        (["train.epochs=010"], "--set train.epochs=010: train.epochs: '010' starts with 0"),
        (["train={epochs: 08}"], "--set train={epochs: 08}: train.epochs: '08' starts with 0; write 8"),
        (["train.epochs=3", "train.epochs=4"], "--set train.epochs=4: `--set train.epochs=3` sets the same key"),
        (["train.epochs=3", "train={seed: 2}"], "--set train={seed: 2}: `--set train.epochs=3` sets the same key"),
    ],
)
def test_an_override_is_read_as_the_file_is(tmp_path: Path, overrides: list[str], said: str) -> None:
    (line,) = refused(tmp_path, TEXT, *overrides)
    assert line.startswith(said)


def test_words_that_yaml_1_1_takes_for_booleans_and_numbers_are_text_where_text_is_meant(tmp_path: Path) -> None:
    text = TEXT.replace("name: oak", "name: no").replace("name: elm", "name: 010").replace("[B1, B2]", "[on, 1:30]")
    config = loaded(tmp_path, text + "export: {seed: 0x1F}\nevaluate: {min_gain: 1e-3}\n")
    assert config.data.labels.class_names == ("no", "010")
    assert config.data.imagery.bands == ("on", "1:30")
    assert (config.export.seed, config.evaluate.min_gain) == (31, 0.001)


def test_anchors_and_merges_work_and_what_goes_over_them_is_not_twice(tmp_path: Path) -> None:
    text = TEXT.replace("train: {", "train: {<<: {epochs: 9, patience: 1}, ")
    assert loaded(tmp_path, text).train.epochs == 5
    assert loaded(tmp_path, text).train.patience == 1
    (said,) = refused(tmp_path, text.replace("{epochs: 9,", "{epochs: 9, filtres: 8,"))
    assert said.startswith("forests.yaml:10: train.filtres: unknown key")


def test_aliases_that_unfold_without_end_do_not_fill_a_message(tmp_path: Path) -> None:
    layers = ["x0: &x0 [1, 1]"] + [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 12)]
    lines = refused(tmp_path, TEXT + "\n".join(layers))
    assert len(lines) == 12
    assert all(len(line) < 400 for line in lines)


@given(st.text(max_size=60))
def test_any_text_is_a_document_or_a_document_error(text: str) -> None:
    try:
        read(text)
    except DocumentError as error:
        assert str(error)
