import ee
import numpy as np
import pytest

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

CRS = "EPSG:32617"
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)
SHAPE = (20, 24)
GRID = Grid(CRS, TRANSFORM, SHAPE)


@pytest.fixture(scope="module")
def elevations(world):
    """A plane that rises 3 m per 10 m to the east and 4 m per 10 m to the north, and a bowl with a rim."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    world.add("plane", {"elevation": (9.0 * x - 12.0 * y).astype("float32"), "other": x.astype("uint8")})
    pit = np.full(SHAPE, 50, "int16")
    pit[5:15, 5:15] = 80
    pit[6:14, 6:14] = 10
    pit[5, 9] = 60
    world.add("pit", {"b": pit})
    return world


def inner(pixels):
    return pixels[1:-1, 1:-1]


def test_slope_and_aspect_of_a_plane(elevations):
    image = ee.Terrain.products(ee.Image("plane"))
    assert elevations.compute(image.bandNames()) == ["elevation", "other", "slope", "aspect", "hillshade"]
    _, _, slope, aspect, shade = elevations.pixels(image, GRID)
    assert np.allclose(inner(slope), np.degrees(np.arctan(0.5)), atol=1e-4)
    # Uphill is 3 east and 4 north; the slope looks the other way.
    assert np.allclose(inner(aspect), 180 + np.degrees(np.arctan(3 / 4)), atol=1e-3)
    # A Lambertian surface: the cosine between its normal and the light, which stands in the west at 45 degrees.
    normal = np.array([-0.3, -0.4, 1]) / np.sqrt(1.25)
    assert (inner(shade) == round(255 * (normal @ [-np.sqrt(0.5), 0, np.sqrt(0.5)]))).all()
    assert shade.dtype == np.uint8
    border = np.ones(SHAPE, bool)
    border[1:-1, 1:-1] = False
    assert (slope.mask == border).all()


@pytest.mark.parametrize(
    ("rise", "expected"), [((1, 0), 270), ((-1, 0), 90), ((0, 1), 180), ((0, -1), 0), ((0, 0), 0), ((1, 1), 225)]
)
def test_aspect_looks_downhill(world, rise, expected):
    x, y = ee.Image.pixelCoordinates(ee.Projection(CRS)).select("x"), ee.Image.pixelCoordinates(CRS).select("y")
    plane = x.multiply(rise[0]).add(y.multiply(rise[1]))
    assert np.allclose(world.pixels(ee.Terrain.aspect(plane), GRID)[0], expected)


def test_hillshade_follows_its_light(world):
    flat = ee.Image(100)
    assert (world.pixels(ee.Terrain.hillshade(flat), GRID)[0] == 180).all()
    assert (world.pixels(ee.Terrain.hillshade(flat, 270, 90), GRID)[0] == 255).all()
    west = ee.Image.pixelCoordinates(ee.Projection(CRS)).select("x").multiply(-1)
    assert (world.pixels(ee.Terrain.hillshade(west, 90, 45), GRID)[0] == 255).all()
    assert (world.pixels(ee.Terrain.hillshade(west, 270, 45), GRID)[0] == 0).all()


def test_a_slope_in_degrees_is_measured_in_metres(world):
    longitude = ee.Image.pixelLonLat().select("longitude")
    grid = Grid("EPSG:4326", (0.001, 0, 10, 0, -0.001, 60.0005), (1, 4))
    metres = 0.001 * 111_319.49079327358 * 0.5
    found = world.pixels(ee.Terrain.slope(longitude.multiply(1000)), grid)[0]
    assert np.allclose(found, np.degrees(np.arctan(1 / metres)), rtol=1e-6)
    # Mercator stretches by one over the cosine of the latitude, so the same hill is as steep there.
    grid = Grid("EPSG:3857", (100.0, 0, 1_000_000, 0, -100.0, 8_399_788), (1, 4))
    assert np.allclose(world.pixels(ee.Terrain.slope(longitude.multiply(1000)), grid)[0], found, rtol=1e-3)


def test_a_wall_throws_a_shadow_of_its_height_over_the_suns_tangent(world):
    wall = np.zeros(SHAPE, "float32")
    wall[:, 10] = 95
    world.add("wall", {"b": wall})
    # From the west and 45 degrees high: the shadow of 95 m reaches 95 m, three pixels of 30 m, to the east.
    shadow = world.pixels(ee.Terrain.hillShadow(ee.Image("wall"), 270, 45, 20), GRID)[0]
    expected = np.ones(SHAPE, "uint8")
    expected[:, 11:14] = 0
    assert (shadow == expected).all()
    near = world.pixels(ee.Algorithms.HillShadow(ee.Image("wall"), 270, 45, 2), GRID)[0]
    assert near[0].tolist() == [1] * 11 + [0, 0] + [1] * 11


def test_a_pit_fills_to_its_lowest_rim(elevations):
    filled = elevations.pixels(ee.Terrain.fillMinima(ee.Image("pit"), None, 30), GRID)[0]
    assert (filled[6:14, 6:14] == 60).all()
    assert (filled[5, 5:9] == 80).all()
    assert (filled[:5] == 50).all()
    with pytest.raises(ApiError, match="Only works on integer types"):
        elevations.compute(ee.Terrain.fillMinima(ee.Image("plane")))


def test_terrain_wants_one_band_or_elevation(world):
    with pytest.raises(ApiError, match="a single band, or one named 'elevation'"):
        world.compute(ee.Terrain.slope(ee.Image("C/s0")))
