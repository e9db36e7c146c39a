import json

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from earthline_sandbox.earthengine.catalogue.assets import Assets
from earthline_sandbox.earthengine.catalogue.ingest import Ingestion
from earthline_sandbox.earthengine.evaluation.evaluation import Evaluator
from earthline_sandbox.earthengine.formats import tensors
from earthline_sandbox.earthengine.models.prediction import predict_image
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import Band, Pixels, PixelType
from earthline_sandbox.earthengine.readings import Readings
from earthline_sandbox.earthengine.values.values import Image, Model
from earthline_sandbox.errors import ApiError
from tests.sandbox.earthengine.models.local_endpoint import LocalEndpoint

ENDPOINT = "projects/sandbox/locations/us-central1/endpoints/7"
PLANE = Projection("EPSG:32119", (30.0, 0.0, 600000.0, 0.0, -30.0, 200000.0))
FLOAT = PixelType("float")
SIZE = (70, 90)


class FakeEndpoint(LocalEndpoint):
    """A mean filter of 5 x 5 pixels, with zeros beyond the tile."""

    def __init__(self):
        self.requests = []
        self.failures = []
        self.answer = self.mean
        super().__init__()

    def respond(self, path, host, body):
        content = json.loads(body)
        self.requests.append((path, host, content, len(body)))
        if self.failures:
            status, payload = self.failures.pop(0)
            if status != 200:
                return status, payload
        return 200, {"predictions": [self.answer(item) for item in content["instances"]]}

    def mean(self, instance):
        planes = [tensors.decode_base64(text)[..., 0] for text in instance.values()]
        smooth = filtered(planes[0]) + 10 * filtered(planes[1])
        return {"smooth": tensors.encode_base64(smooth[..., None].astype("float32"))}


def filtered(plane):
    padded = np.pad(plane.astype("float64"), 2)
    height, width = plane.shape
    return sum(padded[r : r + height, c : c + width] for r in range(5) for c in range(5)) / 25


@pytest.fixture
def endpoint():
    fake = FakeEndpoint()
    yield fake
    fake.close()


def array_band(name, values, mask=None, pixel_type=FLOAT):
    """A band of an array, masked and 0 beyond its edges."""
    valid = np.ones(values.shape[:2], bool) if mask is None else mask

    def source(grid):
        (top, left), (height, width) = grid.offset, grid.shape
        out = np.zeros((height, width, *values.shape[2:]), pixel_type.dtype)
        seen = np.zeros((height, width), bool)
        rows = slice(max(top, 0), max(min(top + height, values.shape[0]), 0))
        columns = slice(max(left, 0), max(min(left + width, values.shape[1]), 0))
        to = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
        if rows.start < rows.stop and columns.start < columns.stop:
            out[to] = values[rows, columns]
            seen[to] = valid[rows, columns]
        return Pixels(out, seen)

    return Band(name, pixel_type, PLANE, source, size=values.shape[:2])


def scene():
    generator = np.random.default_rng(5)
    first = generator.random(SIZE).astype("float32")
    second = generator.random(SIZE).astype("float32")
    mask = generator.random(SIZE) > 0.2
    return first, second, mask


def model(**changes):
    arguments = {
        "endpoint": ENDPOINT,
        "input_tile_size": [32, 24],
        "input_overlap_size": [8, 8],
        "fix_input_proj": True,
        "output_bands": {"smooth": {"type": FLOAT, "dimensions": 0}},
    }
    return Model(**(arguments | changes))


def test_tiles_join_without_seams_and_masks_are_the_least_of_the_inputs(endpoint):
    first, second, mask = scene()
    image = Image(bands=(array_band("a", first), array_band("b", second, mask)))
    predicted = predict_image(model(), image, endpoint.client)
    assert predicted.names == ["a", "b", "smooth"]
    values, valid = predicted.fetch(PLANE.grid(0, 0, SIZE), ["smooth"])[0]
    # Masked input is sent as 0, and so is what lies beyond the image.
    expected = filtered(first) + 10 * filtered(np.where(mask, second, 0))
    assert (valid == mask).all()
    assert np.abs(values - expected)[mask].max() < 1e-5
    assert values.dtype == np.float32


def deep(planes):
    """Two convolutions with a bias and a nonlinearity between them, zeros beyond the edges: 3 pixels of context."""
    generator = np.random.default_rng(8)
    first, second = generator.normal(size=(2, 5, 5)), generator.normal(size=(3, 3))
    hidden = np.tanh(sum(convolved(plane, kernel) for plane, kernel in zip(planes, first, strict=True)) + 0.3)
    return convolved(hidden, second)


def convolved(plane, kernel):
    reach, (height, width) = kernel.shape[0] // 2, plane.shape
    padded = np.pad(plane.astype("float64"), reach)
    return sum(
        kernel[r, c] * padded[r : r + height, c : c + width]
        for r in range(kernel.shape[0])
        for c in range(kernel.shape[1])
    )


