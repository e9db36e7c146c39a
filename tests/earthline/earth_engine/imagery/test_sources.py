"""Sources, composites, steps in time and derived bands, to the pixel: small rasters, the real client, the real wire."""

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from earthline.config import Data

from .measured import measured, pixels

pytestmark = pytest.mark.slow

SIDE = 24
LEFT, TOP = 600000, 5000000
FOLDER = "projects/sandbox/assets/sources"
DAYS = ("2021-01-10", "2021-01-20", "2021-02-10", "2021-04-10", "2021-04-20")
"""None in March."""
ORBITS = ("A", "A", "D", "A", "D")
Array = np.ndarray[Any, Any]


def box() -> dict[str, float]:
    """Ground well inside of the rasters."""
    to_degrees = Transformer.from_crs("EPSG:32632", "EPSG:4326", always_xy=True)
    west, south = to_degrees.transform(LEFT + 62, TOP - 10 * SIDE + 62)
    east, north = to_degrees.transform(LEFT + 10 * SIDE - 62, TOP - 62)
    return {"west": west, "south": south, "east": east, "north": north}


LABELS = {
    "image": f"{FOLDER}/fine",
    "band": "kind",
    "classes": [
        {"name": "one", "color": "#000000", "values": [1]},
        {"name": "two", "color": "#ffffff", "values": [2]},
    ],
}
SERIES = {
    "collection": f"{FOLDER}/series",
    "bands": ["red", "nir"],
    "year": 2021,
}
MONTHS = {**SERIES, "year": None, "start": "2021-01-01", "end": "2021-05-01"}
CASES: Mapping[str, Mapping[str, Any]] = {
    **{name: {**SERIES, "composite": name} for name in ("median", "mean", "min", "max", "mosaic", "first", "medoid")},
    "percentile": {**SERIES, "composite": "percentile", "percentile": 25},
    "quality": {**SERIES, "composite": "quality_mosaic", "quality_band": "nir", "bands": ["red"]},
    "equal": {**SERIES, "filters": {"orbit": "D"}, "composite": "mean"},
    "several conditions": {**SERIES, "filters": {"haze": {"gte": 10, "lt": 30}, "orbit": ["A"]}, "composite": "mean"},
    "one of": {**SERIES, "filters": {"haze": {"in": [0, 40]}}, "composite": "mean"},
    "no such": {**SERIES, "filters": {"orbit": "X"}},
    "clear": {**SERIES, "max_cloud_percent": 15, "cloud_property": "haze", "composite": "mean"},
    "renamed": {
        **SERIES,
        "bands": [{"band": "nir", "as": "0_nir", "multiply": 2}, {"band": "red", "as": "r ed"}],
        "prefix": "s2 ",
        "multiply": 0.5,
        "add": -1,
        "composite": "first",
    },
    "filled": {**SERIES, "composite": "first", "fill": 7},
    "filled by another": {
        "sources": [
            {**SERIES, "composite": "first", "bands": ["red", {"band": "nir", "as": "near"}], "fill": "older"},
            {
                **SERIES,
                "bands": [{"band": "red", "as": "near", "multiply": 2}, {"band": "nir", "as": "red", "add": -1}],
                "start": "2021-02-01",
                "end": "2021-03-01",
                "year": None,
                "name": "older",
                "only_fills": True,
            },
        ],
    },
    "filled in a row": {
        "sources": [
            {**SERIES, "composite": "first", "fill": "two", "prefix": "new_"},
            {**SERIES, "filters": {"haze": 10}, "fill": "three", "name": "two", "prefix": "old_"},
            {**SERIES, "filters": {"haze": 20}, "fill": 3, "name": "three", "only_fills": True},
        ],
    },
    "filled steps": {
        "sources": [
            {**MONTHS, "time": {"every": "month", "empty": "previous"}, "fill": "all"},
            {**SERIES, "composite": "max", "name": "all", "only_fills": True},
        ],
    },
    "averaged": {"image": f"{FOLDER}/fine", "bands": ["height"], "resample": "mean"},
    "most": {"image": f"{FOLDER}/fine", "bands": ["kind"], "resample": "mode"},
    "nearest": {"image": f"{FOLDER}/coarse", "bands": ["slope"]},
    "bilinear": {"image": f"{FOLDER}/coarse", "bands": ["slope"], "resample": "bilinear"},
    "bicubic": {"image": f"{FOLDER}/coarse", "bands": ["slope"], "resample": "bicubic"},
    "fail": {**MONTHS, "time": "month"},
    **{
        f"months {empty}": {**MONTHS, "time": {"every": "month", "empty": empty}}
        for empty in ("previous", "nearest", 5)
    },
    "two steps": {**MONTHS, "time": {"steps": 2}},
    "derived": {
        "sources": [
            {**MONTHS, "time": {"steps": 2}},
            {"image": f"{FOLDER}/fine", "bands": ["height"], "resample": "mean"},
            {"image": f"{FOLDER}/degrees", "bands": ["east"], "prefix": "dem_", "resample": "bilinear"},
        ],
        "derived": {
            "ndvi": "(nir - red) / (nir + red)",
            "change": "ndvi_t01 - ndvi_t00",
            "high": "height > 50 ? b('ndvi') * 2 : max(0, -ndvi)",
        },
    },
    "missing band": {**SERIES, "bands": ["red", "blue"]},
    "missing quality": {**SERIES, "composite": "quality_mosaic", "quality_band": "haze"},
}


