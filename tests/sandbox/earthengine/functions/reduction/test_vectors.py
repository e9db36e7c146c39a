import ee
import numpy as np
import pytest
import shapely
from pyproj import Transformer
from shapely.geometry import shape as shape_of

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

CRS = "EPSG:32617"
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)
SHAPE = (12, 16)
GRID = Grid(CRS, TRANSFORM, SHAPE)
TO_CRS = Transformer.from_crs("EPSG:4326", CRS, always_xy=True)


@pytest.fixture(scope="module")
def zones(world):
    """A square with a hole, two squares that touch at a corner, and values that count pixels."""
    labels = np.zeros(SHAPE, "uint8")
    labels[2:7, 2:7] = 1
    labels[4, 4] = 0
    labels[7:9, 7:9] = 1
    labels[1, 12:15] = 5
    world.add("zones", {"zone": labels, "value": np.arange(labels.size, dtype="float32").reshape(SHAPE)})
    return world


def pixel_plane(geometry):
    shape = shapely.transform(shape_of(geometry), lambda xy: np.column_stack(TO_CRS.transform(xy[:, 0], xy[:, 1])))
    return shapely.transform(shape, lambda xy: np.column_stack([(xy[:, 0] - 6e5) / 30, (4e6 - xy[:, 1]) / 30]))


def test_objects_become_polygons_with_holes_and_statistics(zones):
    image = ee.Image("zones").updateMask(ee.Image("zones").select("zone"))
    made = zones.compute(image.reduceToVectors(ee.Reducer.mean(), eightConnected=False))["features"]
    assert [item["properties"]["label"] for item in made] == [5, 1, 1]
    line, square, small = (pixel_plane(item["geometry"]) for item in made)
    assert line.symmetric_difference(shapely.box(12, 1, 15, 2)).area < 1e-4
    assert square.area == pytest.approx(24, abs=1e-4)
    assert square.symmetric_difference(shapely.box(2, 2, 7, 7) - shapely.box(4, 4, 5, 5)).area < 1e-4
    assert small.symmetric_difference(shapely.box(7, 7, 9, 9)).area < 1e-4
    values = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    assert made[0]["properties"]["mean"] == values[1, 12:15].mean()
    assert made[2]["properties"]["mean"] == values[7:9, 7:9].mean()


def test_eight_connected_objects_hang_together_at_corners(zones):
    image = ee.Image("zones").select("zone").selfMask()
    found = image.reduceToVectors(None, labelProperty="zone").filter(ee.Filter.eq("zone", 1))
    (made,) = zones.compute(found)["features"]
    assert made["properties"] == {"zone": 1, "count": 28}
    assert pixel_plane(made["geometry"]).area == pytest.approx(28, abs=1e-4)
    assert shape_of(made["geometry"]).is_valid


def test_boxes_centroids_and_native_geometries(zones):
    image = ee.Image("zones").select("zone").selfMask()
    boxes = zones.compute(image.reduceToVectors(geometryType="bb"))["features"]
    assert [pixel_plane(item["geometry"]).area for item in boxes] == pytest.approx([3, 49], abs=1e-3)
    points = zones.compute(image.reduceToVectors(geometryType="centroid"))["features"]
    assert shapely.get_coordinates([pixel_plane(item["geometry"]) for item in points])[0] == pytest.approx([13.5, 1.5])
    native = zones.compute(image.reduceToVectors(geometryInNativeProjection=True))["features"][0]["geometry"]
    assert native["crs"]["properties"]["name"] == CRS
    assert shape_of(native).bounds == (600_360, 3_999_940, 600_450, 3_999_970)


def test_a_region_and_a_scale_say_which_pixels(zones):
    region = ee.Geometry.Rectangle([600_060, 3_999_880, 600_180, 3_999_940], CRS, False)
    image = ee.Image("zones").select("zone").selfMask()
    made = zones.compute(image.reduceToVectors(geometry=region, crs=CRS, crsTransform=list(TRANSFORM)))["features"]
    assert [item["properties"]["count"] for item in made] == [8]
    with pytest.raises(ApiError, match="Found 192, but maxPixels allows only 100"):
        zones.compute(image.reduceToVectors(maxPixels=100))
    best = zones.compute(image.reduceToVectors(maxPixels=100, bestEffort=True))["features"]
    assert sum(item["properties"]["count"] for item in best) < 31