def test_tiles_with_the_models_own_context_equal_one_whole_prediction_up_to_the_edges(endpoint):
    def answer(instance):
        planes = [tensors.decode_base64(text)[..., 0] for text in instance.values()]
        return {"smooth": tensors.encode_base64(deep(planes)[..., None].astype("float32"))}

    endpoint.answer = answer
    shape = (150, 170)
    generator = np.random.default_rng(9)
    arrays = [generator.normal(size=shape).astype("float32") for _ in range(2)]
    image = Image(bands=(array_band("a", arrays[0]), array_band("b", arrays[1])))
    tiled = model(input_tile_size=[64, 64], input_overlap_size=[6, 6])
    found = predict_image(tiled, image, endpoint.client).band("smooth").fetch(PLANE.grid(0, 0, shape))
    # Beyond the image's edge there is nothing: one prediction with its own context of nothing around the image.
    whole = deep([np.pad(array, 3) for array in arrays])[3:-3, 3:-3]
    assert found.mask.all() and np.abs(found.values - whole).max() < 1e-5
    assert sum(len(body["instances"]) for _, _, body, _ in endpoint.requests) == 9


def test_any_tiling_of_the_request_gives_the_same_pixels(endpoint):
    first, second, mask = scene()
    image = Image(bands=(array_band("a", first, mask), array_band("b", second)))
    whole = predict_image(model(), image, endpoint.client).fetch(PLANE.grid(0, 0, SIZE), ["smooth"])[0]
    for grid in PLANE.grid(0, 0, SIZE).tiles(41):
        part = predict_image(model(), image, endpoint.client).fetch(grid[2], ["smooth"])[0]
        rows, columns = slice(grid[0], grid[0] + grid[2].shape[0]), slice(grid[1], grid[1] + grid[2].shape[1])
        assert (part.values == whole.values[rows, columns]).all()
        assert (part.mask == whole.mask[rows, columns]).all()


def test_the_wire_is_what_vertex_ai_expects(endpoint):
    first, second, _ = scene()
    image = Image(bands=(array_band("a", first), array_band("b", second)))
    predict_image(model(), image, endpoint.client).fetch(PLANE.grid(0, 0, SIZE), ["smooth"])
    path, host, body, _ = endpoint.requests[0]
    assert path == f"/v1/{ENDPOINT}:predict"
    assert host == "us-central1-aiplatform.googleapis.com"
    assert set(body) == {"instances"} and set(body["instances"][0]) == {"a", "b"}
    sent = tensors.decode_base64(body["instances"][0]["a"])
    assert sent.shape == (24 + 8, 32 + 8, 1) and sent.dtype == np.float32
    # Half of the overlap lies on each side; beyond the image's corner there are zeros.
    assert (sent[:4] == 0).all() and (sent[:, :4] == 0).all()
    assert (sent[4:, 4:, 0] == first[:28, :36]).all()


def test_requests_stay_below_the_payload_limit_and_hold_several_tiles(endpoint):
    first, second, _ = scene()
    image = Image(bands=(array_band("a", first), array_band("b", second)))
    predict_image(model(max_payload_bytes=50_000), image, endpoint.client).fetch(PLANE.grid(0, 0, SIZE), ["smooth"])
    counts = [len(body["instances"]) for _, _, body, _ in endpoint.requests]
    assert sum(counts) == 9 and max(counts) > 1 and len(counts) > 1
    assert max(size for *_, size in endpoint.requests) <= 50_000


def test_answers_stay_below_the_payload_limit_too(endpoint):
    first, second, _ = scene()
    image = Image(bands=(array_band("a", first), array_band("b", second)))
    sizes = []

    def long(instance):
        # Six times as many bytes as what was sent: a band for each of a dozen classes.
        mean = tensors.decode_base64(endpoint.mean(instance)["smooth"])
        return {"shares": tensors.encode_base64(np.repeat(mean, 12, axis=2))}

    endpoint.answer = long
    send = endpoint.client.predict

    def measured(name, instances):
        predictions = send(name, instances)
        sizes.append((len(instances), len(json.dumps(predictions))))
        return predictions

    endpoint.client.predict = measured
    bands = {"shares": {"type": FLOAT, "dimensions": 1}}
    wanted = predict_image(model(max_payload_bytes=250_000, output_bands=bands), image, endpoint.client)
    values, _ = wanted.fetch(PLANE.grid(0, 0, SIZE), ["shares"])[0]
    assert np.abs(values[..., 11] - filtered(first) - 10 * filtered(second)).max() < 1e-5
    # By requests alone, all nine tiles would have gone together.
    assert sizes[0][0] == 1
    assert sorted(count for count, _ in sizes) == [1, 2, 2, 2, 2]
    assert max(size for _, size in sizes) <= 250_000


