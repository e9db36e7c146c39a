"""`earthline init`: what it writes is a config that passes `check`, and nothing is ever lost."""

import os
import pty
import re
import select
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import geopandas
import numpy as np
import pandas
import pyogrio
import pytest
import rasterio
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from rasterio import Affine

from cli.app import main
from cli.drafts import usual_colors
from cli.drafts.answers import Answers, DraftError
from cli.drafts.classes import DraftClass, Known, drafted, known, near
from cli.drafts.text import Draft, written
from earthline import config
from tests.conftest import Sandbox

from ..conftest import Shell

SHAPE = (200, 240)
FOLDER = "projects/sandbox/assets/init"
FLAGS = ("--image", f"{FOLDER}/valley/image", "--labels", f"{FOLDER}/valley/cover")
KNOWN = (*FLAGS, "--bands", "red", "--label-band", "cover")
DATES = ("--start", "2021-01-01", "--end", "2022-01-01")
TEXT = """\
# valley: written by `earthline init`. Change what you like; `earthline check` says what is wrong.
#
#   earthline check valley.yaml     is everything there?
#   earthline preview valley.yaml   imagery, labels and splits on one page
#   earthline run valley.yaml       from here to the map
name: valley

environment:
  target: sandbox  # Google on this machine: no account, no cost

data:
  imagery:  # 200 x 240 pixels of EPSG:32633
    image: projects/sandbox/assets/init/valley/image
    bands: [red, nir]  # what the model sees, in this order
    data_type: int16  # the smallest that holds every value
  labels:
    image: projects/sandbox/assets/init/valley/cover
    band: cover
    classes:  # in maps and metrics; several values may mean one class: values: [2, 3]
      - {name: class 0, color: "#e69f00", values: [0]}  # 23,760 pixels
      - {name: forest, color: "#009e73", values: [4]}  # 11,880 pixels
      - {name: "lake: deep", color: "#0072b2", values: [9]}  # 11,880 pixels

export:
  patch_shape: [16, 16]  # one training example, in pixels (height, width)
  block_shape: [48, 48]  # 20 blocks, dealt to the splits as a whole
  examples: {train: 190, validation: 40, test: 70}  # at most; twice the ground of a split where that is less

train:
  model:  # each of these is trained; the cheapest that is as good as the best makes the map
    name: auto
    candidates:
      - {name: random_forest}
      - {name: gradient_boosting}
      - {name: unet, depth: 1}  # sees 9 pixels in each direction
"""


def save(path: Path, layers: np.ndarray, names: tuple[str, ...], nodata: int | None = None) -> str:
    profile = {"driver": "GTiff", "count": len(layers), "dtype": layers.dtype, "crs": "EPSG:32633", "nodata": nodata}
    transform = Affine(10, 0, 600_000, 0, -10, 5_000_000)
    with rasterio.open(path, "w", height=SHAPE[0], width=SHAPE[1], transform=transform, **profile) as file:
        file.write(layers)
        file.descriptions = names
    return str(path)


