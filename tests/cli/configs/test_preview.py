"""`earthline preview`: what it shows is what a run takes."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio import Affine
from shapely.geometry import shape

from earthline.formats.manifest import SPLITS, Manifest
from earthline.reports import splits
from tests.conftest import Sandbox

from ..conftest import Shell

SIDE = 120
FOLDER = "projects/sandbox/assets/preview"
CONFIG = f"""\
name: previewed
data:
  imagery: {{image: {FOLDER}/scene, bands: [b1, b2, b3]}}
  labels:
    image: {FOLDER}/labels
    band: b1
    offset: [1, -1]
    classes:
      - {{name: wet <ground>, color: "#0000ff", values: [0]}}
      - {{name: dry, color: "#ffff00", values: [1]}}
      - {{name: far off, color: "#ff0000", values: [2]}}
export: {{patch_shape: [8, 8], block_shape: [20, 20], examples: {{train: 60, validation: 12, test: 20}}, seed: 3}}
train: {{model: {{depth: 1}}}}
serving: {{tile_shape: [32, 32], overlap: [8, 8], seams: allowed}}
"""
HOLED = """\
{"type": "Polygon", "coordinates": [
  [[16.2755, 45.1465], [16.2875, 45.1465], [16.2875, 45.1385], [16.2755, 45.1385], [16.2755, 45.1465]],
  [[16.2795, 45.1435], [16.2835, 45.1435], [16.2835, 45.1415], [16.2795, 45.1415], [16.2795, 45.1435]]]}
"""
# What a run takes, and what the preview counts, in one process that talks to the sandbox.
DRIVER = """
import json, sys
from pathlib import Path

from kfp import dsl

from components.export_examples import preview
from components.export_examples.run import run
from earthline.config import load
from earthline.earth_engine import connection, imagery

asked = []
settings = load(Path(sys.argv[1]))
connection.connect("sandbox")
import ee

