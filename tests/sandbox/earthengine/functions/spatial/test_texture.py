import colorsys
from itertools import pairwise

import ee
import numpy as np
import pytest
from scipy.optimize import nnls

from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

CRS = "EPSG:32617"
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)
SHAPE = (60, 80)
GRID = Grid(CRS, TRANSFORM, SHAPE)
METRICS = (
    "asm contrast corr var idm savg svar sent ent dvar dent imcorr1 imcorr2 maxcorr diss inertia shade prom".split()
)


def haralick(window, x, y):
    """The metrics of one window, from the co-occurrence matrix itself."""
    levels = int(window.max()) + 1
    matrix = np.zeros((levels, levels))
    side = len(window)
    for row in range(side):
        for column in range(side):
            if 0 <= row + y < side and 0 <= column + x < side:
                one, two = window[row, column], window[row + y, column + x]
                matrix[one, two] += 1
                matrix[two, one] += 1
    p = matrix / matrix.sum()
    i, j = np.indices(p.shape)

    def information(values):
        values = values[values > 0]
        return -(values * np.log(values)).sum()

    mean, sums = (i * p).sum(), np.bincount((i + j).ravel(), p.ravel())
    apart = np.bincount(abs(i - j).ravel(), p.ravel())
    variance = ((i - mean) ** 2 * p).sum()
    k = np.arange(len(sums))
    average, spread = (k * sums).sum(), (np.arange(len(apart)) * apart).sum()
    px, hxy = p.sum(axis=1), information(p)
    hx, outer = information(px), px[:, None] * px[None, :]
    with np.errstate(all="ignore"):
        hxy1 = -np.nansum(np.where(p > 0, p * np.log(outer), 0))
    hxy2 = information(outer)
    return {
        "asm": (p**2).sum(),
        "contrast": ((i - j) ** 2 * p).sum(),
        "corr": ((i * j * p).sum() - mean**2) / variance if variance else 0,
        "var": variance,
        "idm": (p / (1 + (i - j) ** 2)).sum(),
        "savg": average,
        "svar": ((k - average) ** 2 * sums).sum(),
        "sent": information(sums),
        "ent": hxy,
        "dvar": ((np.arange(len(apart)) - spread) ** 2 * apart).sum(),
        "dent": information(apart),
        "imcorr1": (hxy - hxy1) / hx if hx else 0,
        "imcorr2": np.sqrt(max(1 - np.exp(-2 * (hxy2 - hxy)), 0)),
        "maxcorr": 0,
        "diss": (abs(i - j) * p).sum(),
        "inertia": ((i - j) ** 2 * p).sum(),
        "shade": ((i + j - 2 * mean) ** 3 * p).sum(),
        "prom": ((i + j - 2 * mean) ** 4 * p).sum(),
    }


@pytest.mark.parametrize("size", [1, 3])
def test_texture_is_that_of_the_cooccurrence_matrix(world, size):
    image = ee.Image("classes").glcmTexture(size)
    assert world.compute(image.bandNames()) == [f"class_{metric}" for metric in METRICS]
    found = world.pixels(image, GRID)
    rows, columns = np.indices(SHAPE)
    rim = (rows < size) | (rows >= 60 - size) | (columns < size) | (columns >= 80 - size)
    assert (found[0].mask == rim).all()
    for row, column in ((size, size), (20, 33), (59 - size, 40)):
        window = world.classes[row - size : row + size + 1, column - size : column + size + 1]
        each = [haralick(window, *direction) for direction in ((-1, -1), (0, -1), (1, -1), (-1, 0))]
        for metric, band in zip(METRICS, found, strict=True):
            expected = np.mean([measures[metric] for measures in each])
            assert band[row, column] == pytest.approx(expected, rel=1e-9, abs=1e-9), metric


def test_texture_by_direction(world):
    kernel = ee.Kernel.fixed(3, 3, [[0, 0, 0], [1, 0, 1], [0, 0, 1]])
    image = ee.Image("classes").glcmTexture(2, kernel, False)
    names = world.compute(image.bandNames())
    assert len(names) == 36
    assert names[1] == "class_contrast_-1_0"
    contrast = world.pixels(image.select("class_contrast_1_1"), GRID)[0][30, 30]
    assert contrast == pytest.approx(haralick(world.classes[28:33, 28:33], 1, 1)["contrast"])
    for name in ("glcmTexture", "entropy"):
        with pytest.raises(ApiError, match="Only 32-bit or smaller integer types are currently supported"):
            world.compute(
                getattr(ee.Image("classes").toFloat(), name)(**({} if name[0] == "g" else {"kernel": kernel}))
            )


def test_entropy_counts_the_values_of_a_window(world):
    image = ee.Image("classes").updateMask(ee.Image("classes").gt(0)).entropy(ee.Kernel.plus(2))
    found = world.pixels(image, GRID)[0]
    for row, column in ((0, 0), (30, 41), (59, 79)):
        places = [(row + d, column) for d in range(-2, 3)] + [(row, column + d) for d in (-2, -1, 1, 2)]
        values = [world.classes[p] for p in places if 0 <= p[0] < 60 and 0 <= p[1] < 80 and world.classes[p]]
        shares = np.unique(values, return_counts=True)[1] / len(values)
        if world.classes[row, column]:
            assert found[row, column] == pytest.approx(-(shares * np.log2(shares)).sum())
        else:
            assert found.mask[row, column]