@pytest.fixture(scope="module")
def scene(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    folder = tmp_path_factory.mktemp("init")
    rows, columns = np.indices(SHAPE)
    cover = np.array([0, 4, 0, 9], np.uint8)[(rows // 10 + columns // 10) % 4]
    cover[:2] = 255
    bands = np.stack([300 * cover.astype(np.int16) - 5 + rows, 2000 - columns, columns % 7]).astype(np.int16)
    image = save(folder / "image.tif", bands, ("red", "nir", "QA"))
    sandbox.command("add", f"{FOLDER}/valley/image", image)
    labels = save(folder / "labels.tif", cover[np.newaxis], ("cover",), nodata=255)
    clouds = np.where(columns < 40, 22280, 21824)
    optical = save(folder / "optical.tif", np.stack([7000 + rows, clouds]).astype(np.uint16), ("SR_B4", "QA_PIXEL"))
    sandbox.command("add", f"{FOLDER}/optical", optical, "--pyramiding", "QA_PIXEL=MODE")
    height = np.where(cover == 255, np.nan, 0.125 * cover + rows / 8).astype(np.float32)
    height[2:4] = -9999
    sandbox.command("add", f"{FOLDER}/valley/height", save(folder / "height.tif", height[np.newaxis], ("height",)))
    series = folder / "series"
    series.mkdir()
    save(series / "one_2021-05-01.tif", bands[:2], ("red", "nir"))
    save(series / "two_2021-07-01.tif", bands[:2] + 9, ("red", "nir"))
    sandbox.command("add", f"{FOLDER}/series", str(series))
    plane = (rows + 2 * columns)[np.newaxis].astype(np.float32)
    tile = save(folder / "tile.tif", plane, ("DEM",))
    sandbox.command("add", "COPERNICUS/DEM/GLO30/init_0", tile, "--bands", "DEM")
    said = ("--property", "cover_class_values=[4, 9]", "--property", 'cover_class_names=["forest", "lake: deep"]')
    sandbox.command("add", f"{FOLDER}/valley/cover", labels, "--pyramiding", "MODE", *said)
    return sandbox


@pytest.fixture
def here(scene: Sandbox, tmp_path: Path) -> Shell:
    return Shell(tmp_path, scene)


def test_a_look_at_the_data_is_enough_for_a_config_that_passes(here: Shell) -> None:
    code, out, err = here.earthline("init", *FLAGS)
    assert (code, err) == (0, "")
    path = here.folder / "valley.yaml"
    assert path.read_text() == TEXT
    assert out.splitlines()[0] == "✓ valley.yaml is written"
    assert "edit data.labels.classes: words instead of class 0" in out
    assert "where 0 means no label" in out
    assert out.splitlines()[-1] == "next: earthline preview valley.yaml"
    code, checked, err = here.earthline("check", "valley.yaml")
    assert (code, err) == (0, "")
    assert "✗" not in checked
    assert "all 3 values have a class" in checked


REGION = ("--region", "16.272,45.132,16.296,45.148", "--scale", "10")


@pytest.mark.parametrize(
    ("flags", "imagery"),
    [
        (
            ("--collection", f"{FOLDER}/series", *DATES),
            {
                "collection": f"{FOLDER}/series",
                "bands": ["red", "nir"],
                "start": date(2021, 1, 1),
                "end": date(2022, 1, 1),
                "data_type": "float32",
            },
        ),
        (("--ready", "copernicus_dem"), {"ready": "copernicus_dem", "data_type": "float32"}),
    ],
)
def test_a_collection_and_a_ready_source_are_looked_at(
    here: Shell, flags: tuple[str, ...], imagery: dict[str, object]
) -> None:
    code, out, err = here.earthline("init", "mine.yaml", *flags, *FLAGS[2:], *REGION)
    assert (code, err) == (0, ""), out
    content = yaml.safe_load((here.folder / "mine.yaml").read_text())
    assert content["data"]["imagery"] == imagery
    assert [each["values"] for each in content["data"]["labels"]["classes"]] == [[0], [4], [9]]
    code, checked, err = here.earthline("check", "mine.yaml")
    assert (code, err) == (0, "") and "✗" not in checked
    assert "16.272" not in err and "UTM zone 33N (EPSG:32633)" in checked


def test_clouds_are_masked_by_the_band_of_quality_of_a_single_image(here: Shell) -> None:
    code, out, err = here.earthline("init", "m.yaml", "--image", f"{FOLDER}/optical", "--labels", *FLAGS[3:])
    assert (code, err) == (0, ""), out
    assert yaml.safe_load((here.folder / "m.yaml").read_text())["data"]["imagery"] == {
        "image": f"{FOLDER}/optical",
        "bands": ["SR_B4"],
        "cloud_mask": "landsat_qa",
        "data_type": "uint16",
    }


def test_a_file_is_written_over_by_force_alone(here: Shell) -> None:
    path = here.folder / "mine.yaml"
    path.write_text("precious")
    code, out, err = here.earthline("init", "mine.yaml", *FLAGS)
    assert (code, out) == (2, "")
    assert err == "error: mine.yaml is there already; --force writes over it, or name another file\n"
    assert path.read_text() == "precious"
    blind = ("--force", "--offline", "--bands", "red", "--label-band", "cover")
    assert here.earthline("init", "mine.yaml", *blind, *FLAGS)[0] == 0
    assert config.load(path).data.imagery.band_names == ("red",)


WRONG = [
    ((), "--image (or --collection, or --ready), --labels (or --labels-file); give them as flags, or start"),
    (("--target", "cloud", *FLAGS), "not given: --project, --bucket;"),
    (("--collection", "A/B", "--labels", "a/b"), "not given: --start, --end, --region;"),
    (("--labels-file", "x.csv", "--image", "a/b"), "not given: --field; give it as flags"),
    (FLAGS, "not given: --bands, --label-band; give them as flags, or let Earth Engine be asked"),
    (("--ready", "sentinel9", "--labels", "a/b"), "--ready: 'sentinel9' is no ready source; known here: sentinel2"),
    (("--target", "moon"), "--target: 'moon' is neither sandbox nor cloud"),
    (("--image", "a/b", "--collection", "a/c"), "--image and --collection: give one of them"),
    ((*KNOWN, "--labels-file", "labels.csv"), "--labels and --labels-file: give one of them"),
    (("--image", "my scene.tif"), "`earthline sandbox add projects/sandbox/assets/my_scene 'my scene.tif'`"),
    (("--image", "a/b", "--labels", "cover.TIF"), "assets/cover cover.TIF --pyramiding MODE`"),
    (("--image", "a/b", "--labels", "points.csv"), "points.csv is a file with points or polygons; give it by --labels"),
    ((*KNOWN, "--region", "Bavaria"), "--region: 'Bavaria' is no rectangle, file or table"),
    ((*KNOWN, "--region", "no.geojson"), "--region: no.geojson is not there"),
    ((*KNOWN, "--name", "Big Map"), "name: 'Big Map' is not allowed"),
    ((*KNOWN, "--crs", "EPSG:1"), "EPSG:1 is no CRS that PROJ knows"),
]


@pytest.mark.parametrize(("flags", "words"), WRONG)
def test_what_is_missing_or_wrong_is_said_by_its_flag(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    flags: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["earthline", "init", "--offline", *flags])
    with pytest.raises(SystemExit) as caught:
        main()
    told = capsys.readouterr()
    assert (caught.value.code, told.out) == (2, "")
    assert words in told.err
    assert "unexpected" not in told.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--image", f"{FOLDER}/no", "--labels", "a/b"), f"--image: {FOLDER}/no is not there"),
        (
            ("--collection", f"{FOLDER}/valley/image", "--labels", "a/b", "--region", "1,2,3,4", *DATES),
            "is an asset of type IMAGE; use --image",
        ),
        ((*FLAGS, "--bands", "red,green"), "--bands: green not in"),
        ((*FLAGS, "--region", "15,44,15.1,44.1"), "lies outside the imagery"),
        (("--image", f"{FOLDER}/valley/image", "--labels", f"{FOLDER}/valley/image"), "not given: --label-band"),
    ],
)
def test_what_earth_engine_does_not_have_is_said_by_its_flag(here: Shell, flags: tuple[str, ...], words: str) -> None:
    code, out, err = here.earthline("init", *flags)
    assert (code, out) == (2, "")
    assert words in err
    assert list(here.folder.iterdir()) == []


def test_without_earth_engine_placeholders_are_said(here: Shell) -> None:
    flags = ("--project", "my-project", "--bucket", "gs://my-bucket", "--ready", "sentinel2", "--start", "2021-04-01")
    more = ("--end", "2021-10-01", "--region", "10.5,45.3,11,45.8", "--labels", "a/b", "--label-band", "Map")
    code, out, err = here.earthline("init", "lake.yaml", "--offline", "--name", "lake", *flags, *more)
    assert (code, err) == (0, "")
    assert "- Earth Engine was not asked" in out
    edits = [line.split()[1] for line in out.splitlines() if line.startswith("  edit ")]
    assert sorted(edits) == ["data.labels.classes:", "environment.image:", "export:"]
    settings = config.load(here.folder / "lake.yaml")
    assert (settings.environment.target, settings.environment.bucket) == ("cloud", "my-bucket")
    assert settings.data.imagery.data_type == "auto"
    assert "    start: 2021-04-01\n" in (here.folder / "lake.yaml").read_text()
    assert (settings.data.crs, settings.data.scale) == ("EPSG:32632", 10)
    assert "UTM zone 32N" in (here.folder / "lake.yaml").read_text()
    assert here.earthline("check", "lake.yaml", "--offline")[0] == 0


def test_points_of_a_file_become_classes_by_their_words(here: Shell) -> None:
    (here.folder / "field").mkdir()
    lines = [f"{15 + place / 500},{45.15 - place / 600},{('wet meadow', 'Wald')[place % 2]}" for place in range(40)]
    (here.folder / "field" / "points.csv").write_text("lon,lat,kind\n" + "\n".join(lines))
    flags = ("--image", f"{FOLDER}/valley/image", "--labels-file", "field/points.csv", "--field", "kind", "--offline")
    code, out, err = here.earthline("init", "maps/meadow.yaml", "--bands", "red,nir", *flags)
    assert (code, err) == (0, "")
    text = (here.folder / "maps" / "meadow.yaml").read_text()
    assert '    file: "../field/points.csv"\n' in text
    assert '      - {name: Wald, color: "#009e73", values: [Wald]}  # 20 features\n' in text
    labels = config.load(here.folder / "maps" / "meadow.yaml").data.labels
    assert labels.class_names == ("Wald", "wet meadow")
    assert "edit data.labels.classes" not in out


def test_a_word_in_capitals_or_with_a_blank_is_no_class_of_its_own(here: Shell) -> None:
    words = ("Wald", "WALD", "Wald ", "See", " see")
    lines = [f"{15 + place / 500};{45.15 - place / 600};{words[place % 5]}".replace(".", ",") for place in range(40)]
    (here.folder / "points.csv").write_text("lon;lat;kind \n" + "\n".join(lines))
    flags = ("--image", f"{FOLDER}/valley/image", "--bands", "red,nir", "--labels-file", "points.csv", "--offline")
    code, out, err = here.earthline("init", "wald.yaml", *flags, "--field", "kind")
    assert (code, err) == (0, "")
    assert "words that differ by capital letters alone are one class (See, see)" in out
    text = (here.folder / "wald.yaml").read_text()
    assert "values: [See, see]}  # 16 features" in text and "values: [Wald, WALD]}  # 24 features" in text
    found = config.load(here.folder / "wald.yaml").data.labels
    assert found.class_names == ("See", "Wald")
    assert np.bincount(found.held.values).tolist() == [16, 24]


def test_one_of_several_layers_is_named(here: Shell) -> None:
    points = geopandas.points_from_xy([15 + place / 500 for place in range(20)], [45.15] * 20, crs="EPSG:4326")
    for layer, words in (("old", ("See", "Wald")), ("new", ("lac", "for\u00eat"))):
        table = geopandas.GeoDataFrame({"kind": [words[place % 2] for place in range(20)]}, geometry=points)
        table.to_file(here.folder / "labels.gpkg", layer=layer)
    pyogrio.write_dataframe(pandas.DataFrame({"style": ["red"]}), here.folder / "labels.gpkg", layer="layer_styles")
    flags = ("--image", f"{FOLDER}/valley/image", "--bands", "red,nir", "--offline", "--field", "kind")
    file = ("--labels-file", "labels.gpkg")
    assert "has several layers (old, new); name one by --layer" in here.earthline("init", "a.yaml", *flags, *file)[2]
    assert "no layer 'newest'" in here.earthline("init", "a.yaml", *flags, *file, "--layer", "newest")[2]
    assert "give the file by --labels-file" in here.earthline("init", "a.yaml", *FLAGS, "--layer", "new")[2]
    code, _, err = here.earthline("init", "a.yaml", *flags, *file, "--layer", "new")
    assert (code, err) == (0, "")
    found = config.load(here.folder / "a.yaml").data.labels
    assert found.class_names == ("for\u00eat", "lac") and np.bincount(found.held.values).tolist() == [10, 10]


def test_a_word_that_may_be_a_slip_is_told_and_stays_what_it_is() -> None:
    counts = {"Forêt": 20, "Foret": 9, "Cultures": 12, "Culture": 2, "plot 1": 9, "plot 2": 1, "mare": 9, "marne": 8}
    found = drafted({"Fore\u0302t": 1, **counts}, Known(), "it")
    assert [(few.value, many.value) for few, many in near(found)] == [("Foret", "Forêt"), ("Culture", "Cultures")]
    by_name = {each.name: each for each in found}
    assert by_name["Forêt"].count == 21
    assert by_name["Forêt"].color == "#009e73" != by_name["Foret"].color


def test_a_raster_with_fractions_becomes_a_value_with_its_range(here: Shell) -> None:
    flags = ("--image", f"{FOLDER}/valley/image", "--labels", f"{FOLDER}/valley/height", "--unit", "m")
    code, out, err = here.earthline("init", "trees.yaml", *flags)
    assert (code, err) == (0, "")
    value = config.load(here.folder / "trees.yaml").data.labels.value
    assert (value.name, value.unit, value.range) == ("height", "m", (0, 30)) and len(value.breaks) == 4
    text = (here.folder / "trees.yaml").read_text()
    assert "    value:  # a continuous value: the model learns numbers, not classes\n      name: height\n" in text
    assert "    ignore: [-9999]  # taken for no label; remove what is one\n" in text
    assert "range: [0, 30]  # labels hold 0.5 to 26; none may lie outside" in text
    assert "a continuous value: height, 0 to 30 m" in out and "edit" not in out
    code, checked, err = here.earthline("check", "trees.yaml")
    assert (code, err) == (0, "") and "✗" not in checked
    assert "values from 0.5 to 26 m; nine in ten from" in checked


def test_fractions_of_a_file_are_a_value_and_whole_numbers_if_one_says_so(here: Shell) -> None:
    lines = [f"{15 + place / 500},{45.15 - place / 600},{place / 4},{place}" for place in range(41)]
    (here.folder / "plots.csv").write_text("lon,lat,biomass,count\n" + "\n".join(lines))
    flags = ("--image", f"{FOLDER}/valley/image", "--labels-file", "plots.csv", "--bands", "red", "--offline")
    code, out, err = here.earthline("init", "a.yaml", *flags, "--field", "biomass")
    assert (code, err) == (0, "") and "add the `unit` of biomass" in out
    value = config.load(here.folder / "a.yaml").data.labels.value
    assert (value.name, value.range, value.breaks) == ("biomass", (0, 10), (2.5, 5, 7.5, 9.5))
    named = ("--field", "count", "--value", "stems", "--unit", "1/ha")
    code, _, err = here.earthline("init", "b.yaml", *flags, *named)
    assert (code, err) == (0, "")
    value = config.load(here.folder / "b.yaml").data.labels.value
    assert (value.name, value.unit, value.range) == ("stems", "1/ha", (0, 40))


def test_what_means_no_value_is_ignored_and_a_slip_of_the_unit_is_told(here: Shell) -> None:
    cells = ["NA", "-9999", "-9999", "", "9250.0", *(f"{place / 4}" for place in range(41))]
    lines = [f"{15 + place / 500},{45.15 - place / 600},{cell}" for place, cell in enumerate(cells)]
    (here.folder / "plots.csv").write_text("lon,lat,biomass\n" + "\n".join(lines))
    flags = ("--image", f"{FOLDER}/valley/image", "--labels-file", "plots.csv", "--bands", "red", "--offline")
    code, out, err = here.earthline("init", "a.yaml", *flags, "--field", "biomass", "--unit", "Mg/ha")
    assert (code, err) == (0, "")
    assert "    ignore: [-9999, NA]  # taken for no label; remove what is one\n" in (here.folder / "a.yaml").read_text()
    assert "9250 lies far from all other labels (half of them from 2.5 to 7.75)" in out
    found = config.load(here.folder / "a.yaml").data.labels
    assert found.value.range == (0, 9500) and found.value.breaks == (2.5, 5, 7.75, 9.75)
    assert len(found.held) == 42
    words = [f"{15 + place / 500},45.1,{('1.5', 'wood')[place % 2]}" for place in range(20)]
    (here.folder / "plots.csv").write_text("lon,lat,biomass\n" + "\n".join(words))
    code, out, err = here.earthline("init", "b.yaml", *flags, "--field", "biomass", "--value", "biomass")
    assert code == 2 and "holds 'wood', which is no number" in err


def test_on_a_terminal_it_asks_for_what_no_flag_said(here: Shell) -> None:
    imagery = ["image", "scene.tif", f"{FOLDER}/valley/image"]
    answers = iter(["", *imagery, "", "no.csv", f"{FOLDER}/valley/cover", "no name!", "asked"])
    told = _on_a_terminal(here, ["init"], answers)
    assert "scene.tif is a file, and Earth Engine reads assets" in told and "no.csv is not there" in told
    assert "Bands, with commas between them (red,nir)" in told
    assert "3 to 42 lower-case letters" in told
    assert next(answers, None) is None
    text = (here.folder / "asked.yaml").read_text()
    assert text == TEXT.replace("valley.yaml", "asked.yaml").replace("# valley:", "# asked:").replace(
        "name: valley", "name: asked"
    )


def _on_a_terminal(shell: Shell, arguments: list[str], answers: Iterator[str]) -> str:
    """Runs the command line on a terminal of its own; gives all that it showed, without colours and moves."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(shell.folder)
        variables = {**shell.variables, "TERM": "xterm", "COLUMNS": "160"}
        os.execve(sys.executable, [sys.executable, "-m", "cli", *arguments], variables)
    told, answered, ends = b"", 0, time.monotonic() + 120
    while time.monotonic() < ends:
        if select.select([terminal], [], [], 0.3)[0]:
            try:
                told += os.read(terminal, 65536)
            except OSError:  # its end is closed
                break
        elif told[answered:].endswith(b": "):
            answered = len(told)
            os.write(terminal, next(answers).encode() + b"\n")
    os.waitpid(process, 0)
    os.close(terminal)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told.decode())


def test_names_and_colours_come_from_the_assets_properties() -> None:
    properties = {
        "Map_class_values": [10, 20, 30],
        "Map_class_names": ["Tree cover", "tree cover", "Water"],
        "Map_class_palette": ["006400", "FFBB22", "no"],
        "other": 1,
    }
    found = drafted({10.0: 5, 20.0: 6, 40.0: 7}, known(properties, "Map"), "labels")
    assert [each.name for each in found] == ["Tree cover", "tree cover (20)", "class 40"]
    assert [each.color for each in found] == ["#006400", "#ffbb22", "#009e73"]
    assert [each.count for each in found] == [5, 6, 7]


@pytest.mark.parametrize(
    ("properties"),
    [{}, {"b_class_names": ["a"]}, {"b_class_values": [1, 2], "b_class_names": ["a"]}, {"b_class_values": "12"}],
)
def test_properties_that_do_not_fit_together_say_nothing(properties: dict[str, object]) -> None:
    assert known(properties, "b") == Known()


@pytest.mark.parametrize(
    ("values", "words"),
    [([0.5, 1.0], "numbers with fractions (0.5"), ([3.0], "holds 1 value(s): 3"), ([], "holds no value"),
     (list(range(300)), "holds 300 value(s)")],
)  # fmt: skip
def test_values_that_are_no_classes_are_refused(values: list[float], words: str) -> None:
    with pytest.raises(DraftError) as caught:
        drafted(dict.fromkeys(values, 1.0), Known(), "the band b")
    assert words in str(caught.value)


def test_a_class_has_the_colour_that_maps_usually_give_it() -> None:
    names = ("Bare", "Native forest", "Open sea", "Sown field", "Tree crops", "Lake")
    said = Known(names=dict(enumerate(names)), colors={0: "#e69f00"})
    found = {each.name: each.color for each in drafted(dict.fromkeys(range(6), 1.0), said, "labels")}
    assert found["Bare"] == "#e69f00", "what the labels say goes first"
    assert (found["Native forest"], found["Open sea"]) == ("#009e73", "#0072b2")
    assert len(set(found.values())) == 6, "a usual colour that is taken is not given twice"
    names = ("Prés & pâturages", "FORÊT", "Eau", "Tourbière", "Gewässer", "Grünland", "Urbano", "Nuage")
    colors = ["#f0e442", "#009e73", "#0072b2", "#56b4e9", "#0072b2", "#f0e442", "#d55e00", None]
    assert [usual_colors.color(name) for name in names] == colors


def test_many_classes_have_many_colours() -> None:
    colors = [each.color for each in drafted(dict.fromkeys(range(200), 1.0), Known(), "labels")]
    assert len(set(colors)) == 200


@example(["0000-00-00", "yes"])
@given(st.lists(st.text(min_size=1, max_size=70), min_size=2, max_size=6, unique=True))
def test_any_words_are_written_so_that_yaml_reads_them_back(words: list[str]) -> None:
    words = [word for word in words if word.strip()] or ["a"]
    classes = tuple(
        DraftClass(f"class {place}", "#000000", "".join(filter(str.isprintable, word)) or "x", None)
        for place, word in enumerate(words)
    )
    draft = Draft(
        name="words",
        environment={"target": "sandbox"},
        imagery={"image": "a/b", "bands": [f"B{number}" for number in range(64)]},
        labels={"table": "a/c", "field": words[0].strip().splitlines()[0] if words[0].strip() else "f"},
        classes=classes,
        counted="features",
        place={"scale": 0.5, "region": {"west": -1.0, "south": 2.5}},
        export={},
        model={"name": "auto", "candidates": [{"name": "random_forest"}, {"name": "unet", "depth": 1}]},
        remarks={"data.labels.classes": "a remark", "train.model.network": "another"},
    )
    assert yaml.safe_load(written(draft, "a file.yaml")) == draft.content()


@pytest.mark.parametrize(
    ("image", "name"),
    [("projects/p/assets/virginia/image", "virginia"), ("users/me/My Scene_2", "my-scene-2"), ("a/7", "map-7")],
)
def test_a_workflow_is_called_after_its_imagery(image: str, name: str) -> None:
    answers = Answers(image=image)
    answers.settle(None)
    assert answers.name == name
    other = Answers(image=image)
    other.settle(Path("maps/wet_land.yaml"))
    assert other.name == "wet-land"
