"""Sources that are ready by name, against small scenes under the catalogue's own ids."""

import json
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from .measured import measured, pixels

SIDE = 24
LEFT, TOP = 300000, 5000000
Array = np.ndarray[Any, Any]
YEAR = {"year": 1999}
"""Of which no other test has scenes."""
CASES: Mapping[str, Mapping[str, Any]] = {
    "sentinel2 by score": {"ready": "sentinel2", **YEAR, "bands": ["B4", "B8"], "composite": "mean"},
    "sentinel2 by class": {
        "ready": "sentinel2",
        **YEAR,
        "bands": ["B4", "B8"],
        "composite": "mean",
        "cloud_mask": "sentinel2_scl",
    },
    "landsat": {
        "ready": {"name": "landsat", "missions": [5, 7]},
        **YEAR,
        "bands": ["red", "thermal"],
        "composite": "mean",
    },
    "landsat image": {
        "image": "LANDSAT/LT05/C02/T1_L2/ready_0",
        "bands": ["SR_B3"],
        "cloud_mask": "landsat_qa",
    },
    "sentinel2 image by class": {
        "image": "COPERNICUS/S2_SR_HARMONIZED/ready_0",
        "bands": ["B4"],
        "cloud_mask": "sentinel2_scl",
    },
    "sentinel2 image by score": {
        "image": "COPERNICUS/S2_SR_HARMONIZED/ready_0",
        "bands": ["B4"],
        "cloud_mask": "sentinel2_cloud_score",
    },
    "no such quality": {
        "image": "COPERNICUS/S2_SR_HARMONIZED/ready_0",
        "bands": ["B4"],
        "cloud_mask": "landsat_qa",
    },
    "sentinel1": {"ready": {"name": "sentinel1", "orbit": "ascending"}, **YEAR},
    "sentinel1 linear": {"ready": {"name": "sentinel1", "decibels": False}, **YEAR, "bands": ["VV"]},
    "no such orbit": {"ready": {"name": "sentinel1", "orbit": "descending"}, **YEAR},
    "dem": {"ready": "copernicus_dem", "resample": "nearest"},
    "embeddings": {"ready": "satellite_embeddings", **YEAR, "bands": ["A00", "A63"]},
    "dynamic world": {"ready": "dynamic_world", **YEAR, "bands": ["water", "trees"]},
}
RANDOM = np.random.default_rng(11)
B4, B8 = RANDOM.integers(1, 9000, (2, 2, SIDE, SIDE)).astype(float)
SCL = RANDOM.choice([4, 5, 8, 9, 3, 11, 10, 6], (2, SIDE, SIDE)).astype(float)
SCORE = RANDOM.random((2, SIDE, SIDE))
RED, THERMAL = RANDOM.integers(7000, 40000, (2, 2, SIDE, SIDE)).astype(float)
QUALITY = RANDOM.choice([0b1000000, 0b1000, 0b10000, 0b10, 0b1], (2, SIDE, SIDE), p=[0.6, 0.1, 0.1, 0.1, 0.1]).astype(
    float
)
SATURATED = (RANDOM.random((2, SIDE, SIDE)) < 0.1).astype(float)
VV, VH = RANDOM.uniform(0.001, 1, (2, 3, SIDE, SIDE))
A00, A63 = RANDOM.uniform(-1, 1, (2, 1, SIDE, SIDE))
WATER, TREES = RANDOM.random((2, 2, SIDE, SIDE))
PLANE = 100 + 3 * np.arange(SIDE)[:, None] + 4 * np.arange(SIDE)[None, :] + np.zeros((SIDE, SIDE))


