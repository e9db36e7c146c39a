"""Images of arrays: Google's own examples, pixels whose arrays differ in shape, and what they become outside."""

import ee
import numpy as np
import pytest
from scipy import linalg

from earthline_sandbox.earthengine.formats.patches import PatchOptions, example
from earthline_sandbox.earthengine.formats.tfrecords import decode_example
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.errors import ApiError

POINT = [-121, 42]
GRID = Grid("EPSG:32617", (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0), (60, 80))


def sampled(world, images):
    """The array of one pixel of each image, as Google's examples look at them."""
    point = ee.Geometry.Point(POINT)
    return world.compute(ee.List([image.sample(point, 500).first().get(image.bandNames().get(0)) for image in images]))


def vector(*numbers):
    return ee.Image(list(numbers)).toArray()


def matrix(rows, *numbers):
    return vector(*numbers).arrayReshape(ee.Image([rows, -1]).toArray(), 2)


def column(*numbers):
    return vector(*numbers).toArray(1)


def test_examples_of_the_reference(world):
    six = vector(0, 1, 2, 3, 4, 5)
    shuffled = (0, 10, 6, 5, 4, 7, 11, 1, 2, 9, 8, 3)
    keys = (99, 98, 50, 45, 23, 18, 9, 8, 7, 5, 2, 0)
    three_by_four = matrix(3, *range(12))
    repeated = vector(0, 1, 2).arrayRepeat(1, 3)
    cases = [
        (vector(1, 2, 3).arrayAccum(0, ee.Reducer.sum()), [1, 3, 6]),
        (matrix(3, *range(1, 10)).arrayAccum(0), [[1, 2, 3], [5, 7, 9], [12, 15, 18]]),
        (matrix(3, *range(1, 10)).arrayAccum(1, ee.Reducer.sum()), [[1, 3, 6], [4, 9, 15], [7, 15, 24]]),
        (vector(0, 1, 5, 2, 3, 4).arrayArgmax(), [2]),
        (matrix(2, 0, 1, 5, 2, 3, 4).arrayArgmax(), [0, 2]),
        (vector(0, 1, 2).arrayCat(vector(3, 4, 5), 0), [0, 1, 2, 3, 4, 5]),
        (vector(0, 1, 2).arrayCat(vector(3, 4, 5), 1), [[0, 3], [1, 4], [2, 5]]),
        (column(0, 1).arrayCat(column(3, 4), 0), [[0], [1], [3], [4]]),
        (column(0, 1).arrayCat(column(3, 4), 1), [[0, 3], [1, 4]]),
        (column(0, 1, 2).arrayDimensions(), 2),
        (column(0, 1, 2).arrayLengths(), [3, 1]),
        (column(0, 1, 2).arrayLength(0), 3),
        (column(0, 1, 2).arrayLength(1), 1),
        (vector(0, 1, 2).arrayDotProduct(vector(3, 4, 5)), 14),
        (vector(0, 1, 2).arrayRepeat(0, 3), [0, 1, 2] * 3),
        (repeated, [[0, 0, 0], [1, 1, 1], [2, 2, 2]]),
        (repeated.arrayRepeat(0, 2), [[0, 0, 0], [1, 1, 1], [2, 2, 2]] * 2),
        (repeated.arrayRepeat(1, 2), [[0] * 6, [1] * 6, [2] * 6]),
        (six.arrayReshape(ee.Image([2, 3]).toArray(), 2), [[0, 1, 2], [3, 4, 5]]),
        (six.arrayReshape(ee.Image([3, -1]).toArray(), 2), [[0, 1], [2, 3], [4, 5]]),
        (matrix(2, *range(6)).arrayReshape(ee.Image([-1]).toArray(), 1), [0, 1, 2, 3, 4, 5]),
        (vector(*range(12)).arraySlice(0, 0, 3), [0, 1, 2]),
        (vector(*range(12)).arraySlice(0, -3), [9, 10, 11]),
        (vector(*range(12)).arraySlice(0, 3, 6), [3, 4, 5]),
        (vector(*range(12)).arraySlice(0, 0, None, 3), [0, 3, 6, 9]),
        (three_by_four.arraySlice(0, 1, 2), [[4, 5, 6, 7]]),
        (three_by_four.arraySlice(1, 1, 2), [[1], [5], [9]]),
        (three_by_four.arraySlice(1, 0, -1), [[0, 1, 2], [4, 5, 6], [8, 9, 10]]),
        (vector(*shuffled).arraySort(), list(range(12))),
        (vector(*shuffled).arraySort(vector(*keys)), [3, 8, 9, 2, 1, 11, 7, 4, 5, 6, 10, 0]),
        (
            matrix(3, *shuffled).arraySort(column(3, 2, 1, 0).arrayTranspose()),
            [[5, 6, 10, 0], [1, 11, 7, 4], [3, 8, 9, 2]],
        ),
        (matrix(3, *shuffled).arraySort(column(2, 1, 0)), [[2, 9, 8, 3], [4, 7, 11, 1], [0, 10, 6, 5]]),
        (matrix(2, *range(6)).arrayTranspose(), [[0, 3], [1, 4], [2, 5]]),
        (ee.Image([0, 1, 2]).toArray().toArray(1), [[0], [1], [2]]),
        (vector(1, 2).arrayPad([4], 9), [1, 2, 9, 9]),
        (vector(5, 6, 7).arrayMask(vector(1, 0, 2)), [5, 7]),
        (matrix(2, *range(6)).arrayMask(column(0, 1)), [[3, 4, 5]]),
        (column(7).arrayProject([0]), [7]),
        (ee.Image(6).bitsToArrayImage(), [0, 1, 1]),
        (vector(1, 2, 3).add(10), [11, 12, 13]),
        (vector(1, 2, 3).multiply(vector(2)), [2, 4, 6]),
        (vector(0, 4).sqrt(), [0, 2]),
        (vector(1.5, 300).byte(), [1, 255]),
        (matrix(2, 1, 3, 2, 8).arrayReduce(ee.Reducer.mean(), [0]), [[1.5, 5.5]]),
        (matrix(2, 1, 3, 2, 8).arrayReduce(ee.Reducer.max(), [0, 1]), [[8]]),
        (matrix(3, 0, 1, 1, 3, 2, 5).arrayReduce(ee.Reducer.linearFit(), [0], 1), [[2, 1]]),
        (ee.Image(ee.Array([[1, 2], [3, 4]])).matrixMultiply(column(1, 10)), [[21], [43]]),
        (ee.Image.matrixIdentity(2), [[1, 0], [0, 1]]),
        (column(1, 2).matrixToDiag(), [[1, 0], [0, 2]]),
        (matrix(2, 1, 2, 3, 4).matrixDiagonal(), [[1], [4]]),
        (matrix(2, 1, 2, 3, 4).matrixTrace(), 5),
        (matrix(2, 1, 2, 3, 4).matrixTranspose(), [[1, 3], [2, 4]]),
    ]
    found = sampled(world, [image for image, _ in cases])
    for number, ((_, expected), value) in enumerate(zip(cases, found, strict=True)):
        assert value == expected, number