def test_vectors_refuse_what_cannot_be_labels(zones):
    with pytest.raises(ApiError, match="must be of an integer type"):
        zones.compute(ee.Image("zones").select("value").reduceToVectors())
    with pytest.raises(ApiError, match=r"Need 1\+1 bands for the reducer, but the image has 1"):
        zones.compute(ee.Image("zones").select("zone").reduceToVectors(ee.Reducer.mean()))
    with pytest.raises(ApiError, match="the pixels of band 'array' are arrays"):
        zones.compute(ee.Image("zones").select("zone").toArray().reduceToVectors())
    with pytest.raises(ApiError, match="not bounded"):
        zones.compute(ee.Image(1).reduceToVectors())


def box(left, top, right, bottom, **properties):
    corners = [600_000 + 30 * left, 4_000_000 - 30 * bottom, 600_000 + 30 * right, 4_000_000 - 30 * top]
    return ee.Feature(ee.Geometry.Rectangle(corners, CRS, False), properties)


def test_features_become_pixels_by_a_reducer(world):
    point = ee.Feature(ee.Geometry.Point([600_000 + 30 * 10.5, 4_000_000 - 30 * 0.5], CRS), {"a": 7})
    features = ee.FeatureCollection([box(1, 1, 5, 4, a=2), box(3, 2, 7.5, 6, a=10), point, box(0, 0, 16, 12)])
    total = features.reduceToImage(["a"], ee.Reducer.sum())
    assert world.compute(total.bandNames()) == ["sum"]
    expected = np.zeros(SHAPE)
    expected[1:4, 1:5] += 2
    expected[2:6, 3:8] += 10
    expected[0, 10] = 7
    found = world.pixels(total, GRID)[0]
    assert np.array_equal(found.filled(0), expected)
    assert (found.mask == (expected == 0)).all()
    with pytest.raises(ApiError, match="Need 1 properties for the reducer, got 2"):
        world.compute(features.reduceToImage(["a", "b"], ee.Reducer.sum()))


def test_style_fills_outlines_and_marks(world):
    features = ee.FeatureCollection([box(2, 2, 10, 10), ee.Feature(ee.Geometry.Point([600_405, 3_999_685], CRS))])
    image = features.style(color="FF0000", fillColor="0000FF", width=2, pointSize=1, pointShape="square")
    assert world.compute(image.bandNames()) == ["vis-red", "vis-green", "vis-blue"]
    red, green, blue = (part.filled(0) for part in world.pixels(image, GRID))
    inside = np.zeros(SHAPE, bool)
    inside[3:9, 3:9] = True
    edge = np.zeros(SHAPE, bool)
    edge[1:11, 1:11] = True
    edge &= ~inside
    # Rounded joins leave the centres of the corners' outermost pixels inside the stroke.
    assert (red[edge] == 255).all()
    assert (blue[inside] == 255).all()
    assert not green.any()
    assert (red[9:12, 12:15] > 0).any()
    pale = world.evaluator.image_of(world.evaluate(features.style(color="00FF00", width=0)))
    mask = pale.fetch(GRID)[1].mask
    assert mask[5, 5] == pytest.approx(0.66, abs=1e-6)
    assert mask[0, 0] == 0


def test_a_feature_brings_its_own_style(world):
    features = ee.FeatureCollection(
        [box(0, 0, 4, 4, look={"fillColor": "yellow", "width": 0}), box(8, 0, 12, 4).set("look", None)]
    )
    red, green, blue = world.pixels(features.style(color="000080FF", fillColor="00800080", styleProperty="look"), GRID)
    assert (red[1, 1], green[1, 1], blue[1, 1]) == (255, 255, 0)
    assert (red[2, 10], green[2, 10], blue[2, 10]) == (0, 128, 0)
    drawn = world.pixels(features.draw("#abcdef", 3, 2), GRID)
    assert [part[0, 2] for part in drawn] == [0xAB, 0xCD, 0xEF]
    beyond = ee.FeatureCollection(ee.Feature(ee.Geometry.LineString([[0, -89], [0, 91]], None, False))).draw("red")
    assert world.pixels(beyond, Grid("EPSG:3857", (1000.0, 0.0, 0.0, 0.0, -1000.0, 0.0), (3, 3)))[0].mask.any()
    for bad, message in (
        ({"color": "nocolour"}, "Invalid color: 'nocolour'"),
        ({"pointShape": "heart"}, "Unknown pointShape 'heart'"),
        ({"width": 1e9}, "'width' must be between 0 and 512 pixels"),
    ):
        with pytest.raises(ApiError, match=message):
            world.compute(features.style(**bad))
