"""Pictures of labels: thinned out, and yet every point is seen."""

import json

import numpy as np
from shapely.geometry import Point, mapping

from earthline.config.loading import load
from earthline.grid import Grid
from earthline.reports.maps import scene
from earthline.task import task_of

CONFIG = """
name: plots
data:
  imagery: {image: a/b, bands: [B1]}
  labels:
    file: plots.geojson
    field: biomass
    value: {name: biomass, unit: t/ha, range: [0, 500]}
  region: {geometry: {type: Polygon, coordinates: [[[10, 50], [11, 50], [11, 51], [10, 51], [10, 50]]]}}
"""


def test_a_thinned_picture_shows_every_point_of_the_region_as_a_spot(tmp_path, monkeypatch):
    places = [(10.0505, 50.9505, 100.0), (10.5515, 50.4525, 250.0), (10.9095, 50.0505, 0.0), (10.2, 51.05, 400.0)]
    rows = [
        {"type": "Feature", "geometry": mapping(Point(x, y)), "properties": {"biomass": value}}
        for x, y, value in places
    ]
    (tmp_path / "plots.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    (tmp_path / "config.yaml").write_text(CONFIG)
    data = load(tmp_path / "config.yaml").data
    task = task_of(data)
    grid = Grid("EPSG:4326", (0.001, 0.0, 9.9, 0.0, -0.001, 51.1), (1200, 1200))
    thinned = np.full((240, 240), task.no_data, np.float32)  # what the points lie between

    monkeypatch.setattr(scene.imagery, "labels", lambda data: None)
    monkeypatch.setattr(scene.imagery, "clipped", lambda image, *_, **__: image)
    monkeypatch.setattr(type(task), "unmasked", lambda self, image: image)
    monkeypatch.setattr(scene, "fetch", lambda *_: {scene.imagery.LABEL_BAND: thinned})
    values = scene.label_pixels(data, grid, task, 240)

    found = {(row, column): values[row, column] for row, column in np.argwhere(values != task.no_data).tolist()}
    assert found == {(29, 30): 100.0, (129, 130): 250.0, (209, 201): 0.0}  # and none outside of the region
    drawn = scene.drawn_labels(values, task)
    for (row, column), value in found.items():
        spot = drawn[row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3)
        assert (spot == task.colors_of(np.array([value], np.float32))[0]).all()