def test_matrices_per_pixel_agree_with_scipy(world):
    """Every pixel has its own matrix `[[red + 1e5, nir], [nir, 9e4]]`, masked where a scene is."""
    red, nir = ee.Image("C/s0").select("red"), ee.Image("C/s0").select("nir")
    rows = [red.add(1e5).addBands(nir), nir.addBands(ee.Image(9e4))]
    made = rows[0].toArray().toArray(1).arrayCat(rows[1].toArray().toArray(1), 1).toDouble()
    right = red.addBands(nir).toArray().toArray(1).toDouble()
    names = ["matrixInverse", "matrixPseudoInverse", "matrixDeterminant", "matrixFnorm"]
    images = [getattr(made, name)() for name in names] + [made.matrixSolve(right), made.matrixMultiply(right)]
    images += [made.matrixCholeskyDecomposition(), made.matrixLUDecomposition(), made.matrixQRDecomposition()]
    found = [world.pixels(image) for image in images]
    a, b = world.red[0].astype("float64"), world.nir[0].astype("float64")
    valid = (a > 0) & (b > 0)
    assert all(bool((band.mask.reshape(*valid.shape, -1)[..., 0] == ~valid).all()) for bands in found for band in bands)
    checked = 0
    for row, col in np.argwhere(valid)[::97]:
        own = np.array([[a[row, col] + 1e5, b[row, col]], [b[row, col], 9e4]])
        vec = np.array([[a[row, col]], [b[row, col]]])
        at = [[band[row, col].data for band in bands] for bands in found]
        assert np.allclose(at[0][0], linalg.inv(own), rtol=1e-9)
        assert np.allclose(at[1][0], linalg.pinv(own), rtol=1e-9)
        assert np.isclose(found[2][0][row, col], linalg.det(own)) and np.isclose(
            found[3][0][row, col], linalg.norm(own)
        )
        assert np.allclose(at[4][0], linalg.solve(own, vec)) and np.allclose(at[5][0], own @ vec)
        assert np.allclose(at[6][0] @ at[6][0].T, own)
        assert np.allclose(at[7][2] @ own, at[7][0] @ at[7][1]) and np.allclose(at[8][0] @ at[8][1], own)
        checked += 1
    assert checked > 30
    left, middle, right_ = (band[row, col].data for band in world.pixels(made.matrixSingularValueDecomposition()))
    assert np.allclose(left @ middle @ right_.T, own)


