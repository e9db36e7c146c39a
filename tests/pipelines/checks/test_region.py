"""What `earthline check` says of region and grid, before anything is asked."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import mapping

from earthline.config import load
from earthline.finding import Finding
from pipelines.checks.region import of_region

ROOT = Path(__file__).resolve().parents[3]
BOX = {"west": 10, "south": 45, "east": 11, "north": 46}
COAST = shapely.Point(10.5, 45.5).buffer(0.4, quad_segs=1000).difference(shapely.box(10.4, 45.4, 10.6, 45.6))


def config(folder: Path, **sections: Any) -> Path:
    """A config in a folder, with some sections' keys."""
    classes = [{"name": name, "color": "#00ff00", "values": [value]} for value, name in enumerate(("land", "water"))]
    data = {
        "imagery": {"collection": "COPERNICUS/S2", "bands": ["B2"], "start": "2021-01-01", "end": "2022-01-01"},
        "labels": {"image": "a/b", "band": "b1", "classes": classes},
        **sections.pop("data"),
    }
    (folder / "coast.geojson").write_text(json.dumps(mapping(COAST)))
    path = folder / "config.yaml"
    path.write_text(json.dumps({"name": "sample", "data": data, **sections}))
    return path


def found(folder: Path, **sections: Any) -> dict[str, Finding]:
    return {each.name: each for each in of_region(load(config(folder, **sections)))}


def test_an_outline_is_told_with_its_zone_and_pixels(tmp_path: Path) -> None:
    said = found(tmp_path, data={"region": {"file": "coast.geojson"}, "scale": 10})
    assert list(said) == ["region"] and said["region"].passed
    for text in ("1 polygon, 1 hole", "km²", "UTM zone 32N (EPSG:32632)", "pixels of EPSG:32632"):
        assert text in said["region"].detail


def test_a_repaired_outline_and_one_across_the_antimeridian_are_told(tmp_path: Path) -> None:
    bow = {"type": "Polygon", "coordinates": [[[177, -18], [-178, -17], [-178, -18], [177, -17], [177, -18]]]}
    said = found(tmp_path, data={"region": {"geometry": bow}, "scale": 100})
    assert "repaired (Self-intersection" in said["region"].detail and "across the antimeridian" in said["region"].detail


def test_a_crs_that_is_made_for_another_place_is_told(tmp_path: Path) -> None:
    said = found(tmp_path, data={"region": BOX, "crs": "EPSG:32119", "scale": 10})
    assert said["CRS"].passed is None and "made for United States" in said["CRS"].detail
    assert "CRS" not in found(tmp_path, data={"region": BOX, "crs": "EPSG:32632", "scale": 10})
    fiji = {"west": 177, "south": -19, "east": -178, "north": -16}
    assert "CRS" not in found(tmp_path, data={"region": fiji, "crs": "EPSG:3460", "scale": 10})


def test_a_map_of_other_ground_and_splits_outside_are_told(tmp_path: Path) -> None:
    outside, inside = {"west": 20, "south": 45, "east": 21, "north": 46}, {**BOX, "east": 10.3}
    said = found(
        tmp_path,
        data={"region": {"file": "coast.geojson"}, "scale": 10},
        predict={"region": {**BOX, "south": 40, "north": 45.5}},
        export={"split_regions": {"train": [inside], "validation": [outside], "test": [{**BOX, "west": 10.7}]}},
    )
    assert "lies outside of data.region" in said["map's region"].detail
    assert said["split regions"].passed is False
    assert said["split regions"].detail.startswith("export.split_regions.validation[0]")


def test_a_table_is_left_to_earth_engine(tmp_path: Path) -> None:
    said = found(tmp_path, data={"region": {"table": "a/b"}, "crs": "EPSG:32632", "scale": 10})
    assert "polygons of a/b, which Earth Engine is asked for" in said["region"].detail


@pytest.mark.slow
def test_check_answers_soon_and_the_compiled_pipeline_holds_the_outline(tmp_path: Path) -> None:
    path = config(tmp_path, data={"region": {"file": "coast.geojson"}, "scale": 10})
    command = [sys.executable, "-m", "cli", "check", str(path), "--offline"]
    begun = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    took = time.monotonic() - begun
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 polygon, 1 hole" in done.stdout
    # Two seconds where nothing else runs; tests share a machine.
    assert took < 30
    compiled = subprocess.run(
        [sys.executable, "-m", "cli", "compile", str(path), "--output", str(tmp_path / "a.yaml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert compiled.returncode == 0, compiled.stderr
    assert "coast.geojson" not in (tmp_path / "a.yaml").read_text()
