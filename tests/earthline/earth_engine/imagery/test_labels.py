"""Labels of every kind as pixels, through the real client against the sandbox."""

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.features import rasterize
from shapely.geometry import mapping

from earthline.config import Data

FOLDER = "projects/sandbox/assets/label_test"
SHAPE = (40, 50)
TRANSFORM = (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_500_000.0)
CRS = "EPSG:32633"
SPRING = [["2021-03-01", "2021-06-01"]]
SCRIPT = """
import ee, json, sys
import numpy as np
from earthline.config import Data
from earthline.earth_engine import connection, imagery, verification
from earthline.earth_engine.pixels import fetch
from earthline.grid import Grid
connection.connect("sandbox")
grid = Grid("EPSG:32633", (10.0, 0.0, 500000.0, 0.0, -10.0, 5500000.0), (40, 50))
found = {}
for name, section in json.load(open(sys.argv[1])).items():
    data = Data.model_validate_json(section)
    try:
        told = [question.ask() for question in verification.questions(data) if "label" in question.name]
        labels = fetch(imagery.labels(data).unmask(255, False), grid, 3, name)["earthline_label"].tolist()
        found[name] = {"labels": labels, "told": told}
    except Exception as error:
        found[name] = {"error": f"{type(error).__name__}: {error}"}
print("OUTCOME" + json.dumps(found))
"""
TABLE = """
import ee, json, sys
ee.Initialize(project="sandbox")
for name, rows in json.load(open(sys.argv[1])).items():
    edges = [None if row["geometry"]["type"] == "Point" else False for row in rows]
    places = [ee.Geometry(row["geometry"], None, straight) for row, straight in zip(rows, edges, strict=True)]
    features = [ee.Feature(place, row["properties"]) for place, row in zip(places, rows, strict=True)]
    task = ee.batch.Export.table.toAsset(ee.FeatureCollection(features), assetId=name)
    task.start()
    while task.active():
        pass
    assert task.status()["state"] == "COMPLETED", task.status()
"""


def in_degrees(shape):
    to_degrees = rasterio.warp.transform

    def convert(xy):
        x, y = Affine(*TRANSFORM) @ tuple(xy.T)
        return np.column_stack(to_degrees(CRS, "EPSG:4326", x.tolist(), y.tolist()))

    return shapely.transform(shape, convert)


def shapes():
    """Shapes in pixels, with a text, a number and dates in several spellings."""
    random = np.random.default_rng(8)
    found = []
    for number in range(40):
        x, y = random.uniform(3, 47), random.uniform(3, 37)
        shape = shapely.Point(x, y)
        if number % 4 == 0:
            corners = random.uniform(-4, 4, (6, 2)) + np.array([x, y])
            shape = shapely.convex_hull(shapely.MultiPoint(corners))
        kind = ("wood", "lake", "cloud")[number % 3]
        value = [0.1, 0.5, 1.0][number % 3]
        day = date(2021, 1, 1) + timedelta(days=9 * number)
        moment = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)
        written = ("", str(day), f"{day}T12:00:00", str(day)[:7])[number % 4]
        dates = {"year": 2020 + number % 2, "day": written, "moment": moment}
        found.append((shape, {"kind": kind, "value": value, **dates}))
    return found


def quarters():
    """Polygons of a quarter of a pixel, four to each of some pixels, of the first class and of the third one."""
    random = np.random.default_rng(5)
    found = []
    for row, column, number in np.ndindex(5, 5, 4):
        x, y = column + 10.1 + number % 2 / 2, row + 10.1 + number // 2 / 2
        found.append((shapely.box(x, y, x + 0.5, y + 0.5), int(random.integers(2)) * 2))
    return found


def burned(pairs):
    """Class ids by rasterio of (shape, class id); 255 where there is none, or where classes contradict."""
    low, high = np.full(SHAPE, 255), np.full(SHAPE, -1)
    for shape, class_id in pairs:
        if shape.geom_type == "Point":
            mine = np.zeros(SHAPE, bool)
            mine[int(shape.y), int(shape.x)] = True
        else:
            mine = rasterize([shape], SHAPE, transform=Affine.identity()).astype(bool)
        low[mine], high[mine] = np.minimum(low[mine], class_id), np.maximum(high[mine], class_id)
    return np.where(low == high, low, 255)


def classes(*values, key="values"):
    return [{"name": f"class {number}", "color": "#123456", key: list(each)} for number, each in enumerate(values)]


def save(path, array):
    profile = {"driver": "GTiff", "count": 1, "height": array.shape[0], "width": array.shape[1]}
    side = 10 * SHAPE[0] / array.shape[0]
    transform = Affine(side, 0, TRANSFORM[2], 0, -side, TRANSFORM[5])
    with rasterio.open(path, "w", crs=CRS, transform=transform, dtype=array.dtype, **profile) as file:
        file.write(array, 1)
    return str(path)