def stack(world):
    """Per pixel the valid values of red, scene by scene."""
    return lambda row, col: [float(band[row, col]) for band in world.red if band[row, col] > 0]


def test_each_pixel_has_as_many_images_as_are_valid_there(world):
    red = ee.ImageCollection("C").select("red")
    array = red.toArray()
    length = array.arrayLength(0)
    padded = array.arrayProject([0]).arrayPad([4], -1)
    dropped = red.toArrayPerBand(0, True)
    found = world.pixels(length)[0], world.pixels(padded)[0], world.pixels(dropped.arrayPad([4], -1))[0]
    own = np.stack(world.red)
    counts = (own > 0).sum(axis=0)
    assert set(np.unique(counts)) >= {2, 3, 4}
    assert (found[0].filled(0) == counts).all() and (found[0].mask == (counts == 0)).all()
    for row, col in [(0, 0), (5, 7), *np.argwhere(counts == 2)[:5].tolist(), *np.argwhere(counts == 1)[:2].tolist()]:
        expected = (stack(world)(row, col) + [-1] * 4)[:4]
        assert found[1][row, col].tolist() == expected and found[2][row, col].tolist() == expected
    strict = world.pixels(red.toArrayPerBand())[0]
    assert (strict.mask[..., 0] == (counts < 4)).all()
    row, col = np.argwhere(counts == 4)[0]
    assert strict[row, col].tolist() == own[:, row, col].tolist()
    # A reducer's lists are such arrays too.
    listed = red.reduce(ee.Reducer.toList()).arrayReduce(ee.Reducer.max(), [0]).arrayGet([0])
    assert (world.pixels(listed)[0].filled(0) == own.max(axis=0)).all()
    # Arithmetic, sorting, slicing and folding go on where lengths differ.
    doubled = array.multiply(2).arrayProject([0]).arraySort().arraySlice(0, -1).arrayGet([0])
    mean = array.arrayReduce(ee.Reducer.mean(), [0]).arrayProject([0]).arrayFlatten([["mean"]])
    greatest, average = world.pixels(doubled)[0], world.pixels(mean)[0]
    some = counts > 0
    assert (greatest.data[some] == 2 * own.max(axis=0)[some]).all()
    assert np.allclose(average.data[some], own.sum(axis=0)[some] / counts[some])


def test_a_slice_may_begin_and_end_elsewhere_in_every_pixel(world):
    first = ee.Image("C/s0").select("red").unmask(0).mod(3)
    numbers = ee.Image(ee.Array([0, 1, 2, 3, 4]))
    found = world.pixels(numbers.arraySlice(0, first, first.add(2)).arrayGet([1]))[0]
    assert (found == world.red[0] % 3 + 1).all()
    # A masked start means the first position, a masked end the last one.
    masked = ee.Image("C/s0").select("red").multiply(0).add(2)
    lengths = world.pixels(numbers.arraySlice(0, masked, None).arrayLength(0))[0]
    assert (lengths == np.where(world.red[0] > 0, 3, 5)).all()
    copies = world.pixels(numbers.arrayRepeat(0, first).arrayLength(0))[0]
    assert (copies == 5 * (world.red[0] % 3)).all()
    bits = world.pixels(ee.Image("C/s0").select("red").unmask(0).bitsToArrayImage().arrayLength(0))[0]
    assert (bits == [[max(int(value).bit_length(), 1) for value in row] for row in world.red[0]]).all()


