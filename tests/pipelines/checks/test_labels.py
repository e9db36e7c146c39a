import json

import pytest
from shapely.geometry import Point, box, mapping

from earthline.config import parse
from earthline.config.loading import load
from pipelines.checks.labels import of_labels

CONFIG = """
name: fields
data:
  imagery: {image: a/b, bands: [B1]}
  labels:
    file: fields.geojson
    field: kind
    classes:
      - {name: forest, color: "#1b7837", values: [wood]}
      - {name: water, color: "#2b8cbe", values: [lake]}
"""


@pytest.fixture
def findings(tmp_path):
    def found(features, region=""):
        rows = [
            {"type": "Feature", "geometry": mapping(shape), "properties": {"kind": kind}} for shape, kind in features
        ]
        (tmp_path / "fields.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
        (tmp_path / "config.yaml").write_text(CONFIG + region)
        return {finding.name: finding for finding in of_labels(load(tmp_path / "config.yaml"))}

    return found


REGION = "  region: {west: 10, south: 50, east: 11, north: 51}\n"


def test_features_are_told_by_class(findings):
    found = findings([(Point(10.5, 50.5), "wood"), (box(10.1, 50.1, 10.2, 50.2), "wood"), (Point(10.4, 50.4), "lake")])
    assert list(found) == ["labels of the file"]
    detail = found["labels of the file"].detail
    assert detail.startswith("forest 1 point and 1 polygon (few: 30 or more") and "water 1 point" in detail


def test_features_outside_of_the_region_are_counted_and_all_of_them_refused(findings):
    inside, outside = (Point(10.5, 50.5), "wood"), (Point(12, 50.5), "lake")
    found = findings([inside, outside], REGION)["labels in the region"]
    assert found.passed is None and found.detail == (
        "1 of 2 features lie outside of data.region, such as the one at (12.00000, 50.50000): not used"
    )
    found = findings([outside, outside], REGION)["labels in the region"]
    assert found.passed is False and "(12, 50.5)" in found.detail and "CRS" in found.fix
    assert "labels in the region" not in findings([inside], REGION)


def test_a_class_without_a_feature_in_the_region_is_refused_before_anything_is_exported(findings):
    wood, lake = (Point(10.5, 50.5), "wood"), (Point(12, 50.5), "lake")
    for found in (findings([wood]), findings([wood, lake], REGION)):
        assert found["features of each label"].passed is False
        assert found["features of each label"].detail.startswith("water: no feature ")
    assert "features of each label" not in findings([wood, lake])


def test_a_region_over_the_antimeridian_holds_labels_on_both_sides(findings):
    across = "  region: {west: 179, south: -20, east: -179, north: -10}\n  crs: EPSG:32760\n  scale: 10\n"
    both = [(Point(179.5, -15), "wood"), (Point(-179.5, -15), "lake")]
    assert "labels in the region" not in findings(both, across)


def test_overlapping_features_of_different_classes_are_told(findings):
    found = findings(
        [(box(10, 50, 10.2, 50.2), "wood"), (box(10.1, 50.1, 10.3, 50.3), "lake"), (Point(10.15, 50.15), "lake")]
    )
    detail = found["contradictions"].detail
    assert found["contradictions"].passed is None
    assert "3 features share ground" in detail and "2 pairs" in detail and "no label" in detail
    assert "'forest' and 'water'" in detail


def test_points_that_stand_twice_or_contradict_each_other_are_told(findings):
    found = findings([(Point(10.5, 50.5), kind) for kind in ("wood", "wood", "lake")] + [(Point(10.6, 50.6), "wood")])
    assert "3 features share ground with one of another label (2 pairs)" in found["contradictions"].detail
    assert found["repeated labels"].passed is None
    assert found["repeated labels"].detail.startswith("1 features stand there once more, such as 'forest' at (10.50000")


def test_contradictions_of_a_value_are_told_by_number():
    value = {"name": "h", "unit": "m", "range": [0, 10]}
    shapes = [[1.5, mapping(box(10, 50, 10.2, 50.2))], [2.25, mapping(box(10.1, 50.1, 10.3, 50.3))]]
    labels = {"features": shapes, "value": value}
    config = parse({"name": "plots", "data": {"imagery": {"image": "a/b", "bands": ["B1"]}, "labels": labels}}, "x")
    assert "features of each label" not in {finding.name for finding in of_labels(config)}, "ranges may be empty"
    found = {each.name: each.detail for each in of_labels(config)}
    assert "such as '1.5' and '2.25' at" in found["contradictions"]
    assert "0 to 2 m 1 polygon" in found["labels of the file"]


def test_labels_of_a_raster_have_none_of_these(tmp_path):
    classes = [{"name": name, "color": "#123456", "values": [value]} for value, name in enumerate(("a", "b"))]
    labels = {"image": "a/c", "band": "b1", "classes": classes}
    config = parse({"name": "raster", "data": {"imagery": {"image": "a/b", "bands": ["B1"]}, "labels": labels}}, "x")
    assert list(of_labels(config)) == []


def test_a_slip_of_the_unit_is_told_whatever_the_range(tmp_path):
    values = [*(place / 2 for place in range(60)), 236_200.0]
    rows = [
        {"type": "Feature", "geometry": mapping(Point(10 + place / 100, 50.5)), "properties": {"kind": value}}
        for place, value in enumerate(values)
    ]
    (tmp_path / "fields.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": rows}))

    def told(value, ignore=()):
        labels = f"    value: {value}\n    ignore: {list(ignore)}\n"
        (tmp_path / "config.yaml").write_text(CONFIG.partition("    classes:")[0] + labels)
        return {found.name: found for found in of_labels(load(tmp_path / "config.yaml"))}.get("labels far from all")

    found = told("{name: biomass, unit: t/ha, range: [0, 250000]}")
    assert found.passed is None
    assert found.detail.startswith("236200 at (10.60000, 50.50000): far from all other labels (half of them from 7.5")
    assert "data.labels.ignore" in found.detail
    assert told("{name: biomass, unit: t/ha, range: [0, 30]}", [236200]) is None