@pytest.fixture(scope="module")
def outcomes(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    sandbox.command("add", f"{FOLDER}/scene", save(folder / "scene.tif", np.ones(SHAPE, np.uint8)), "--bands", "b1")
    # Four pixels of one value, or of three and another, in each pixel of the grid; in the middle NaN.
    fine = np.kron(np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) % 10 / 10, np.ones((2, 2))).astype(np.float32)
    fine[::2, ::2] = 0.95
    fine[30:40, 30:40] = np.nan
    sandbox.command("add", f"{FOLDER}/biomass", save(folder / "fine.tif", fine), "--bands", "b1")
    rows = [
        {"type": "Feature", "geometry": mapping(in_degrees(shape)), "properties": properties}
        for shape, properties in shapes()
    ]
    (folder / "fields.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    (folder / "tables.json").write_text(json.dumps({f"{FOLDER}/fields": rows}))
    sandbox.python(f"import sys\nsys.argv[1:] = [{str(folder / 'tables.json')!r}]\n" + TABLE)

    def section(**labels):
        given = {"imagery": {"image": f"{FOLDER}/scene", "bands": ["b1"], "data_type": "uint8"}, "labels": labels}
        return Data.model_validate(given, context={"folder": folder}).model_dump_json()

    rows = [
        {"type": "Feature", "geometry": mapping(in_degrees(shape)), "properties": {"kind": class_id}}
        for shape, class_id in quarters()
    ]
    (folder / "quarters.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    fine = {"file": "quarters.geojson", "field": "kind", "classes": classes([0], [1], [2])}
    texts = {"field": "kind", "classes": classes(["wood"], ["lake"]), "ignore": ["cloud"]}
    table = {"table": f"{FOLDER}/fields"}
    cases = {
        "file": section(file="fields.geojson", **texts),
        "table": section(**table, **texts),
        "one year": section(**table, **texts, where={"year": 2021}),
        "ranges": section(**table, field="value", classes=classes([[0, 0.2]], [[0.5, 1]], key="ranges")),
        "radius": section(file="fields.geojson", **texts, where={"year": 2021}, radius=25.0),
        "finer": section(**fine),
        "finer, touched": section(**fine, all_touched=True),
        "raster ranges": section(
            image=f"{FOLDER}/biomass", band="b1", classes=classes([[0, 0.5]], [[0.5, 1]], key="ranges")
        ),
        "days of a table": section(**table, **texts, date={"field": "day", "within": SPRING, "tolerance": 3}),
        "days of a file": section(
            file="fields.geojson", **texts, date={"field": "day", "within": SPRING, "tolerance": 3}
        ),
        "moments": section(**table, **texts, date={"field": "moment", "within": SPRING}),
        "years": section(**table, **texts, date={"field": "year", "within": SPRING}),
        "no such date": section(**table, **texts, date={"field": "when", "within": SPRING}),
        "no date": section(**table, **texts, date={"field": "kind", "within": SPRING}),
        "another time": section(**table, **texts, date={"field": "year", "within": [["2018-01-01", "2019-01-01"]]}),
        "unknown text": section(**table, field="kind", classes=classes(["Wood "], ["lake"]), ignore=["cloud"]),
        "no field": section(**table, field="kid", classes=classes(["wood"], ["lake"])),
        "no table": section(table=f"{FOLDER}/nothing", **texts),
        "outside ranges": section(**table, field="value", classes=classes([[0, 0.2]], [[0.8, 1]], key="ranges")),
        "raster outside": section(
            image=f"{FOLDER}/biomass", band="b1", classes=classes([[0, 0.5]], [[0.6, 1]], key="ranges")
        ),
    }
    (folder / "cases.json").write_text(json.dumps(cases))
    out = sandbox.python(f"import sys\nsys.argv[1:] = [{str(folder / 'cases.json')!r}]\n" + SCRIPT, timeout=300)
    return json.loads(out.split("OUTCOME")[1])


def of_kinds(pairs):
    ids = {"wood": 0, "lake": 1}
    return [(shape, ids[properties["kind"]]) for shape, properties in pairs if properties["kind"] in ids]


@pytest.mark.parametrize("case", ["file", "table"])
def test_points_and_polygons_are_burned_as_rasterio_does(outcomes, case):
    np.testing.assert_array_equal(outcomes[case]["labels"], burned(of_kinds(shapes())))


def test_attributes_choose_the_features_of_a_table(outcomes):
    chosen = [pair for pair in shapes() if pair[1]["year"] == 2021]
    np.testing.assert_array_equal(outcomes["one year"]["labels"], burned(of_kinds(chosen)))


@pytest.mark.parametrize("case", ["days of a table", "days of a file"])
def test_labels_of_another_day_do_not_count(outcomes, case):
    chosen = []
    for shape, properties in shapes():
        day = properties["day"][:10]
        if len(day) == 10 and "2021-02-26" <= day <= "2021-06-03":
            chosen.append((shape, properties))
        elif len(day) == 7 and "2021-02" <= day <= "2021-06":
            chosen.append((shape, properties))
    assert 5 < len(chosen) < 20
    np.testing.assert_array_equal(outcomes[case]["labels"], burned(of_kinds(chosen)))


def test_moments_and_years_of_a_table_are_dates(outcomes):
    low, high = (datetime(2021, month, 1, tzinfo=UTC).timestamp() * 1000 for month in (3, 6))
    chosen = [pair for pair in shapes() if low <= pair[1]["moment"] < high]
    np.testing.assert_array_equal(outcomes["moments"]["labels"], burned(of_kinds(chosen)))
    chosen = [pair for pair in shapes() if pair[1]["year"] == 2021]
    np.testing.assert_array_equal(outcomes["years"]["labels"], burned(of_kinds(chosen)))
    told = "; ".join(outcomes["years"]["told"])
    assert "20 of 40 labels do not count, for they are not of 2021-03-01 to 2021-05-31 (2020: 20)" in told


def test_ranges_of_a_field_are_classes(outcomes):
    ids = [(shape, 0 if properties["value"] < 0.2 else 1) for shape, properties in shapes()]
    np.testing.assert_array_equal(outcomes["ranges"]["labels"], burned(ids))


def test_a_radius_labels_the_pixels_whose_centre_is_as_near(outcomes):
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5
    pairs = of_kinds([pair for pair in shapes() if pair[1]["year"] == 2021])
    low, high, near = np.full(SHAPE, 255), np.full(SHAPE, -1), np.zeros(SHAPE, bool)
    for shape, class_id in pairs:
        away = np.hypot(columns - shape.x, rows - shape.y)
        mine = away < 2.5
        mine[int(shape.y), int(shape.x)] = True
        near |= np.abs(away - 2.5) < 0.02
        low[mine], high[mine] = np.minimum(low[mine], class_id), np.maximum(high[mine], class_id)
    expected = np.where(low == high, low, 255)
    found = np.array(outcomes["radius"]["labels"])
    np.testing.assert_array_equal(found[~near], expected[~near])
    assert (found < 255).sum() > 200


def test_of_polygons_finer_than_a_pixel_the_one_in_its_middle_counts(outcomes):
    expected = np.full(SHAPE, 255)
    expected[10:15, 10:15] = np.array([class_id for _, class_id in quarters()[::4]]).reshape(5, 5)
    np.testing.assert_array_equal(outcomes["finer"]["labels"], expected)


def test_polygons_that_touch_one_pixel_are_never_averaged(outcomes):
    expected = np.full(SHAPE, 255)
    for row, column in np.ndindex(6, 6):
        pixel = shapely.box(column + 10, row + 10, column + 11, row + 11)
        there = {class_id for shape, class_id in quarters() if shape.intersection(pixel).area > 0.005}
        expected[row + 10, column + 10] = there.pop() if len(there) == 1 else 255
    found = np.array(outcomes["finer, touched"]["labels"])
    np.testing.assert_array_equal(found, expected)
    assert (found == 255).sum() > found.size - 36 + 9 and 1 not in found


def test_ranges_of_a_finer_raster_are_counted_never_averaged_and_nan_is_no_label(outcomes):
    found = np.array(outcomes["raster ranges"]["labels"])
    value = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) % 10 / 10
    expected = np.where(value < 0.5, 0, 1)
    expected[15:20, 15:20] = 255
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("file", ["26 points and", "polygons", "features lie in the region"]),
        ("table", [f"{FOLDER}/fields has 40 features", "lie in the region"]),
        ("raster ranges", ["all values lie in a class's ranges"]),
    ],
)
def test_what_is_there_is_told(outcomes, case, words):
    told = "; ".join(outcomes[case]["told"])
    for word in words[1:]:
        assert word in told


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("unknown text", ["data.labels.classes: the field kind of", "'wood' (14 features, nearly 'Wood ')"]),
        ("no field", ["data.labels.field", "has no kid, but ", "kind"]),
        ("no table", ["data.labels.table", "nothing", "not found"]),
        ("no such date", ["data.labels.date", "has no when, but ", "moment"]),
        ("no date", ["data.labels.date: the field kind holds values that are no date", "'wood' (14 features)"]),
        ("another time", ["data.labels.date: none of 40 labels", "2018-01-01 to 2018-12-31 (2020: 20, 2021: 20)"]),
        ("outside ranges", ["0.5 (13 features)", "`ranges`"]),
        ("raster outside", ["outside of all ranges: 0.5 (", "data.labels.ignore"]),
    ],
)
def test_each_mistake_names_the_key_and_the_values(outcomes, case, words):
    for word in words:
        assert word in outcomes[case]["error"]
