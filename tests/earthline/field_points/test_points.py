"""Places to visit: a probability sample that is spread, and denser where labels would help."""

import csv
import json
import resource
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from earthline.field_points import NeedError, Needs, draw, hilbert
from earthline.field_points.files import write

Array = np.ndarray[Any, Any]


def rasters(folder: Path, **bands: Array) -> Path:
    """A map and what tells how far it can be believed; NaN where there is no map."""
    shape = next(iter(bands.values())).shape
    profile = {"driver": "GTiff", "height": shape[0], "width": shape[1], "crs": "EPSG:32633", "compress": "deflate"}
    place = {"transform": Affine(10, 0, 600_000, 0, -10, 5_000_000)}
    missing = np.isnan(next(iter(bands.values())))
    with rasterio.open(folder / "map.tif", "w", count=1, dtype="uint8", nodata=255, **profile, **place) as file:
        file.write(np.where(missing, 255, 1).astype(np.uint8), 1)
        file.update_tags(class_0="water", class_1="高い")
    with rasterio.open(
        folder / "confidence.tif", "w", count=len(bands), dtype="float32", nodata=-9999, **profile, **place
    ) as file:
        for number, (name, values) in enumerate(bands.items(), start=1):
            file.write(np.where(missing, -9999, values).astype(np.float32), number)
            file.set_band_description(number, name)
    return folder


@settings(max_examples=8, deadline=None)
@given(order=st.integers(0, 5))
def test_the_curve_visits_each_cell_once_and_next_to_the_last_one(order: int) -> None:
    rows, columns = np.indices((2**order, 2**order))
    place = hilbert.index(rows, columns, order).ravel()
    assert sorted(place) == list(range(4**order))
    ordered = np.argsort(place)
    steps = np.abs(np.diff(rows.ravel()[ordered])) + np.abs(np.diff(columns.ravel()[ordered]))
    assert (steps == 1).all()


def test_chances_are_those_that_are_told_and_estimates_from_them_are_unbiased(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    margin = random.random((24, 17)) ** 2
    margin[:5, :4] = np.nan
    truth = (random.random(margin.shape) < margin).astype(float)  # what is asked for depends on the margin
    with Needs(rasters(tmp_path, margin=margin)) as needs:
        drawn, told, totals = Counter[tuple[float, float]](), {}, []
        for seed in range(600):
            points = draw(needs, 20, seed)
            assert len({(point.x, point.y) for point in points}) == 20
            total = 0.0
            for point in points:
                place = point.x, point.y
                drawn[place] += 1
                told[place] = point.chance
                column, row = (int(each) for each in ~needs.map.transform @ place)
                total += truth[row, column] / point.chance
            totals.append(total)
    # Of all pixels, the most likely and the least likely alike.
    seen = np.array([drawn[place] / 600 for place in told])
    chance = np.array(list(told.values()))
    assert np.abs(seen - chance).max() < 0.09 and abs((seen / chance).mean() - 1) < 0.02
    wanted = truth[~np.isnan(margin)].sum()
    assert abs(np.mean(totals) - wanted) < 4 * np.std(totals) / np.sqrt(600)
    # Pixels that need a label most are drawn most: their chance is ten times that of the others.
    assert chance.max() / chance.min() > 5


def test_points_are_spread_over_blocks_and_outside_of_the_area_come_first(tmp_path: Path) -> None:
    sure = np.full((600, 900), 0.9)
    applicable = np.ones(sure.shape)
    applicable[:, 700:] = 0
    with Needs(rasters(tmp_path, margin=sure, applicable=applicable)) as needs:
        points = draw(needs, 60, 7)
        assert points == draw(needs, 60, 7) != draw(needs, 60, 8)
    outside = [point.confidence["applicable"] == 0 for point in points]
    assert outside == sorted(outside, reverse=True)
    # By their weights: 200 columns of 1 against 700 of .19.
    assert sum(outside) == pytest.approx(60 * 200 / (200 + 700 * 0.19), abs=2)
    # A regular grid of so many points would have one in each of six parts of the strip by far.
    inside = np.array([(point.x, point.y) for point, out in zip(points, outside, strict=True) if out])
    parts = np.histogram(inside[:, 1], bins=6, range=(5_000_000 - 6000, 5_000_000))[0]
    assert parts.min() >= 3


def test_files_hold_what_a_field_worker_and_a_statistician_need(tmp_path: Path) -> None:
    with Needs(rasters(tmp_path, margin=np.random.default_rng(1).random((30, 40)))) as needs:
        points = draw(needs, 9, 0)
    geojson, table = write(points, tmp_path / "points", {0: "water", 1: "高い"})
    features = json.loads(geojson.read_text(encoding="utf-8"))["features"]
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(features) == len(rows) == 9
    assert features[0]["geometry"]["coordinates"] == [float(rows[0]["longitude"]), float(rows[0]["latitude"])]
    assert rows[0]["mapped"] == "高い" and rows[0]["label"] == "" and 0 < float(rows[0]["chance"]) < 1
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    struck = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before[geojson]) // 2, limit[1]))  # as a full disk
    try:
        with pytest.raises(OSError, match="File too large"):
            write(points[::-1], tmp_path / "points", {0: "water", 1: "高い"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, struck)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    # East of 16° of longitude, in zone 33.
    assert 16 < float(rows[0]["longitude"]) < 16.4 and 45 < float(rows[0]["latitude"]) < 45.3


def test_what_cannot_be_done_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NeedError, match=r"map\.tif is not there: name the folder"):
        Needs(tmp_path)
    rasters(tmp_path, set_size=np.ones((8, 8)))
    with pytest.raises(NeedError, match=r"the bands set_size, of which none.*add margin"):
        Needs(tmp_path)
    with Needs(rasters(tmp_path, margin=np.ones((8, 8)))) as needs:
        with pytest.raises(NeedError, match="7 points are too many for this map: at most 6 can"):
            draw(needs, 7, 0)
    with Needs(rasters(tmp_path, margin=np.full((8, 8), np.nan))) as needs:
        with pytest.raises(NeedError, match="no pixel of the map has a value"):
            draw(needs, 2, 0)


def test_a_value_needs_labels_where_its_interval_is_wide(tmp_path: Path) -> None:
    low = np.zeros((40, 40))
    high = np.where(np.arange(40) < 20, 1.0, 5.0) * np.ones((40, 1))
    with Needs(rasters(tmp_path, **{"q0.05": low, "q0.95": high})) as needs:
        points = draw(needs, 50, 3)
    wide = sum(point.confidence["q0.95"] == 5 for point in points)
    assert wide == pytest.approx(50 * 1 / (1 + 0.1 + 0.9 / 5), abs=2)