def test_masks_that_differ_and_arrays_of_arrays_in_one_collection(world):
    pairs = ee.ImageCollection("C").map(lambda image: image.select(["red", "nir"]).toArray())
    found = world.pixels(pairs.toArrayPerBand(0, True).arrayLength(0))[0]
    valid = np.stack([(red > 0) & (nir > 0) for red, nir in zip(world.red, world.nir, strict=True)])
    assert (found.filled(0) == 2 * valid.sum(axis=0)).all()
    crossed = world.pixels(pairs.toArrayPerBand(1).arrayLengths())[0]
    assert (crossed.mask[..., 0] == ~valid.all(axis=0)).all() and crossed[valid.all(axis=0)].tolist()[0] == [2, 4]


def test_tiles_of_other_lengths_make_one_image(world):
    """A grid larger than a tile: the scene lies in one of them only, where lengths differ as well."""
    array = ee.ImageCollection("C").select("red").toArray().arrayProject([0])
    wide = Grid("EPSG:32617", (30.0, 0.0, 600_000.0 - 30 * 600, 0.0, -30.0, 4_000_000.0), (60, 700))
    image = world.evaluator.image_of(world.evaluate(array))
    with pytest.raises(ApiError, match="The array pixels of band 'array' must all have the same shape"):
        image.fetch(wide)
    (pixels,) = image.fetch(wide, ragged=True)
    counts = (np.stack(world.red) > 0).sum(axis=0)
    inside = pixels.values[:, 600:680]
    assert all(len(inside[row, col]) == counts[row, col] for row, col in np.argwhere(counts > 0)[::50])
    assert not (pixels.mask[:, :600] > 0).any() and ((pixels.mask[:, 600:680] > 0) == (counts > 0)).all()
    same = world.pixels(array.arrayPad([4]), wide)[0]
    assert same.shape == (60, 700, 4) and (same.mask[:, :600]).all() and not same.mask[:, 600:680][counts > 0].any()


def test_arrays_of_several_lengths_are_cut_or_padded_to_the_depth_of_a_patch(world):
    """https://developers.google.com/earth-engine/apidocs/export-image-tocloudstorage says so of `tensorDepths`."""
    array = ee.ImageCollection("C").select("red").toArray().arrayProject([0])
    image = world.evaluator.image_of(world.evaluate(array))
    record, masked = example(image, GRID, PatchOptions(depths={"array": 3}, default=-1.0))
    found = np.asarray(decode_example(record)["array"]).reshape(3, *GRID.shape)
    own = np.stack(world.red)
    assert masked == (own == 0).all(axis=0).mean()
    for row, col in np.ndindex(*GRID.shape):
        expected = [value for value in own[:, row, col] if value][:3]
        assert found[:, row, col].tolist() == expected + [-1] * (3 - len(expected))
    matrices = world.evaluator.image_of(world.evaluate(ee.ImageCollection("C").toArray()))
    with pytest.raises(ApiError, match="must have one dimension, and its depth named in 'tensorDepths'"):
        example(matrices, GRID, PatchOptions(depths={"array": 3}))


def test_a_map_shows_the_first_element(world):
    array = ee.ImageCollection("C").select("red").toArray().toArray(2)
    found = world.pixels(array.visualize(min=0, max=5_000))[0]
    own = np.stack(world.red)
    first = np.take_along_axis(own, (own > 0).argmax(axis=0)[None], axis=0)[0]
    assert (found.mask == (own == 0).all(axis=0)).all()
    assert (found.filled(0) == np.floor(np.clip(first / 5_000, 0, 1) * 255 + 0.5)).all()


def test_a_mean_of_nothing_is_masked(world):
    array = ee.ImageCollection("C").select("red").toArray()
    tenth = array.arraySlice(0, 0, array.arrayLength(0).multiply(0.3).int())
    mean = tenth.arrayReduce(ee.Reducer.mean(), [0]).arrayProject([1]).arrayFlatten([["red"]])
    counts = (np.stack(world.red) > 0).sum(axis=0)
    assert (world.pixels(mean)[0].mask == (counts < 4)).all()
    # Nothing is left of an array whose dropped axis is empty, and what is left elsewhere has one shape.
    first = world.pixels(tenth.arrayProject([1]).arrayFlatten([["red"]]))[0]
    assert (first.mask == (counts < 4)).all() and (first.data == world.red[0])[counts == 4].all()