def scenes() -> list[tuple[str, str, str, Mapping[str, Any], list[Array]]]:
    """(collection, name, bands, properties, arrays) of every scene."""
    found: list[tuple[str, str, str, Mapping[str, Any], list[Array]]] = []
    for number in range(2):
        name = f"ready_{number}"
        found.append(
            ("COPERNICUS/S2_SR_HARMONIZED", name, "B4,B8,SCL", {}, [B4[number], B8[number], SCL[number]]),
        )
        found.append(("GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED", name, "cs_cdf", {}, [SCORE[number]]))
        mission = ("LANDSAT/LT05/C02/T1_L2", "LANDSAT/LE07/C02/T1_L2")[number]
        arrays = [RED[number], THERMAL[number], QUALITY[number], SATURATED[number]]
        found.append((mission, name, "SR_B3,ST_B6,QA_PIXEL,QA_RADSAT", {}, arrays))
        found.append(("GOOGLE/DYNAMICWORLD/V1", name, "water,trees", {}, [WATER[number], TREES[number]]))
    wave = {"instrumentMode": "IW", "orbitProperties_pass": "ASCENDING"}
    both, one = ["VV", "VH"], ["VV"]
    radar = "COPERNICUS/S1_GRD_FLOAT"
    found.append((radar, "ready_0", "VV,VH", {**wave, "transmitterReceiverPolarisation": both}, [VV[0], VH[0]]))
    found.append((radar, "ready_1", "VV,VH", {**wave, "transmitterReceiverPolarisation": both}, [VV[1], VH[1]]))
    found.append((radar, "ready_2", "VV", {**wave, "transmitterReceiverPolarisation": one}, [VV[2]]))
    found.append(("COPERNICUS/DEM/GLO30", "ready_0", "DEM", {}, [PLANE]))
    found.append(("GOOGLE/SATELLITE_EMBEDDING/V1/ANNUAL", "ready_0", "A00,A63", {}, [A00[0], A63[0]]))
    return found


def box() -> dict[str, float]:
    to_degrees = Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    west, south = to_degrees.transform(LEFT + 62, TOP - 10 * SIDE + 62)
    east, north = to_degrees.transform(LEFT + 10 * SIDE - 62, TOP - 62)
    return {"west": west, "south": south, "east": east, "north": north}


def content(imagery: Mapping[str, Any]) -> dict[str, Any]:
    classes = [{"name": name, "color": "#000000", "values": [value]} for name, value in (("one", 1), ("two", 2))]
    return {
        "imagery": {"data_type": "float32", **imagery},
        "labels": {"image": "projects/sandbox/assets/none", "band": "b1", "classes": classes},
        "region": box(),
        "crs": "EPSG:32633",
        "scale": 10,
    }


def write(path: Path, bands: list[Array]) -> Path:
    whole = all((band == band.astype("uint16")).all() for band in bands)  # bits are read of whole numbers alone
    dtype = "uint16" if whole else "float64"
    profile = {"driver": "GTiff", "count": len(bands), "height": SIDE, "width": SIDE, "dtype": dtype}
    place = {"crs": "EPSG:32633", "transform": Affine(10, 0, LEFT, 0, -10, TOP)}
    with rasterio.open(path, "w", **profile, **place) as file:
        file.write(np.stack(bands))
    return path


