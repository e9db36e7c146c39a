"""`data.region`, `crs`, `scale` and `align_to`: what a config may say of place and grid, and what stays of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from shapely.geometry import mapping

from earthline.config import BoundingBox, Config, ConfigError, Data, Outline, load

LAND = shapely.box(10, 45, 11, 46).difference(shapely.box(10.4, 45.4, 10.6, 45.6))
FIJI = {"west": 177, "south": -19, "east": -178, "north": -16}
COLLECTION = {"collection": "COPERNICUS/S2", "bands": ["B2", "B3"], "start": "2021-01-01", "end": "2022-01-01"}
IMAGE = {"image": "projects/sandbox/assets/scene", "bands": ["B2", "B3"]}


def read(folder: Path, imagery: dict[str, Any] = COLLECTION, predict: Any = None, **data: Any) -> Config:
    """The config with these keys of `data`, loaded from a file in a folder."""
    classes = [
        {"name": "land", "color": "#00ff00", "values": [1]},
        {"name": "water", "color": "#0000ff", "values": [2]},
    ]
    content = {
        "name": "sample",
        "data": {"imagery": imagery, "labels": {"image": "a/b", "band": "b1", "classes": classes}, **data},
        **({"predict": {"region": predict}} if predict else {}),
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(content))
    return load(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "land.geojson").write_text(json.dumps(mapping(LAND)))
    return tmp_path


def test_a_file_is_read_beside_the_config_and_its_content_stays(folder: Path) -> None:
    config = read(folder, region={"file": "land.geojson"}, scale=10)
    region = config.data.region
    assert isinstance(region, Outline) and region.shape is not None and region.shape.equals(LAND)
    assert region.file is None and region.geometry is not None
    (folder / "sub").mkdir()
    (folder / "land.geojson").rename(folder / "sub" / "other.json")
    again = read(folder, region={"file": "sub/other.json"}, scale=10)
    assert again.data.model_dump_json() == config.data.model_dump_json(), "the cache's key is the content"
    (folder / "sub" / "other.json").unlink()
    parsed = Data.model_validate_json(config.data.model_dump_json())
    assert parsed.model_dump_json() == config.data.model_dump_json(), "no step needs the file"


def test_the_maps_own_region_may_be_an_outline(folder: Path) -> None:
    config = read(
        folder,
        region={**FIJI, "west": 9, "east": 12, "south": 44, "north": 47},
        scale=10,
        predict={"file": "land.geojson"},
    )
    assert isinstance(config.data.region, BoundingBox) and isinstance(config.predict.region, Outline)


def test_what_no_step_could_be_started_with_is_refused_with_a_way_out(folder: Path) -> None:
    # 4,801 corners each: one outline fits into the argument of a process, two of them do not.
    rough = shapely.Point(10.5, 45.5).buffer(0.3, quad_segs=1200)
    (folder / "rough.geojson").write_text(json.dumps(mapping(rough)))
    fine, both = {"file": "rough.geojson"}, {"scale": 10, "predict": {"file": "rough.geojson"}}
    assert read(folder, region=fine, scale=10).data.region is not None
    with pytest.raises(ConfigError, match=r"data\.region: what travels to each step would have 2\d\d,\d{3} bytes"):
        read(folder, region=fine, **both)
    assert read(folder, region={**fine, "simplify": 30}, **both).data.region is not None


def test_scale_alone_takes_the_utm_zone(folder: Path) -> None:
    data = read(folder, region={"file": "land.geojson"}, scale=10).data
    assert data.crs == "EPSG:32632" and "UTM zone 32N" in data.grid_told
    assert read(folder, region=FIJI, scale=10).data.crs == "EPSG:32760"
    assert read(folder, IMAGE, region=FIJI, scale=10).data.crs == "EPSG:32760"
    assert read(folder, IMAGE, region=FIJI).data.crs is None, "the image's own grid"


@pytest.mark.parametrize("crs", ["ESRI:54009", "+proj=laea +lat_0=45 +lon_0=10 +datum=WGS84"])
def test_any_crs_is_kept_as_earth_engine_takes_it(folder: Path, crs: str) -> None:
    data = read(folder, region={"file": "land.geojson"}, crs=crs, scale=100).data
    assert data.crs is not None and data.crs.startswith("PROJCS[")
    assert Data.model_validate_json(data.model_dump_json()).crs == data.crs


def test_a_raster_gives_its_grid(folder: Path) -> None:
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": 2, "width": 3, "crs": "EPSG:3035"}
    with rasterio.open(folder / "grid.tif", "w", transform=Affine(30, 0, 17, 0, -30, 5), **profile) as file:
        file.write(np.zeros((1, 2, 3), np.uint8))
    aligned = read(folder, region={"file": "land.geojson"}, align_to="grid.tif").data.align_to
    assert aligned is not None and aligned.asset is None
    assert (aligned.crs, aligned.transform) == ("EPSG:3035", (30, 0, 17, 0, -30, 5))
    asset = read(folder, region={"file": "land.geojson"}, align_to="projects/a/assets/b").data.align_to
    assert asset is not None and asset.asset == "projects/a/assets/b"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            {"region": {"file": "none.gpkg"}, "scale": 10},
            ["data.region:", "none.gpkg cannot be read", "config's folder"],
        ),
        ({"region": {"file": "land.geojson", "where": {"nam": 1}}, "scale": 10}, ["data.region:", "no field 'nam'"]),
        ({"region": {"file": "land.geojson", "table": "a/b"}, "scale": 10}, ["data.region:", "one of `file`, `table`"]),
        ({"region": {"fil": "land.geojson"}, "scale": 10}, ["data.region.fil", "unknown key", "data.region.west"]),
        ({"region": {"file": "land.geojson", "lair": "x"}, "scale": 10}, ["data.region.lair", "`layer`"]),
        ({"region": "land.geojson", "scale": 10}, ["data.region:", "{file: land.geojson}"]),
        ({"region": {"geometry": {"type": "Point", "coordinates": [1, 2]}}, "scale": 10}, ["holds points"]),
        ({"region": {"table": "a/b", "layer": "c"}, "scale": 10}, ["`layer` goes with `file`"]),
        (
            {"region": {"table": "a/b"}, "scale": 10},
            ["data.crs: add it beside `scale`", "table", "EPSG:32633 at 14.5 degrees east"],
        ),
        ({"region": {"file": "land.geojson"}}, ["data:", "give `crs`", "`scale` is enough"]),
        ({"region": FIJI, "crs": "EPSG:4326", "scale": 0.001}, ["cut along the antimeridian", "EPSG:32760"]),
        ({"region": FIJI, "crs": "EPSG:3857", "scale": 10}, ["cut along the antimeridian", "EPSG:32760"]),
        ({"region": {"file": "land.geojson"}, "crs": "EPSG:32632", "scale": 0.0001}, ["use a larger scale"]),
        ({"region": {"file": "land.geojson"}, "crs": "EPSG:32632", "scale": 1e6}, ["less than one pixel"]),
        ({"region": {**FIJI, "west": 3, "east": 2}, "scale": 10}, ["data.region:", "swap them"]),
        ({"region": FIJI, "align_to": "a/b", "scale": 10}, ["`align_to` gives CRS and pixels"]),
        ({"region": FIJI, "align_to": "no.tif"}, ["data.align_to:", "no.tif is not there"]),
        ({"region": FIJI, "align_to": "land.geojson"}, ["data.align_to:", "no raster file"]),
    ],
)
def test_each_mistake_is_told(folder: Path, data: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(folder, **data)
    said = str(caught.value)
    for word in words:
        assert word in said, said
    assert all(line.startswith(str(folder)) for line in said.splitlines())


def test_rectangles_overlap_across_the_antimeridian_too() -> None:
    fiji = BoundingBox(**FIJI)
    assert fiji.shape.bounds == (177, -19, 182, -16)
    assert fiji.overlaps(BoundingBox(west=-179, south=-20, east=-170, north=-10))
    assert not fiji.overlaps(BoundingBox(west=-178, south=-20, east=-170, north=-10))
    assert not fiji.overlaps(BoundingBox(west=0, south=-20, east=10, north=-10))
