from random import Random

import pytest

from sandbox.earthengine import registry
from sandbox.earthengine.grid import Grid
from sandbox.earthengine.values import Image
from sandbox.errors import ApiError

GRID = Grid("EPSG:32617", (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0), (8, 8))
RING = [-79.88, 36.13, -79.87, 36.14]


def constant(value):
    return {"constantValue": value}


def call(name, /, **arguments):
    return {"functionInvocationValue": {"functionName": name, "arguments": arguments}}


IMAGE = call("Image.load", id=constant("C/s0"))
IMAGES = call("ImageCollection.load", id=constant("C"))
POINT = call("GeometryConstructors.Point", coordinates=constant([-79.88, 36.13]))
BOX = call("GeometryConstructors.Rectangle", coordinates=constant(RING))
FEATURE = call("Feature", geometry=POINT, metadata=constant({"a": 1, "b": "x"}))
FEATURES = call("Collection", features={"arrayValue": {"values": [FEATURE, call("Feature", geometry=BOX)]}})
ARRAY = call("Image.toArray", image=IMAGE)
NUMBERS = [0, 1, -1, 2.5, 1e20, float("nan"), float("inf")]
STRINGS = ["", "a", "red", "day", ".*", "(", "2020-01-01", "EPSG:4326", "pixels"]
LISTS: list[object] = [[], [1, 2, 3], ["red", "nir"], [[1, 2], [3]], [[0, 0], [1, 1], [0, 1]], [1, "a", None]]
VALUES = [constant(value) for value in (None, True, *NUMBERS, *STRINGS, *LISTS, {}, {"a": 1})]
VALUES += [IMAGE, ARRAY, IMAGES, FEATURES, POINT, BOX, call("Reducer.mean"), call("Reducer.toList")]
FITTING = {
    "Image<unknown bands>": [IMAGE, ARRAY, call("Image.constant", value=constant(3))],
    "FeatureCollection": [FEATURES, IMAGES],
    "ImageCollection": [IMAGES],
    "Reducer": [call("Reducer.mean"), call("Reducer.max", numInputs=constant(2)), call("Reducer.toList")],
    "Geometry": [POINT, BOX],
    "Element": [IMAGE, FEATURE],
    "Kernel": [call("Kernel.square", radius=constant(1))],
    "Projection": [call("Projection", crs=constant("EPSG:32617"))],
    "Algorithm": [{"functionReference": "Image.abs"}, {"functionReference": "Number.add"}],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", [1, 2])
def test_no_call_fails_otherwise_than_by_an_api_error(world, seed):
    random = Random(seed)
    answered = 0
    for name in sorted(set(registry.implementations()) - {"Model.predictImage", "Model.predictProperties"}):
        arguments = {}
        for parameter in registry.signatures()[name].parameters:
            if parameter.optional and random.random() < 0.6:
                continue
            pool = FITTING.get(parameter.type, VALUES) if random.random() < 0.8 else VALUES
            arguments[parameter.name] = random.choice(pool)
        if "scale" in arguments:
            arguments["scale"] = constant(300)
        try:
            value = world.evaluator.evaluate({"result": "0", "values": {"0": call(name, **arguments)}})
            world.evaluator.to_json(value)
            if isinstance(value, Image):
                value.fetch(GRID)
            answered += 1
        except ApiError as error:
            assert error.code == 400, (name, arguments)
        except Exception as error:
            pytest.fail(f"{name} {arguments}: {error!r}")
    assert answered > 100