@pytest.fixture(scope="module")
def said(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    folder = tmp_path_factory.mktemp("ready")
    for place, (collection, name, bands, properties, arrays) in enumerate(scenes()):
        path = write(folder / f"{place}.tif", arrays)
        # The catalogue is nobody's to write: its assets come by the sandbox's own command, with all that they carry.
        day = 1000 * int(datetime(YEAR["year"], 7, 1 + int(name[-1]), tzinfo=UTC).timestamp())
        told = [f"{key}={json.dumps(value) if isinstance(value, list) else value}" for key, value in properties.items()]
        options = [word for each in (f"system:time_start={day}", *told) for word in ("--property", each)]
        sandbox.command("add", f"{collection}/{name}", str(path), "--bands", bands, *options)
    return measured(sandbox, folder, {name: content(imagery) for name, imagery in CASES.items()})


def cut(said: Mapping[str, Any], name: str, raster: Array) -> Array:
    grid = said[name]["grid"]
    row, column = round((TOP - grid["transform"][5]) / 10), round((grid["transform"][2] - LEFT) / 10)
    height, width = grid["shape"]
    return raster[..., row : row + height, column : column + width]


def mean(stack: Array) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        result: Array = np.nanmean(stack, axis=0)
    return result


def agree(said: Mapping[str, Any], name: str, *bands: Array) -> None:
    found = pixels(said, name)
    there = ~np.any([np.isnan(cut(said, name, band)) for band in bands], axis=0)
    assert there.any() and len(found) == len(bands)
    for values, expected in zip(found.values(), bands, strict=True):
        np.testing.assert_allclose(values, np.where(there, cut(said, name, expected), np.nan), rtol=2e-6, atol=2e-6)


def test_sentinel2_is_masked_by_cloud_score_or_scene_class(said: Mapping[str, Any]) -> None:
    clear = SCORE >= 0.6
    agree(said, "sentinel2 by score", mean(np.where(clear, B4, np.nan)), mean(np.where(clear, B8, np.nan)))
    clear = ~np.isin(SCL, [3, 8, 9, 10, 11])
    agree(said, "sentinel2 by class", mean(np.where(clear, B4, np.nan)), mean(np.where(clear, B8, np.nan)))


def test_clouds_of_a_single_image_are_masked_as_those_of_a_collection(said: Mapping[str, Any]) -> None:
    agree(said, "landsat image", np.where(QUALITY[0].astype(int) & 0b11110, np.nan, RED[0]))
    agree(said, "sentinel2 image by class", np.where(np.isin(SCL[0], [3, 8, 9, 10, 11]), np.nan, B4[0]))
    agree(said, "sentinel2 image by score", np.where(SCORE[0] >= 0.6, B4[0], np.nan))
    told = said["no such quality"]["error"]
    assert "data.imagery.cloud_mask: landsat_qa reads the band QA_PIXEL" in told and "which" not in told
    assert "has B4, B8, SCL" in told


def test_landsats_have_common_bands_in_physical_units(said: Mapping[str, Any]) -> None:
    clear = (QUALITY == 0b1000000) & (SATURATED == 0)
    red = mean(np.where(clear, 0.0000275 * RED - 0.2, np.nan))
    thermal = mean(np.where(clear, 0.00341802 * THERMAL + 149, np.nan))
    agree(said, "landsat", red, thermal)
    assert said["landsat"]["told"] == ["2 image(s) of LANDSAT/LT05/C02/T1_L2, LANDSAT/LE07/C02/T1_L2 over the region"]


def test_radar_is_averaged_as_power(said: Mapping[str, Any]) -> None:
    agree(said, "sentinel1", 10 * np.log10(VV[:2].mean(axis=0)), 10 * np.log10(VH[:2].mean(axis=0)))
    agree(said, "sentinel1 linear", VV.mean(axis=0))
    assert "data.imagery.ready: none of 3 images over the region" in said["no such orbit"]["error"]


def test_slopes_are_taken_on_the_elevations_own_grid(said: Mapping[str, Any]) -> None:
    # 3 m down to the south and 4 m down to the west over 10 m: a slope of 0.5.
    slope = np.full_like(PLANE, np.degrees(np.arctan(0.5)))
    found = pixels(said, "dem")
    np.testing.assert_allclose(found["elevation"], cut(said, "dem", PLANE))
    np.testing.assert_allclose(found["slope"], cut(said, "dem", slope), rtol=2e-3)
    assert np.ptp(found["aspect"]) < 0.5 and 270 < found["aspect"].mean() < 360


def test_embeddings_and_probabilities_come_as_they_are(said: Mapping[str, Any]) -> None:
    agree(said, "embeddings", A00[0], A63[0])
    agree(said, "dynamic world", WATER.mean(axis=0), TREES.mean(axis=0))
