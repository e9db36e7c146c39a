"""What Earth Engine says of a config's data, and the pixels of the one imagery definition: small rasters, real wire."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

SIDE = 48
FOLDER = "projects/sandbox/assets/verification"
SCRIPT = """
import json, sys
import ee, numpy as np
from earthline.earth_engine import connection, imagery, verification
from earthline.config import BoundingBox, Data
from earthline.formats.served.contract import VALID_BAND

connection.connect("sandbox")
ROOT = "projects/sandbox/assets/verification"
said = {}


def data(image, bands, data_type="float32", label="classes", values=((1,), (2,), (3,)), **parts):
    source = image if isinstance(image, dict) else {"image": f"{ROOT}/{image}"}
    return Data.model_validate({
        "imagery": {**source, "bands": bands, "data_type": data_type},
        "labels": {"image": f"{ROOT}/{label}", "band": "b1", **parts.pop("labels", {}), "classes": [
            {"name": f"class {index}", "color": "#123456", "values": each} for index, each in enumerate(values)]},
        **parts})


def verified(name, section, **options):
    try:
        verification.verify(section, **options)
        said[name] = "accepted"
    except imagery.ImageryError as error:
        said[name] = str(error)


def fetched(image, section):
    request = {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": imagery.grid(section).to_request()}
    return ee.data.computePixels(request)


verified("decibel as uint16", data("decibel", ["vv"], "uint16"))
verified("decibel as int16", data("decibel", ["vv"], "int16"))
verified("decibel as float32", data("decibel", ["vv"]))
verified("reflectance as uint16", data("reflectance", ["red", "nir"], "uint16"))
verified("12 bits as uint8", data("numbers", ["label"], "uint8"))
verified("12 bits as uint16", data("numbers", ["label", "seen"], "uint16"))
verified("labels with NaN", data("numbers", ["label"], "uint16", "not_numbers"))
verified("fractions as labels", data("numbers", ["label"], "uint16", "fractions"))
verified("unknown labels", data("numbers", ["label"], "uint16", values=((1,), (2,))))
verified("ignored labels", data("numbers", ["label"], "uint16", values=((1,), (2,)), labels={"ignore": [3]}))
verified("outside", data("numbers", ["label"], "uint16"),
         predict_region=BoundingBox(west=20, south=10, east=20.1, north=10.1))
verified("east of 180", data("longitudes", ["b1"], "uint8"))
region = {"west": 10.26, "south": 45.14, "east": 10.28, "north": 45.15}
scenes = {"collection": f"{ROOT}/scenes", "start": "2021-01-01", "end": "2022-01-01", "max_cloud_percent": 20}
grid = {"region": region, "crs": "EPSG:32632", "scale": 10}
verified("no share of cloud", data(scenes, ["b1"], "uint8", **grid))
named = {**scenes, "cloud_property": "haze"}
verified("share of cloud", data(named, ["b1"], "uint8", **grid, values=((1,), (2,), (3,))))
said["clear scenes"] = imagery.scenes(data(named, ["b1"], "uint8", **grid)).aggregate_array("haze").getInfo()
verified("too cloudy", data({**named, "max_cloud_percent": 1}, ["b1"], "uint8", **grid))
verified("other dates", data({**scenes, "start": "2019-01-01", "end": "2020-01-01"}, ["b1"], "uint8", **grid))

fine = data("numbers", ["label"], "uint16", "fine", values=((1,), (2,), (3,)))
said["fine"] = np.unique(fetched(imagery.labels(fine), fine)[imagery.LABEL_BAND]).tolist()
holed = data("holed", ["a", "b"])
there = fetched(imagery.network_input(holed), holed)
said["input bands"] = list(there.dtype.names)
said["valid"] = there[VALID_BAND].astype(int).tolist()
said["finite"] = bool(all(np.isfinite(there[band]).all() for band in there.dtype.names))
said["zero"] = [float(there[band][0, 0]) for band in there.dtype.names]
odd = data("numbers", ["label", "seen"], "uint16")
there = fetched(imagery.image(odd).addBands(imagery.labels(odd)).addBands(imagery.valid(odd)), odd)
said["own names"] = [there.dtype.names, int(there["label"].max()), int(there[imagery.LABEL_BAND].max())]
print("SAID" + json.dumps(said))
"""


def placed(left: float, top: float, scale: float) -> Affine:
    return Affine(scale, 0, left, 0, -scale, top)


def write(path: Path, *bands: np.ndarray[Any, Any], transform: Affine | None = None, crs: str = "EPSG:32632") -> Path:
    height, width = bands[0].shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=height,
        width=width,
        dtype=bands[0].dtype,
        crs=crs,
        transform=transform or placed(600000, 5000000, 10),
    ) as file:
        file.write(np.stack(bands))
    return path


@pytest.fixture(scope="module")
def said(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    folder = tmp_path_factory.mktemp("rasters")
    random = np.random.default_rng(1)
    noise = random.random((SIDE, SIDE))
    classes = np.kron(random.integers(1, 4, (8, 8)), np.ones((6, 6))).astype(np.uint8)
    holed = (1 + noise).astype(np.float32)
    holed[0, 0] = 0
    other = holed.copy()
    holed[5, 6], other[7, 8], other[9, 9] = np.nan, np.inf, -np.inf
    labels = classes.astype(np.float32)
    with_nan = labels.copy()
    with_nan[:4] = np.nan
    rasters = {
        "decibel": (["vv"], [(-25 + 29 * noise).astype(np.float32)]),
        "reflectance": (["red", "nir"], [noise.astype(np.float32), (1.2 * noise).astype(np.float32)]),
        "numbers": (["label", "seen"], [(4000 * noise).astype(np.uint16), (90 * noise).astype(np.uint16)]),
        "holed": (["a", "b"], [holed, other]),
        "classes": (["b1"], [classes]),
        "not_numbers": (["b1"], [with_nan]),
        "fractions": (["b1"], [labels / 2]),
    }
    for name, (names, bands) in rasters.items():
        sandbox.command(
            "add", f"{FOLDER}/{name}", str(write(folder / f"{name}.tif", *bands)), "--bands", *[",".join(names)]
        )
    # 2.5 m under 10 m, water and forest mixed within most pixels: their mean is another class.
    fine = np.where(random.random((4 * SIDE, 4 * SIDE)) < 0.5, 1, 3).astype(np.uint8)
    path = write(folder / "fine.tif", fine, transform=placed(600000, 5000000, 2.5))
    sandbox.command("add", f"{FOLDER}/fine", str(path), "--bands", "b1")
    east = write(folder / "east.tif", classes, transform=placed(230, 40, 0.1), crs="EPSG:4326")
    sandbox.command("add", f"{FOLDER}/longitudes", str(east), "--bands", "b1")
    scene = write(folder / "scene.tif", classes)
    sandbox.python(
        f"""
import ee
ee.Initialize(project="sandbox")
ee.data.createAsset({{"type": "IMAGE_COLLECTION"}}, "{FOLDER}/scenes")
"""
    )
    for name, haze in (("first", 5), ("second", 50)):
        sandbox.command("add", f"{FOLDER}/scenes/{name}", str(scene), "--bands", "b1")
        sandbox.python(
            f"""
import ee
ee.Initialize(project="sandbox")
asset = "{FOLDER}/scenes/{name}"
ee.data.updateAsset(asset, {{"properties": {{"haze": {haze}}}, "startTime": "2021-05-0{haze % 9}T00:00:00Z"}},
                    ["properties.haze", "start_time"])
"""
        )
    answer = sandbox.python(SCRIPT)
    content: Mapping[str, Any] = json.loads(answer.partition("SAID")[2])
    return content


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("decibel as uint16", ["data.imagery.data_type: uint16 holds 0 to 65,535, and vv runs from -2", "use float32"]),
        ("reflectance as uint16", ["whole numbers alone, and red runs from ", "nir runs from ", "use float32"]),
        ("12 bits as uint8", ["uint8 holds 0 to 255, and label runs from", "% of its pixels would be cut; use uint16"]),
        ("fractions as labels", ["no whole numbers: 0.5 (", "1.5 (", "image.multiply(10).round()"]),
        ("unknown labels", ["data.labels.classes:", "values of no class: 3 (", "data.labels.ignore"]),
        ("outside", ["predict.region: (20, 10, 20.1, 10.1) lies outside the imagery"]),
        ("east of 180", ["longitudes of", "run from 230 to 234.8", "subtract 360"]),
        (
            "no share of cloud",
            ["data.imagery.max_cloud_percent: 2 of 2 images", "no property CLOUD_COVER", "data.imagery.cloud_property"],
        ),
        ("too cloudy", ["data.imagery.max_cloud_percent: none of 2 images over the region has haze of 1 or less"]),
        ("other dates", ["has no image from 2019-01-01 to 2020-01-01"]),
    ],
)
def test_what_would_spoil_a_run_is_said_before_it(said: Mapping[str, Any], name: str, words: list[str]) -> None:
    for word in words:
        assert word in said[name], said[name]


@pytest.mark.parametrize(
    "name",
    [
        "decibel as int16",
        "decibel as float32",
        "12 bits as uint16",
        "labels with NaN",
        "ignored labels",
        "share of cloud",
    ],
)
def test_what_is_right_is_accepted(said: Mapping[str, Any], name: str) -> None:
    assert said[name] == "accepted"


def test_scenes_without_or_with_too_much_cloud_are_left_out(said: Mapping[str, Any]) -> None:
    assert said["clear scenes"] == [5]


def test_finer_labels_are_never_averaged(said: Mapping[str, Any]) -> None:
    assert set(said["fine"]) == {0, 2}


def test_what_is_no_number_is_masked_and_a_zero_is_not(said: Mapping[str, Any]) -> None:
    expected = np.ones((SIDE, SIDE), int)
    expected[5, 6] = expected[7, 8] = expected[9, 9] = 0
    np.testing.assert_array_equal(said["valid"], expected)
    assert said["finite"]
    assert said["zero"] == [0, 0, 1]
    assert said["input bands"] == ["a", "b", "earthline_valid"]


def test_bands_may_be_called_like_ours(said: Mapping[str, Any]) -> None:
    names, largest, largest_label = said["own names"]
    assert names == ["label", "seen", "earthline_label", "earthline_valid"]
    assert largest > 3000 and largest_label == 2