@pytest.mark.parametrize(("overlap", "extra"), [("total", 8), ("each_edge", 16)])
@pytest.mark.parametrize(("prediction", "names"), [("merged", ["a", "b", "smooth"]), ("alone", ["smooth"])])
def test_both_readings_of_googles_texts(endpoint, overlap, extra, prediction, names):
    first, second, _ = scene()
    image = Image(bands=(array_band("a", first), array_band("b", second)), properties={"kept": 1})
    predicted = predict_image(model(), image, endpoint.client, Readings(overlap, prediction))
    assert predicted.names == names
    assert predicted.get("kept") == 1
    values, valid = predicted.fetch(PLANE.grid(0, 0, SIZE), ["smooth"])[0]
    assert valid.all() and np.abs(values - filtered(first) - 10 * filtered(second)).max() < 1e-5
    sent = tensors.decode_base64(endpoint.requests[0][2]["instances"][0]["a"])
    assert sent.shape == (24 + extra, 32 + extra, 1)
    assert (sent[: extra // 2] == 0).all() and (sent[extra // 2 :, extra // 2 :, 0].any())


def test_a_tile_that_cannot_fit_says_how_to_fix_it(endpoint):
    first, second, _ = scene()
    image = Image(bands=(array_band("a", first), array_band("b", second)))
    predicted = predict_image(model(max_payload_bytes=5_000), image, endpoint.client)
    with pytest.raises(ApiError, match=r"maxPayloadBytes \(5000\).*inputTileSize") as caught:
        predicted.fetch(PLANE.grid(0, 0, SIZE), ["smooth"])
    assert caught.value.code == 400 and not endpoint.requests


def test_busy_endpoints_are_asked_again(endpoint):
    first, second, _ = scene()
    image = Image(bands=(array_band("a", first), array_band("b", second)))
    endpoint.failures = [(429, {"error": {"message": "busy"}}), (503, {"error": {"message": "starting"}})]
    pixels = predict_image(model(), image, endpoint.client).fetch(PLANE.grid(0, 0, SIZE), ["smooth"])[0]
    # Two that failed, one tile to learn the size of an answer, and the others together.
    assert pixels.mask.all() and len(endpoint.requests) == 4


def test_the_endpoints_own_text_comes_back(endpoint):
    first, second, _ = scene()
    image = Image(bands=(array_band("a", first), array_band("b", second)))
    endpoint.failures = [(400, {"error": {"code": 400, "message": "unknown band 'b'; give B1"}})]
    with pytest.raises(ApiError, match="unknown band 'b'; give B1") as caught:
        predict_image(model(), image, endpoint.client).fetch(PLANE.grid(0, 0, SIZE), ["smooth"])
    assert caught.value.code == 400


def test_every_tile_is_predicted_once_for_all_output_bands(endpoint):
    first, second, _ = scene()
    image = Image(bands=(array_band("a", first), array_band("b", second)))

    def two(instance):
        one = tensors.decode_base64(endpoint.mean(instance)["smooth"])
        probabilities = np.concatenate([one, 1 - one], axis=-1)
        return {"label": tensors.encode_base64(one.astype("int64")), "p": tensors.encode_base64(probabilities)}

    endpoint.answer = two
    bands = {"p": {"type": FLOAT, "dimensions": 1}, "label": {"type": PixelType("int", -128, 127), "dimensions": 0}}
    predicted = predict_image(model(output_bands=bands), image, endpoint.client)
    p, label = predicted.fetch(PLANE.grid(0, 0, SIZE), ["p", "label"])
    assert p.values.shape == (*SIZE, 2) and label.values.dtype == np.int8
    assert np.allclose(p.values.sum(-1), 1, atol=1e-5)
    assert sum(len(body["instances"]) for _, _, body, _ in endpoint.requests) == 9


@pytest.mark.parametrize("payload_format", ["RAW_JSON", "ND_ARRAYS"])
def test_other_payload_formats(endpoint, payload_format):
    first, *_ = scene()

    def double(instance):
        values = instance["a"] if payload_format == "RAW_JSON" else instance
        return (2 * np.asarray(values, dtype="float64")).tolist()

    endpoint.answer = double
    predicted = predict_image(
        model(payload_format=payload_format), Image(bands=(array_band("a", first),)), endpoint.client
    )
    values, _ = predicted.fetch(PLANE.grid(0, 0, SIZE), ["smooth"])[0]
    assert np.allclose(values, 2 * first)
    if payload_format == "RAW_JSON":
        assert isinstance(endpoint.requests[0][2]["instances"][0]["a"][0][0][0], str)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"other": "x"}, "has the output 'other', but outputBands declares 'smooth'"),
        ("###", "not a base64 TensorProto"),
        ([[1.0, 2.0]], r"has shape \[1, 2\]; expected height and width \[32, 40\]"),
    ],
)
def test_answers_that_cannot_be_read_are_explained(endpoint, answer, message):
    first, *_ = scene()
    endpoint.answer = lambda instance: answer
    with pytest.raises(ApiError, match=message):
        predict_image(model(), Image(bands=(array_band("a", first),)), endpoint.client).fetch(
            PLANE.grid(0, 0, SIZE), ["smooth"]
        )


