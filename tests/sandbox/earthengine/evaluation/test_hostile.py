import os
import threading
import time
from random import Random

import pytest

from earthline_sandbox.earthengine.computation import MEMORY, TIME, Computation
from earthline_sandbox.earthengine.language import registry
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import ApiError

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
NUMBERS = [0, 1, -1, 2.5, 1e20, float("nan"), float("inf"), 2**31, -(2**63), 2**63 - 1, -1e308, 1e-308]
STRINGS = ["", "a", "red", "day", ".*", "(", "2020-01-01", "EPSG:4326", "pixels", "^(([a-z])+.)+[A-Z]([a-z])+$"]
STRINGS += ["\0", "../../etc/passwd", "b(0)", "1/0", "a" * 10_000, "%s%n", "+proj=longlat", "\N{SNOWMAN}"]
LISTS: list[object] = [[], [1, 2, 3], ["red", "nir"], [[1, 2], [3]], [[0, 0], [1, 1], [0, 1]], [1, "a", None]]
LISTS += [[0] * 10_000, [[[[[[]]]]]], [float("nan")] * 2, [1e308, -1e308, 1e308, -1e308], ["red", "red"]]
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


# The draws repeat themselves unless the environment asks for others.
SEED = os.environ.get("HOSTILE_SEED", "0")
DRAWS = 3
# What one call may take; the limits of an evaluation must hold whatever it calls, with whatever arguments.
SECONDS = 3
MEMORY_BYTES = 256 * 2**20


class Watch(threading.Thread):
    """Interrupts a computation that does not end by itself, as the sandbox's supervisor does."""

    def __init__(self):
        super().__init__(daemon=True)
        self.computation = None
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.1):
            computation = self.computation
            if computation is not None:
                computation.expire()
                computation.interrupt()


@pytest.fixture(scope="module")
def watch():
    watch = Watch()
    watch.start()
    yield watch
    watch.ended.set()
    watch.join()


def answer(world, name, arguments):
    value = world.evaluator.evaluate({"result": "0", "values": {"0": call(name, **arguments)}})
    world.evaluator.to_json(value)
    if isinstance(value, Image):
        value.fetch(GRID)


@pytest.mark.filterwarnings("ignore")
def test_no_call_fails_otherwise_than_by_an_api_error(world, watch):
    """Every function that is registered, whoever wrote it and whatever it was given."""
    answered = ended = 0
    slowest = (0.0, "")
    failures = []
    for name in sorted(set(registry.implementations()) - {"Model.predictImage", "Model.predictProperties"}):
        for number in range(DRAWS):
            seed = f"{SEED} {name} {number}"
            arguments = drawn(name, Random(seed))
            computation = Computation(seconds=SECONDS, memory_bytes=MEMORY_BYTES, interruptible=True)
            watch.computation = computation
            begun = time.monotonic()
            try:
                computation.run(answer, world, name, arguments)
                answered += 1
            except ApiError as error:
                ended += error.message in (TIME[1], MEMORY[1])
                if error.code not in (400, 404):
                    failures.append((seed, arguments, error))
            except Exception as error:
                failures.append((seed, arguments, error))
            finally:
                watch.computation = None
            slowest = max(slowest, (time.monotonic() - begun, seed))
    assert not failures, "\n".join(map(repr, failures))
    assert answered > 100
    assert slowest[0] < 5 * SECONDS, slowest
    # Most hostile calls are refused for what they are; the limits are the last resort.
    assert ended < 10


def drawn(name, random):
    arguments = {}
    for parameter in registry.signatures()[name].parameters:
        if parameter.optional and random.random() < 0.6:
            continue
        pool = FITTING.get(parameter.type, VALUES) if random.random() < 0.8 else VALUES
        arguments[parameter.name] = random.choice(pool)
    if "scale" in arguments:
        arguments["scale"] = constant(300)
    return arguments