FUNCTION = f"""
import ee

ee.Initialize(project="mine")


def build():
    images = ee.ImageCollection("{FOLDER}/series").filterDate("2021-01-01", "2021-02-01")
    return images.max().addBands(ee.Image("{FOLDER}/coarse"))
"""
OWN = {
    "sources": [
        {"function": "my_imagery.py:build", "bands": [{"band": "slope", "as": "steep"}, "red"], "multiply": 2},
        {**SERIES, "bands": ["nir"], "composite": "first"},
    ],
    "derived": {"sum": "red + nir"},
}


def content(imagery: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "imagery": {"data_type": "float32", **imagery},
        "labels": LABELS,
        "region": box(),
        "crs": "EPSG:32632",
        "scale": 10,
    }


def rasters() -> dict[str, Array]:
    """(images, bands, rows, columns) of the series with NaN where masked, and (bands, rows, columns) of the others."""
    random = np.random.default_rng(3)
    series = random.integers(1, 1000, (len(DAYS), 2, SIDE, SIDE)).astype(float)
    for number in range(len(DAYS)):
        series[number][:, random.random((SIDE, SIDE)) < 0.2] = np.nan
    series[:, :, 12, 12] = np.nan
    fine_shape = (4 * SIDE, 4 * SIDE)
    fine = np.stack([random.integers(0, 100, fine_shape), random.integers(1, 3, fine_shape)]).astype(float)
    coarse = random.integers(0, 200, (1, SIDE // 4, SIDE // 4)).astype(float)
    return {"series": series, "fine": fine, "coarse": coarse}


def write(path: Path, bands: Array, transform: Affine, crs: str = "EPSG:32632") -> Path:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=bands.shape[1],
        width=bands.shape[2],
        dtype="float64",
        nodata=math.nan,
        crs=crs,
        transform=transform,
    ) as file:
        file.write(bands)
    return path


@pytest.fixture(scope="module")
def said(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    folder = tmp_path_factory.mktemp("sources")
    made = rasters()
    # Longitude itself, on a grid of degrees, is a plane whose bilinear value is known everywhere.
    degrees = 10.2 + 0.0005 * (np.arange(400)[None, None, :] + 0.5) + np.zeros((1, 200, 1))
    for name, bands, transform, crs, names in (
        ("fine", made["fine"], Affine(2.5, 0, LEFT, 0, -2.5, TOP), "EPSG:32632", "height,kind"),
        ("coarse", made["coarse"], Affine(40, 0, LEFT, 0, -40, TOP), "EPSG:32632", "slope"),
        ("degrees", degrees, Affine(0.0005, 0, 10.2, 0, -0.0005, 45.2), "EPSG:4326", "east"),
    ):
        path = write(folder / f"{name}.tif", bands, transform, crs)
        sandbox.command("add", f"{FOLDER}/{name}", str(path), "--bands", names)
    begin = ["import ee", 'ee.Initialize(project="sandbox")']
    sandbox.python("\n".join([*begin, f"ee.data.createAsset({{'type': 'IMAGE_COLLECTION'}}, '{FOLDER}/series')"]))
    dated = [*begin]
    for number, day in enumerate(DAYS):
        path = write(folder / f"scene_{number}.tif", made["series"][number], Affine(10, 0, LEFT, 0, -10, TOP))
        sandbox.command("add", f"{FOLDER}/series/scene_{number}", str(path), "--bands", "red,nir")
        properties = {"orbit": ORBITS[number], "haze": 10 * number}
        changed = {"properties": properties, "startTime": f"{day}T00:00:00Z"}
        keys = [*(f"properties.{key}" for key in properties), "start_time"]
        dated.append(f"ee.data.updateAsset('{FOLDER}/series/scene_{number}', {changed}, {keys})")
    sandbox.python("\n".join(dated))
    (folder / "my_imagery.py").write_text(FUNCTION)
    contents = {name: content(imagery) for name, imagery in CASES.items()}
    own = Data.model_validate(content(OWN), context={"folder": folder})
    contents["function"] = own.model_dump(mode="json")
    return measured(sandbox, folder, contents)


def cut(said: Mapping[str, Any], name: str, raster: Array, scale: float = 10) -> Array:
    """The part of a raster of pixels of 10 m under a case's grid."""
    grid = said[name]["grid"]
    row, column = round((TOP - grid["transform"][5]) / scale), round((grid["transform"][2] - LEFT) / scale)
    height, width = grid["shape"]
    return raster[..., row : row + height, column : column + width]


def agree(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def last(stack: Array) -> Array:
    """The last value that is there, along the first axis."""
    result = stack[0]
    for one in stack[1:]:
        result = np.where(np.isnan(one), result, one)
    return result


def masked_alike(*bands: Array) -> list[Array]:
    """Bands share one mask."""
    there = ~np.any([np.isnan(band) for band in bands], axis=0)
    return [np.where(there, band, np.nan) for band in bands]


def without_warnings(compute: Any, *arguments: Any, **options: Any) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # slices without any value
        result: Array = compute(*arguments, **options)
    return result


@pytest.mark.parametrize(
    ("name", "compute"),
    [
        ("median", np.nanmedian),
        ("mean", np.nanmean),
        ("min", np.nanmin),
        ("max", np.nanmax),
        ("mosaic", lambda stack, axis: last(stack)),
        ("first", lambda stack, axis: stack[0]),
    ],
)
def test_composites_are_numpys(said: Mapping[str, Any], name: str, compute: Any) -> None:
    found = pixels(said, name)
    expected = without_warnings(compute, cut(said, name, rasters()["series"]), axis=0)
    for band, values in zip(("red", "nir"), expected, strict=True):
        agree(found[band], values)
    assert np.isnan(found["red"]).any() and not np.isnan(found["red"]).all()


def test_a_medoid_is_the_image_nearest_to_the_median(said: Mapping[str, Any]) -> None:
    stack = cut(said, "medoid", rasters()["series"])
    median = without_warnings(np.nanmedian, stack, axis=0)
    distance = ((stack - median) ** 2).sum(axis=1)
    nearest = np.nanargmin(np.where(np.isnan(distance), np.inf, distance), axis=0)
    found = pixels(said, "medoid")
    for number, band in enumerate(("red", "nir")):
        agree(found[band], np.take_along_axis(stack[:, number], nearest[None], axis=0)[0])


def test_a_quality_mosaic_takes_the_best_pixel(said: Mapping[str, Any]) -> None:
    stack = cut(said, "quality", rasters()["series"])
    best = np.nanargmax(np.where(np.isnan(stack[:, 1]), -np.inf, stack[:, 1]), axis=0)
    found = pixels(said, "quality")
    assert list(found) == ["red"]
    agree(found["red"], np.take_along_axis(stack[:, 0], best[None], axis=0)[0])


def test_a_percentile_lies_between_its_neighbours(said: Mapping[str, Any]) -> None:
    """Earth Engine does not say how it interpolates; the value is within the data and below the median."""
    stack = cut(said, "percentile", rasters()["series"])
    found = pixels(said, "percentile")
    assert list(found) == ["red", "nir"]
    for number, band in enumerate(("red", "nir")):
        there = ~np.isnan(found[band])
        low = without_warnings(np.nanmin, stack[:, number], axis=0)
        middle = without_warnings(np.nanmedian, stack[:, number], axis=0)
        assert (found[band][there] >= low[there]).all() and (found[band][there] <= middle[there]).all()
        assert (found[band][there] > low[there]).any()


@pytest.mark.parametrize(
    ("name", "taken"),
    [("equal", [2, 4]), ("several conditions", [1]), ("one of", [0, 4]), ("clear", [0, 1])],
)
def test_filters_choose_images(said: Mapping[str, Any], name: str, taken: list[int]) -> None:
    expected = without_warnings(np.nanmean, cut(said, name, rasters()["series"])[taken], axis=0)
    agree(pixels(said, name)["red"], expected[0])
    assert said[name]["told"] == [f"{len(taken)} image(s) of {FOLDER}/series over the region"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no such", ["data.imagery.filters: none of 5 images over the region passes orbit", "orbit is A, D"]),
        (
            "fail",
            ["data.imagery.time: 1 of 4 steps have no image over the region: 2021-03-01 to 2021-04-01", "`empty`"],
        ),
        ("missing band", ["data.imagery.bands: blue not in", "which has red, nir"]),
        ("missing quality", ["data.imagery.quality_band: haze not in", "which has red, nir"]),
    ],
)
def test_what_is_not_there_is_said_with_its_key(said: Mapping[str, Any], name: str, words: list[str]) -> None:
    for word in words:
        assert word in said[name]["error"]


def test_bands_get_names_and_units(said: Mapping[str, Any]) -> None:
    red, nir = cut(said, "renamed", rasters()["series"])[0]
    found = pixels(said, "renamed")
    assert list(found) == ["s2 0_nir", "s2 r ed"]
    agree(found["s2 0_nir"], 2 * nir - 1)
    agree(found["s2 r ed"], 0.5 * red - 1)


def test_gaps_are_filled(said: Mapping[str, Any]) -> None:
    red = cut(said, "filled", rasters()["series"])[0, 0]
    agree(pixels(said, "filled")["red"], np.where(np.isnan(red), 7, red))


def filled(first: Array, other: Array) -> Array:
    """Pixels (bands, rows, columns) of another image where one is masked in any band."""
    return np.where(np.isnan(first).any(axis=0), other, first)


def test_gaps_are_filled_from_another_source(said: Mapping[str, Any]) -> None:
    stack = cut(said, "filled by another", rasters()["series"])
    expected = filled(stack[0], np.stack([stack[2, 1] - 1, 2 * stack[2, 0]]))
    found = pixels(said, "filled by another")
    assert list(found) == ["red", "near"]
    agree(found["red"], expected[0])
    agree(found["near"], expected[1])
    gaps, left = np.isnan(stack[0, 0]), np.isnan(expected[0])
    assert 0 < left.sum() < gaps.sum(), "what is masked in both stays masked"


def test_a_source_that_fills_may_be_filled_itself_and_be_part_of_the_stack(said: Mapping[str, Any]) -> None:
    stack = cut(said, "filled in a row", rasters()["series"])
    old = filled(stack[1], filled(stack[2], np.full_like(stack[2], 3)))
    found = pixels(said, "filled in a row")
    assert list(found) == ["new_red", "new_nir", "old_red", "old_nir"]
    for name, expected in zip(found, [*filled(stack[0], old), *old], strict=True):
        agree(found[name], expected)
        assert not np.isnan(expected).any()


def test_steps_are_filled_after_those_before_them(said: Mapping[str, Any]) -> None:
    months = monthly(said, "filled steps")
    most = without_warnings(np.nanmax, cut(said, "filled steps", rasters()["series"]), axis=0)
    found = pixels(said, "filled steps")
    expected = np.concatenate([filled(last(np.stack(months[step::-1])[::-1]), most) for step in range(4)])
    there = ~np.isnan(expected).any(axis=0)
    for name, values in zip(found, expected, strict=True):
        agree(found[name], np.where(there, values, np.nan))
    assert not np.array_equal(np.isnan(months[0][0]), ~there)


def blocks(said: Mapping[str, Any], name: str, band: int) -> Array:
    """The fine raster's pixels under each pixel of the grid: (rows, columns, 16)."""
    fine = rasters()["fine"][band].reshape(SIDE, 4, SIDE, 4).swapaxes(1, 2).reshape(SIDE, SIDE, 16)
    return np.moveaxis(cut(said, name, np.moveaxis(fine, 2, 0)), 0, 2)


def test_finer_pixels_are_averaged(said: Mapping[str, Any]) -> None:
    agree(pixels(said, "averaged")["height"], blocks(said, "averaged", 0).mean(axis=2))


def test_finer_classes_are_counted(said: Mapping[str, Any]) -> None:
    found, twos = pixels(said, "most")["kind"], (blocks(said, "most", 1) == 2).sum(axis=2)
    decided = twos != 8
    np.testing.assert_array_equal(found[decided], np.where(twos > 8, 2, 1)[decided])


def test_coarser_pixels_are_repeated_or_bent(said: Mapping[str, Any]) -> None:
    coarse = rasters()["coarse"][0]
    agree(pixels(said, "nearest")["slope"], cut(said, "nearest", np.kron(coarse, np.ones((4, 4)))))
    at = (np.arange(SIDE) + 0.5) / 4 - 0.5
    lines = np.stack([np.interp(at, np.arange(SIDE // 4), row) for row in coarse])
    plane = np.stack([np.interp(at, np.arange(SIDE // 4), column) for column in lines.T]).T
    agree(pixels(said, "bilinear")["slope"], cut(said, "bilinear", plane))
    bent = pixels(said, "bicubic")["slope"]
    assert np.abs(bent - cut(said, "bicubic", plane)).max() > 1
    assert np.abs(bent - cut(said, "bicubic", plane)).max() < 60


def monthly(said: Mapping[str, Any], name: str) -> list[Array]:
    """Medians (bands, rows, columns) of January to April; March has none."""
    stack = cut(said, name, rasters()["series"])
    parts = [stack[:2], stack[2:3], np.full_like(stack[:1], np.nan), stack[3:]]
    return [without_warnings(np.nanmedian, part, axis=0) for part in parts]


@pytest.mark.parametrize("empty", ["previous", "nearest", 5])
def test_steps_without_values_take_what_the_config_says(said: Mapping[str, Any], empty: str | int) -> None:
    name = f"months {empty}"
    months = monthly(said, name)
    found = pixels(said, name)
    assert list(found) == [f"{band}_t{step:02d}" for step in range(4) for band in ("red", "nir")]
    expected = []
    for step in range(4):
        if empty == "previous":
            order = range(step, -1, -1)
        else:
            order = sorted(range(4), key=lambda other: (abs(other - step), other))
        whole = last(np.stack([months[other] for other in reversed(list(order))]))
        expected.append(np.where(np.isnan(months[step]), 5, months[step]) if empty == 5 else whole)
    flat = masked_alike(*np.concatenate(expected))
    for band, values in zip(found, flat, strict=True):
        agree(found[band], values)


def test_steps_are_equally_long(said: Mapping[str, Any]) -> None:
    stack = cut(said, "two steps", rasters()["series"])
    halves = [without_warnings(np.nanmedian, part, axis=0) for part in (stack[:3], stack[3:])]
    found = pixels(said, "two steps")
    for band, values in zip(found, masked_alike(*np.concatenate(halves)), strict=True):
        agree(found[band], values)


def test_sources_of_several_grids_and_bands_of_bands_are_one_stack(said: Mapping[str, Any]) -> None:
    stack = cut(said, "derived", rasters()["series"])
    halves = [without_warnings(np.nanmedian, part, axis=0) for part in (stack[:3], stack[3:])]
    height = blocks(said, "derived", 0).mean(axis=2)
    ndvi = [(nir - red) / (nir + red) for red, nir in halves]
    high = [np.where(height > 50, 2 * one, np.maximum(0, -one)) for one in ndvi]
    grid = said["derived"]["grid"]
    rows, columns = np.mgrid[0 : grid["shape"][0], 0 : grid["shape"][1]]
    to_degrees = Transformer.from_crs("EPSG:32632", "EPSG:4326", always_xy=True)
    east, _ = to_degrees.transform(
        grid["transform"][2] + 10 * (columns + 0.5), grid["transform"][5] - 10 * (rows + 0.5)
    )
    bands = [*np.concatenate(halves), height, east, *ndvi, ndvi[1] - ndvi[0], *high]
    found = pixels(said, "derived")
    names = ["red_t00", "nir_t00", "red_t01", "nir_t01", "height", "dem_east"]
    assert list(found) == [*names, "ndvi_t00", "ndvi_t01", "change", "high_t00", "high_t01"]
    assert tuple(found) == Data.model_validate(content(CASES["derived"])).imagery.band_names
    for band, values in zip(found, masked_alike(*bands), strict=True):
        np.testing.assert_allclose(found[band], values, rtol=2e-6, atol=2e-6, err_msg=band)


def test_a_function_of_ones_own_is_a_source_like_others(said: Mapping[str, Any]) -> None:
    stack = cut(said, "function", rasters()["series"])
    red = 2 * without_warnings(np.nanmax, stack[:2, 0], axis=0)
    steep = 2 * cut(said, "function", np.kron(rasters()["coarse"][0], np.ones((4, 4))))
    nir = stack[0, 1]
    found = pixels(said, "function")
    assert list(found) == ["steep", "red", "nir", "sum"]
    for band, values in zip(found, masked_alike(steep, red, nir, red + nir), strict=True):
        agree(found[band], values)
    assert said["function"]["told"][0] == "my_imagery.py:build has slope, red"
