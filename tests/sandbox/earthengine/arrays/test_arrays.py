"""Arrays over the real wire: the client's graphs and its own decoding of the answers, and pixels as files."""

import io

import numpy as np
import pytest

GRID = {
    "dimensions": {"width": 12, "height": 9},
    "affineTransform": {
        "scaleX": 60,
        "shearX": 0,
        "translateX": 634_000,
        "shearY": 0,
        "scaleY": -60,
        "translateY": 220_000,
    },
    "crsCode": "EPSG:32119",
}
BANDS = ["B1", "B2", "B3", "B4", "B5", "B7"]


def pixels(ee, image):
    data = ee.data.computePixels({"expression": image, "fileFormat": "NPY", "grid": GRID})
    return np.load(io.BytesIO(data), allow_pickle=False)


def test_values_of_arrays_in_one_answer(ee):
    tall = ee.Array([[1, 0.5], [1, 1.5], [1, 3], [1, 4]])
    found = ee.Dictionary(
        {
            "solved": tall.matrixSolve([[1], [2], [4], [3]]).project([0]),
            "sorted": ee.Array([3, 1, 2]).sort().toList(),
            "shape": tall.length(),
            "empty": ee.Array([], ee.PixelType.int8()),
            "svd": ee.Array([[3, 0], [0, 2]]).matrixSingularValueDecomposition().get("S"),
        }
    ).getInfo()
    expected = np.linalg.lstsq(np.array([[1, 0.5], [1, 1.5], [1, 3], [1, 4]]), [1, 2, 4, 3], rcond=None)[0]
    assert found.pop("solved") == pytest.approx(expected.tolist())
    assert found == {"sorted": [1, 2, 3], "shape": [4, 2], "empty": [], "svd": [[3, 0], [0, 2]]}


def test_pixels_of_a_real_scene_as_arrays_and_taken_apart_again(ee, landsat):
    image = ee.Image(landsat).select(BANDS)
    plain, together = pixels(ee, image), pixels(ee, image.toArray())
    values = np.stack([plain[name] for name in BANDS], axis=-1)
    assert together["array"].shape == (9, 12, 6) and (together["array"] == values).all()
    weights = np.arange(12, dtype="float64").reshape(2, 6) / 7
    product = ee.Image(ee.Array(weights.tolist())).matrixMultiply(image.toDouble().toArray().toArray(1))
    found = pixels(ee, product.arrayProject([0]).arrayFlatten([["a", "b"]]))
    expected = values.astype("float64") @ weights.T
    assert np.allclose(found["a"], expected[..., 0]) and np.allclose(found["b"], expected[..., 1])
    described = image.toArray().toArray(1).getInfo()["bands"]
    assert [(band["id"], band["data_type"]["dimensions"]) for band in described] == [("array", 2)]


def test_arrays_of_several_lengths_are_sampled_but_fit_no_file(ee, landsat):
    image = ee.Image(landsat).select("B4").toInt()
    bits = image.bitsToArrayImage()
    region = ee.Geometry.Rectangle([634_000, 219_400, 634_600, 220_000], "EPSG:32119", False)
    table = image.addBands(bits.rename("bits")).sample(region, 60).getInfo()["features"]
    assert len(table) > 50 and len({len(row["properties"]["bits"]) for row in table}) > 1
    for row in table:
        number = row["properties"]["B4"]
        assert row["properties"]["bits"] == [int(bit) for bit in reversed(f"{number:b}")]
    with pytest.raises(ee.EEException, match="The array pixels of band 'B4' must all have the same shape"):
        pixels(ee, bits)
    with pytest.raises(ee.EEException, match="has array pixels, which a GeoTIFF cannot hold"):
        ee.data.computePixels({"expression": image.toArray(), "fileFormat": "GEO_TIFF", "grid": GRID})
    picture = {"grid": GRID, "fileFormat": "PNG", "visualizationOptions": {"ranges": [{"min": 0, "max": 1}]}}
    first = ee.data.computePixels({"expression": bits, **picture})
    assert first == ee.data.computePixels({"expression": image.mod(2), **picture})
    padded = pixels(ee, bits.arrayPad([8]))
    assert padded["B4"].shape == (9, 12, 8)
