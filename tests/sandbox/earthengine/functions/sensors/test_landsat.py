import math

import ee
import numpy as np
import pytest

from earthline_sandbox.errors import ApiError

BANDS = ["B1", "B2", "B3", "B4", "B5", "B6", "B7"]
SHAPE = (4, 5)
COEFFICIENTS = {
    "SPACECRAFT_ID": "LANDSAT_5",
    "SUN_ELEVATION": 30.0,
    **{f"REFLECTANCE_MULT_BAND_{band}": 0.002 for band in (1, 2, 3, 4, 5, 7)},
    **{f"REFLECTANCE_ADD_BAND_{band}": -0.004 for band in (1, 2, 3, 4, 5, 7)},
    "RADIANCE_MULT_BAND_6": 0.055,
    "RADIANCE_ADD_BAND_6": 1.18,
    "K1_CONSTANT_BAND_6": 607.76,
    "K2_CONSTANT_BAND_6": 1260.56,
}


@pytest.fixture(scope="module")
def scenes(world):
    generator = np.random.default_rng(3)
    made = []
    for number in range(5):
        # Dark and warm: bare ground.
        arrays = {band: generator.integers(5, 30, SHAPE).astype("uint8") for band in BANDS}
        arrays["B6"] = generator.integers(150, 200, SHAPE).astype("uint8")
        if number == 4:
            # Bright and cold everywhere: a cloud.
            arrays = {band: np.full(SHAPE, 10 if band == "B6" else 250, "uint8") for band in BANDS}
        world.add(f"landsat/{number}", arrays, properties={**COEFFICIENTS, "CLOUD_COVER": float(number)})
        made.append(arrays)
    return made


def reflectance(values):
    return (0.002 * values.astype(float) - 0.004) / math.sin(math.radians(30))


def temperature(values):
    return 1260.56 / np.log(607.76 / (0.055 * values.astype(float) + 1.18) + 1)


def window(world):
    return world.assets.records["landsat/0"].bands[0]


def pixels(world, image):
    from earthline_sandbox.earthengine.pixels.grid import Grid

    record = window(world)
    return [band.filled(0) for band in world.pixels(image, Grid(record.crs, record.transform, SHAPE))]


def test_toa_is_the_formula_of_the_metadata(world, scenes):
    red, thermal = pixels(world, ee.Algorithms.Landsat.TOA(ee.Image("landsat/0")).select(["B3", "B6"]))
    assert np.allclose(red, reflectance(scenes[0]["B3"]), rtol=1e-6)
    assert np.allclose(thermal, temperature(scenes[0]["B6"]), rtol=1e-6)


def test_a_scene_without_coefficients_is_refused_by_the_name_of_what_it_lacks(world, scenes):
    bare = ee.Image("landsat/0").set("SUN_ELEVATION", None)
    with pytest.raises(ApiError, match="SUN_ELEVATION"):
        world.compute(ee.Algorithms.Landsat.TOA(bare))
    with pytest.raises(ApiError, match="SPACECRAFT_ID"):
        world.compute(ee.Algorithms.Landsat.TOA(ee.Image(1)))


def test_clouds_score_high_and_warm_dark_ground_low(world, scenes):
    def scored(number):
        return ee.Algorithms.Landsat.simpleCloudScore(ee.Algorithms.Landsat.TOA(ee.Image(f"landsat/{number}")))

    (clear,) = pixels(world, scored(0).select("cloud"))
    (cloudy,) = pixels(world, scored(4).select("cloud"))
    assert clear.max() < 30 and cloudy.min() > 60


def test_a_composite_leaves_clouds_out_and_takes_the_percentile_of_the_rest(world, scenes):
    collection = ee.ImageCollection([ee.Image(f"landsat/{number}") for number in range(5)])
    composite = ee.Algorithms.Landsat.simpleComposite(collection, cloudScoreRange=50, asFloat=True)
    red, thermal = pixels(world, composite.select(["B3", "B6"]))
    clear = [reflectance(scene["B3"]) for scene in scenes[:4]]
    warm = [temperature(scene["B6"]) for scene in scenes[:4]]
    assert np.allclose(red, np.median(clear, axis=0), rtol=1e-6)
    assert np.allclose(thermal, np.median(warm, axis=0), rtol=1e-6)
    (scaled,) = pixels(world, ee.Algorithms.Landsat.simpleComposite(collection, cloudScoreRange=50).select("B3"))
    assert scaled.dtype == np.uint8 and (scaled == np.rint(np.median(clear, axis=0) * 255)).all()