def test_finer_answers_make_finer_bands(endpoint):
    first, *_ = scene()

    def finer(instance):
        values = tensors.decode_base64(instance["a"])
        return tensors.encode_base64(values.repeat(2, 0).repeat(2, 1))

    endpoint.answer = finer
    wanted = model(output_tile_size=[64, 48])
    predicted = predict_image(wanted, Image(bands=(array_band("a", first),)), endpoint.client)
    band = predicted.band("smooth")
    assert band.projection.nominal_scale == 15
    values, mask = band.fetch(band.projection.grid(0, 0, (140, 180)))
    assert mask.all() and (values == first.repeat(2, 0).repeat(2, 1)).all()


def test_masked_tiles_are_not_sent(endpoint):
    first, *_ = scene()
    image = Image(bands=(array_band("a", first, np.zeros(SIZE, bool)),))
    _, mask = predict_image(model(), image, endpoint.client).fetch(PLANE.grid(0, 0, SIZE), ["smooth"])[0]
    assert not mask.any() and not endpoint.requests


def test_properties_go_with_every_tile(endpoint):
    first, *_ = scene()
    endpoint.answer = lambda instance: tensors.encode_base64(
        tensors.decode_base64(instance["a"]) + tensors.decode_base64(instance["offset"])
    )
    image = Image(bands=(array_band("a", first),), properties={"offset": 3.0})
    values, _ = predict_image(model(input_properties=["offset"]), image, endpoint.client).fetch(
        PLANE.grid(0, 0, SIZE), ["smooth"]
    )[0]
    assert np.allclose(values, first + 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_tile_size": None}, "inputTileSize is required"),
        ({"input_tile_size": [8]}, r"inputTileSize must be \[width, height\]"),
        ({"output_bands": None}, "outputBands is required"),
        ({"payload_format": "XML"}, "Unknown payloadFormat 'XML'"),
    ],
)
def test_models_that_cannot_be_used_are_refused(endpoint, changes, message):
    first, *_ = scene()
    with pytest.raises(ApiError, match=message):
        predict_image(model(**changes), Image(bands=(array_band("a", first),)), endpoint.client)


def test_an_endpoint_name_that_leads_elsewhere_is_refused(endpoint):
    with pytest.raises(ApiError, match="Invalid"):
        endpoint.client.predict("projects/p/locations/evil.example.com#/endpoints/1", [])


def test_the_real_clients_expression_predicts_over_an_asset(ee, endpoint, tmp_path):
    values = np.random.default_rng(2).random((2, 50, 60)).astype("float32")
    profile = {"driver": "GTiff", "count": 2, "height": 50, "width": 60, "dtype": "float32", "crs": "EPSG:32119"}
    with rasterio.open(tmp_path / "a.tif", "w", transform=Affine(*PLANE.transform), **profile) as sink:
        sink.write(values)
    assets = Assets(tmp_path / "assets")
    Ingestion(assets, tmp_path).files("projects/p1/assets/a", [tmp_path / "a.tif"])
    made = ee.Model.fromVertexAi(
        endpoint=ENDPOINT,
        inputTileSize=[16, 16],
        inputOverlapSize=[8, 8],
        proj=ee.Projection("EPSG:32119").scale(30, 30),
        fixInputProj=True,
        outputBands={"smooth": {"type": ee.PixelType.float(), "dimensions": 0}},
    )
    image = ee.Image("projects/p1/assets/a")
    predicted = made.predictImage(image).select("smooth")
    evaluator = Evaluator(assets, endpoint.client)
    result = evaluator.image_of(evaluator.evaluate(ee.serializer.encode(predicted, for_cloud_api=True)))
    found, mask = result.fetch(PLANE.grid(0, 0, (50, 60)))[0]
    assert mask.all() and np.abs(found - filtered(values[0]) - 10 * filtered(values[1])).max() < 1e-5
    # Asked for in another projection, the same predictions are sampled, not made anew on another lattice.
    coarse = Grid("EPSG:32119", (60.0, 0.0, 600000.0, 0.0, -60.0, 200000.0), (25, 30))
    zoomed, _ = result.fetch(coarse)[0]
    assert set(zoomed.ravel().tolist()) <= set(found.ravel().tolist())