@pytest.mark.parametrize("side", [1, 7, 33])
def test_a_pixel_does_not_depend_on_its_tile(world, side):
    array = ee.ImageCollection("C").toArray().toDouble()
    array = array.updateMask(array.arrayLength(0).gt(1))
    solved = array.arraySlice(1, 0, 1).matrixSolve(array.arraySlice(1, 1)).arrayGet([0, 0])
    images = [
        solved,
        array.arrayReduce(ee.Reducer.mean(), [0]).arrayGet([0, 1]),
        array.arraySort(array.arraySlice(1, 0, 1)).arrayGet([1, 1]),
        array.matrixPseudoInverse().matrixMultiply(array).matrixTrace(),
        array.arrayAccum(0).arraySlice(0, -1).arrayGet([0, 0]),
    ]
    grid = Grid("EPSG:32617", (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0), (20, 34))
    for image in images:
        evaluated = world.evaluator.image_of(world.evaluate(image))
        (whole,) = evaluated.fetch(grid)
        for row, column, tile in [part for part in grid.tiles(side) if part[0] < 9][:60]:
            (part,) = evaluated.fetch(tile)
            block = (slice(row, row + tile.shape[0]), slice(column, column + tile.shape[1]))
            valid = part.mask > 0
            assert (valid == (whole.mask[block] > 0)).all() and (part.values == whole.values[block])[valid].all()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: vector(1, 2).arrayGet([2]),
            "Image.arrayGet: Position 2 is out of bounds on axis 0, which has length 2",
        ),
        (lambda: vector(1, 2).arrayGet([0, 0]), "the position has 2 bands, but the arrays 1 dimensions"),
        (lambda: vector(1, 2).arrayFlatten([["a"]]), r"labels describe arrays of shape \[1\]"),
        (lambda: vector(1, 2).add(vector(1, 2, 3)), r"Array arguments must have .*got \[2\] and \[3\]"),
        (lambda: vector(1, 2).arrayProject([1]), r"do not have all axes of \[1\]"),
        (lambda: matrix(2, 1, 2, 3, 4).arrayProject([0]), "dropped axes must have at most length 1"),
        (lambda: ee.Image(1).arraySlice(0), "must be arrays of at least 1 dimensions, got 0; toArray makes arrays"),
        (lambda: vector(1, 2).arraySlice(1), "Image.arraySlice: Axis 1 is out of range"),
        (lambda: vector(1, 2).arraySlice(0, 0, 1, 0), "'step' must be positive"),
        (lambda: vector(1, 2).arrayCat(column(1), 0), "same number of dimensions, got 1 and 2"),
        (lambda: vector(1, 2).arrayReshape(ee.Image([3]).toArray(), 1), "Image.arrayReshape: Cannot reshape"),
        (lambda: vector(1, 2).arraySort(vector(1, 2, 3)), "Image.arraySort: Keys of lengths"),
        (lambda: vector(1, 2).arrayMask(vector(1, 0, 1)), "Image.arrayMask: A mask of lengths"),
        (lambda: vector(1, 2).arrayReduce(ee.Reducer.mean(), [1]), "Image.arrayReduce: Axis 1 is out of range"),
        (lambda: vector(1, 2).arrayReduce(ee.Reducer.minMax(), [0]), "'fieldAxis' is required"),
        (lambda: vector(1, 2).matrixMultiply(column(1, 2)), "Both arrays must have 2 dimensions, got 1 and 2"),
        (lambda: column(1, 2).matrixMultiply(column(1, 2)), "Image.matrixMultiply: Matrices of 2x1 and 2x1 cannot"),
        (lambda: column(1, 2).arrayTranspose().matrixSolve(column(1)), "^matrixSolve cannot solve underdetermined"),
        (lambda: matrix(2, 1, 1, 1, 1).matrixInverse(), "Image.matrixInverse: The matrix is singular"),
        (lambda: column(1, 2).matrixDeterminant(), "Image.matrixDeterminant: The matrix must be square, got 2x1"),
        (lambda: ee.Image(1.5).bitsToArrayImage(), "must hold integers"),
        (lambda: vector(1, 2).arrayRepeat(0, 1e9), "User memory limit exceeded"),
        (lambda: vector(1, 2).arrayDotProduct(column(1)), "must have 1 dimension, got 1 and 2"),
    ],
)
def test_mistakes_are_named(world, build, message):
    with pytest.raises(ApiError, match=message) as caught:
        world.pixels(build(), Grid("EPSG:4326", (1, 0, 0, 0, -1, 1), (1, 1)))
    assert caught.value.status == "INVALID_ARGUMENT"