def test_colours_turn_into_hue_saturation_value_and_back(world):
    generator = np.random.default_rng(4)
    rgb = generator.random((3, 8, 9))
    rgb[:, 0, 0] = 0
    rgb[:, 0, 1] = 0.4
    world.add("rgb", dict(zip("abc", rgb, strict=True)))
    grid = Grid(CRS, TRANSFORM, (8, 9))
    hsv = ee.Image("rgb").rgbToHsv()
    assert world.compute(hsv.bandNames()) == ["hue", "saturation", "value"]
    assert world.compute(hsv.hsvToRgb().bandNames()) == ["red", "green", "blue"]
    found, back = world.pixels(hsv, grid), world.pixels(hsv.hsvToRgb(), grid)
    for row, column in np.ndindex(8, 9):
        expected = colorsys.rgb_to_hsv(*rgb[:, row, column])
        assert [band[row, column] for band in found] == pytest.approx(expected, abs=1e-6)
    assert np.allclose(back, rgb, atol=1e-6)
    with pytest.raises(ApiError, match="must have 3 bands, got 1"):
        world.compute(ee.Image(1).rgbToHsv())


def test_every_value_has_a_colour_of_its_own(world):
    image = ee.Image("classes").randomVisualizer()
    assert world.compute(image.bandNames()) == ["viz-red", "viz-green", "viz-blue", "class"]
    *colours, classes = world.pixels(image, GRID)
    assert np.array_equal(classes, world.classes)
    seen = {(value, *parts) for value, *parts in zip(classes.ravel().tolist(), *(c.ravel().tolist() for c in colours),
                                                     strict=True)}  # fmt: skip
    assert len(seen) == 5 == len({colour for _, *rest in seen for colour in [tuple(rest)]})
    assert colours[0].dtype == np.uint8


def test_unmixing_finds_the_shares(world):
    ends = [[88, 42, 48, 38, 86, 115], [50, 21, 20, 35, 50, 110], [51, 40, 33, 12, 16, 30]]
    shares = np.array([0.2, 0.5, 0.3])
    pure = ee.Image([float(v) for v in shares @ np.array(ends)])
    image = pure.unmix(ends)
    assert world.compute(image.bandNames()) == ["band_0", "band_1", "band_2"]
    grid = Grid("EPSG:4326", (1, 0, 0, 0, -1, 1), (1, 1))
    assert [band[0, 0] for band in world.pixels(image, grid)] == pytest.approx(shares)
    off = [90, 10, 5, 60, 20, 100]
    matrix = np.array(ends, float).T
    free = [band[0, 0] for band in world.pixels(ee.Image(off).unmix(ends), grid)]
    assert free == pytest.approx(np.linalg.pinv(matrix) @ off)
    positive = [band[0, 0] for band in world.pixels(ee.Image(off).unmix(ends, False, True), grid)]
    assert positive == pytest.approx(nnls(matrix, np.array(off, float))[0], abs=1e-9)
    assert min(positive) == 0
    summed = [band[0, 0] for band in world.pixels(ee.Image(off).unmix(ends, True), grid)]
    assert sum(summed) == pytest.approx(1)
    # No step that keeps the sum lowers the error.
    left = matrix.T @ (np.array(off) - matrix @ summed)
    assert left - left.mean() == pytest.approx(np.zeros(3), abs=1e-8)
    both = [band[0, 0] for band in world.pixels(ee.Image(off).unmix(ends, True, True), grid)]
    assert sum(both) == pytest.approx(1)
    assert min(both) >= 0
    with pytest.raises(ApiError, match="a value per band, 2 of them"):
        world.compute(ee.Image([1, 2]).unmix(ends))


def test_spectral_distances(world):
    one, two = np.array([1.0, 4.0, 5.0]), np.array([2.0, 2.0, 6.0])
    p, q = one / one.sum(), two / two.sum()
    expected = {
        "sam": np.arccos(one @ two / np.sqrt((one @ one) * (two @ two))),
        "sid": (p * np.log(p / q)).sum() + (q * np.log(q / p)).sum(),
        "sed": 6,
        "emd": 1 + 1 + 0,
    }
    for metric, value in expected.items():
        image = ee.Image(one.tolist()).spectralDistance(ee.Image(two.tolist()), metric)
        assert world.pixel(image) == pytest.approx(value), metric
    arrays = ee.Image(ee.Array(one.tolist())).spectralDistance(ee.Image(ee.Array(two.tolist())), "sed")
    assert world.pixel(arrays) == 6
    with pytest.raises(ApiError, match="Unknown metric 'l2'"):
        world.compute(ee.Image(1).spectralDistance(ee.Image(1), "l2"))


def test_spectral_morphology_is_the_range_of_distances(world):
    image = ee.Image("classes").toFloat().addBands(1)
    low, high, range_ = (
        world.pixels(getattr(image, name)("sed", ee.Kernel.plus(1), True), GRID)[0]
        for name in ("spectralErosion", "spectralDilation", "spectralGradient")
    )
    row, column = 30, 40
    values = np.array(
        [world.classes[row + y, column + x] for y, x in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))], float
    )
    distances = (values - values.mean()) ** 2
    assert low[row, column] == pytest.approx(distances.min())
    assert high[row, column] == pytest.approx(distances.max())
    assert np.allclose(range_, high - low)
    assert all(a <= b for a, b in pairwise([low[row, column], high[row, column]]))