compute, value = ee.data.computePixels, ee.data.computeValue
ee.data.computePixels = lambda params: asked.append(params) or compute(params)
ee.data.computeValue = lambda *a, **k: asked.append(None) or value(*a, **k)
seen = preview.look(settings.data, settings.export, imagery.grid(settings.data))
requests = len(asked)
pixels = sum(
    each["grid"]["dimensions"]["width"] * each["grid"]["dimensions"]["height"] for each in asked if each is not None
)
examples = dsl.Dataset(uri=sys.argv[2], metadata={})
run(
    data=settings.data.model_dump_json(),
    export=settings.export.model_dump_json(),
    project="sandbox",
    temp_location="",
    examples=examples,
)
print(
    json.dumps(
        {
            "requests": requests,
            "pixels": pixels,
            "areas": {split: area.__geo_interface__ for split, area in seen.selected.areas.items()},
            "patches": seen.selected.numbers,
            "rows": {row.name: [row.everywhere, *row.by_split.values()] for row in seen.rows},
            "notes": list(seen.notes),
        }
    )
)
"""


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Bands uint16 (3, SIDE, SIDE), 0 where masked, and labels uint8 (SIDE, SIDE), 255 where there is none."""
    rows, columns = np.indices((SIDE, SIDE))
    labels = (rows // 9 + columns // 9) % 2
    labels[3:14, 3:14] = 2
    labels[:, 70:74] = 255
    bands = np.stack([400 + 100 * labels, 300 + rows, 200 + columns])
    bands[:, 40:70, 90:] = 0
    return bands.astype(np.uint16), labels.astype(np.uint8)


@pytest.fixture(scope="module")
def folder(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("previewed")
    bands, labels = scene()
    for name, layers, nodata in (("scene", bands, 0), ("labels", labels[np.newaxis], 255)):
        path = folder / f"{name}.tif"
        profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": len(layers), "dtype": layers.dtype}
        transform = Affine(10, 0, 600_000, 0, -10, 5_000_000)
        with rasterio.open(path, "w", crs="EPSG:32633", transform=transform, nodata=nodata, **profile) as file:
            file.write(layers)
        sandbox.command("add", f"{FOLDER}/{name}", str(path), "--pyramiding", "MODE")
    (folder / "previewed.yaml").write_text(CONFIG)
    (folder / "holed.geojson").write_text(HOLED)
    return folder


@pytest.fixture(scope="module")
def seen(sandbox: Sandbox, folder: Path) -> Mapping[str, Any]:
    """What the preview and a run say of the same config."""
    done = sandbox.run(
        [sys.executable, "-c", DRIVER, str(folder / "previewed.yaml"), str(folder / "examples")], timeout=240
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def here(sandbox: Sandbox, folder: Path) -> Shell:
    return Shell(folder, sandbox)


def test_the_same_seed_gives_the_split_of_the_run(seen: Mapping[str, Any], folder: Path) -> None:
    manifest = Manifest.read(folder / "examples")
    for split in SPLITS:
        assert shape(seen["areas"][split]).equals_exact(shape(manifest.split_areas[split]), 0)
        assert seen["patches"][split] == manifest.splits[split].examples


def test_pixels_are_counted_where_a_split_may_have_patches(seen: Mapping[str, Any]) -> None:
    bands, labels = scene()
    # The label of imagery pixel (r, c) is read at (r + 1, c - 1).
    there = np.full((SIDE, SIDE), 255, np.uint8)
    there[:-1, 1:] = labels[1:, :-1]
    there[(bands == 0).any(axis=0)] = 255
    areas = {split: shape(seen["areas"][split]) for split in SPLITS}
    where = splits.owners(areas, (SIDE, SIDE), 1)
    for stratum, name in enumerate(("wet <ground>", "dry", "far off")):
        mine = there == stratum
        expected = [int(mine.sum()), *(int((mine & (where == place)).sum()) for place in range(3))]
        assert seen["rows"][name] == expected
        assert sum(expected[1:]) <= expected[0]


def test_what_the_run_warns_of_is_told_beforehand(seen: Mapping[str, Any]) -> None:
    assert any("far off" in note for note in seen["notes"])
    assert not any(note.startswith("export_examples") for note in seen["notes"])
    gone = (scene()[0] == 0).any(axis=0).mean()
    assert gone > 0.05
    assert f"{100 * gone:.0f} % of the region has no imagery: nothing is learned" in " ".join(seen["notes"])


def test_what_the_validation_will_say_of_few_labels_is_told_beforehand(seen: Mapping[str, Any]) -> None:
    counts = seen["rows"]["far off"][1:]
    assert 0 in counts, "the corner of one class lies in few blocks"
    for split, count in zip(SPLITS, counts, strict=True):
        said = [note for note in seen["notes"] if f"class 'far off' has no pixel in {split}: " in note]
        stops = [note for note in seen["notes"] if note.startswith("validation would stop the run: 'far off'")]
        assert bool(stops if split == "train" else said) == (count < (30 if split == "train" else 1))


def test_it_asks_little(seen: Mapping[str, Any]) -> None:
    assert seen["requests"] < 30
    assert seen["pixels"] <= 1_000_000


def test_the_page_needs_nothing_else_and_is_told(here: Shell) -> None:
    code, out, err = here.earthline("preview", "previewed.yaml")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "page: previewed-preview.html"
    assert re.search(r"^patches +60 +12 +20$", out, re.MULTILINE)
    page = (here.folder / "previewed-preview.html").read_text()
    assert re.findall(r"(?:src|href)=\"(?!data:)[^\"]*", page) == []
    assert page.count('<img src="data:image/png;base64,') == 3
    assert "wet &lt;ground&gt;" in page
    assert "<wet <ground>" not in page
    assert "36 blocks" in page
    assert "Labelled pixels" in page
    assert "To keep in mind" in page
    assert "far off" in out.split("note ")[1]


def test_a_region_is_outlined(here: Shell) -> None:
    code, out, err = here.earthline(
        "preview", "previewed.yaml", "--set", "data.region={file: holed.geojson}", "-o", "pages/holed.html"
    )
    assert (code, err) == (0, "")
    assert "page: pages/holed.html" in out
    assert "the red line is the region" in (here.folder / "pages" / "holed.html").read_text()


def test_points_are_counted_one_by_one(here: Shell) -> None:
    places = [(16.271 + 0.0015 * (n % 10), 45.1475 - 0.001 * (n // 10), ("wet", "dry")[n % 2]) for n in range(100)]
    lines = [f"{lon:.5f},{lat:.5f},{kind}" for lon, lat, kind in places]
    (here.folder / "points.csv").write_text("lon,lat,kind\n" + "\n".join(lines))
    labels = "{file: points.csv, field: kind, classes: [{name: wet, color: '#0000ff', values: [wet]}, "
    labels += "{name: dry, color: '#ffff00', values: [dry]}]}"
    code, out, err = here.earthline("preview", "previewed.yaml", "--set", f"data.labels={labels}", "-o", "points.html")
    assert (code, err) == (0, "")
    table = out[out.index("features of") :].splitlines()[1:3]
    counts = {line.split()[0]: [int(count) for count in line.split()[1:]] for line in table}
    on_grid = Transformer.from_crs("EPSG:4326", "EPSG:32633", always_xy=True)
    for wanted in ("wet", "dry"):
        spots = [on_grid.transform(lon, lat) for lon, lat, kind in places if kind == wanted]
        there = sum(0 < x - 600_000 < 10 * SIDE and 0 < 5_000_000 - y < 10 * SIDE for x, y in spots)
        assert 20 < there == sum(counts[wanted]) < 50
        for split, count in zip(SPLITS, counts[wanted], strict=True):
            few = f"class '{wanted}' has {count} points in {split}, fewer than 10"
            assert (few in out) == (split != "validation" and 0 < count < 10)
    assert "Points and polygons" in (here.folder / "points.html").read_text()


def test_examples_made_elsewhere_are_shown_as_a_run_would_take_them(tmp_path: Path) -> None:
    from tests.components import foreign

    for number in range(12):
        pictures = [foreign.picture(4 * number + index) for index in range(4)]
        foreign.write(tmp_path / f"part-{number:02}.tfrecord", [foreign.example(each) for each in pictures])
    content = {
        "name": "elsewhere",
        "data": foreign.data(files=["part-*.tfrecord"], split={"by": "file"}),
        "export": {"patch_shape": [foreign.SIDE, foreign.SIDE]},
        "train": {"model": {"depth": 1}},
        "serving": {"tile_shape": [32, 32], "overlap": [8, 8], "seams": "allowed"},
    }
    (tmp_path / "elsewhere.yaml").write_text(json.dumps(content))
    # Local files need no Earth Engine: no sandbox has this home.
    here = Shell(tmp_path, tmp_path / "nothing")
    code, out, err = here.earthline("preview", "elsewhere.yaml")
    assert (code, err) == (0, ""), err
    patches = [int(count) for count in re.findall(r"\d+", re.search(r"^patches .*$", out, re.MULTILINE)[0])]
    assert sum(patches) == 48 and all(count % 4 == 0 and count for count in patches)
    bright = [sum(int((foreign.picture(number)["cover"] == 7).sum()) for number in range(48))]
    counts = {
        line.split()[0]: [int(count.replace(",", "")) for count in line.split()[1:]] for line in out.splitlines()[1:3]
    }
    names = [each["name"] for each in foreign.CLASSES]
    assert [sum(counts[name]) for name in names] == [48 * foreign.SIDE**2 - bright[0], *bright]
    assert "leakage cannot be excluded" in out
    page = (tmp_path / "elsewhere-preview.html").read_text()
    assert page.count('<img src="data:image/png;base64,') == 3
    assert "split by file, 12 files" in page
    code, _, err = here.earthline("preview", "elsewhere.yaml", "--set", "data.examples.files=[no-*.tfrecord]")
    assert code == 2 and "no-*.tfrecord matches no file" in err
    assert not (tmp_path / "nothing").exists()


def test_single_pixels_become_spots() -> None:
    picture = np.zeros((6, 7, 3), np.uint8)
    picture[1, 1] = picture[5, 6] = 9
    there = picture[..., 0] > 0
    drawn = splits.spotted(picture, there, 1)[..., 0]
    assert np.argwhere(drawn == 9).tolist() == [
        *([row, column] for row in range(3) for column in range(3)),
        *([row, column] for row in (4, 5) for column in (5, 6)),
    ]


def test_what_would_fail_is_said_and_shown_all_the_same(here: Shell) -> None:
    code, out, _ = here.earthline("preview", "previewed.yaml", "--set", "export.block_shape=[90, 90]", "-o", "few.html")
    assert code == 2
    assert "export.block_shape: empty split" in out
    page = (here.folder / "few.html").read_text()
    assert "The export would fail:" in page
    assert page.count('<img src="data:image/png;base64,') == 2


def test_without_imagery_there_is_no_page(here: Shell) -> None:
    code, out, err = here.earthline("preview", "previewed.yaml", "--set", "data.imagery.bands=[b9]", "-o", "no.html")
    assert (code, err) == (2, "")
    assert "data.imagery.bands: b9 not in" in out
    assert out.splitlines()[-1] == "no page: imagery has to be right first"
    assert not (here.folder / "no.html").exists()


def test_a_pixel_of_a_thinned_picture_is_of_the_split_at_its_centre() -> None:
    areas = {"train": shape({"type": "Polygon", "coordinates": [[[0, 0], [7, 0], [7, 8], [0, 8], [0, 0]]]})}
    # Pixels of 4 x 4: the second one's centre is at 6.
    assert splits.owners(areas, (2, 3), 4).tolist() == [[0, 0, splits.NONE]] * 2
    assert (splits.owners({}, (2, 3), 4) == splits.NONE).all()
