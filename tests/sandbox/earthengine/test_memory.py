import gc
import json
import sys
import threading
import time

import numpy as np
import pytest

from earthline_sandbox.earthengine.computation import (
    AGGREGATIONS,
    CANCELLED,
    Charge,
    Computation,
    carried,
    extent,
    hold,
    size_of,
)
from earthline_sandbox.earthengine.limits import Limits
from earthline_sandbox.earthengine.supervision import Supervisor
from earthline_sandbox.errors import ApiError

HOST = "earthengine.googleapis.com"
MEGABYTE = 2**20
LIMIT = 192 * MEGABYTE


def stopped(computation, work):
    with pytest.raises(ApiError) as caught:
        computation.run(work)
    return caught.value.message


def test_arrays_count_as_long_as_they_live_and_views_not_at_all():
    computation = Computation(memory_bytes=10 * MEGABYTE)

    def work():
        first = np.zeros(MEGABYTE, "float64")
        hold(first, first[1:], first.reshape(2, -1), np.broadcast_to(np.zeros(1), (9_999, 9_999)))
        assert computation.held == 8 * MEGABYTE
        del first
        gc.collect()
        assert computation.held == 0
        hold(np.zeros(11 * MEGABYTE, "uint8"))

    assert stopped(computation, work) == "User memory limit exceeded."


def test_what_is_not_there_yet_is_refused_before_it_is_allocated():
    computation = Computation(memory_bytes=10 * MEGABYTE)
    computation.run(computation.expect, 10 * MEGABYTE)
    assert stopped(computation, lambda: computation.expect(10 * MEGABYTE + 1)) == "User memory limit exceeded."


def test_an_allocation_that_fails_is_the_same():
    assert stopped(Computation(), lambda: np.ones((10**7, 10**8))) == "User memory limit exceeded."


def test_what_outlives_a_computation_counts_for_the_one_that_uses_it_next():
    first, second = Computation(), Computation()
    charge = first.run(Charge)
    first.run(charge.add, 100)
    second.run(charge.add, 10)
    assert (first.held, second.held) == (0, 110)
    del charge
    assert second.held == 0


def test_aggregations_beyond_the_limit_are_too_many_at_once():
    computation = Computation(aggregations=2)

    def work():
        for _ in range(3):
            computation.aggregate()

    assert stopped(computation, work) == AGGREGATIONS[1]


def test_threads_of_a_pool_end_with_their_computation():
    from concurrent.futures import ThreadPoolExecutor

    computation, begun = Computation(interruptible=True), threading.Event()

    def endless():
        begun.set()
        while True:
            time.sleep(0.01)

    def work():
        with ThreadPoolExecutor(2) as pool:
            return [*pool.map(carried(lambda _: endless()), range(4))]

    def end():
        begun.wait(10)
        computation.stop(CANCELLED)
        while not ended.wait(0.05):
            computation.interrupt()

    ended = threading.Event()
    other = threading.Thread(target=end)
    other.start()
    assert stopped(computation, work) == "Cancelled."
    ended.set()
    other.join()


@pytest.mark.parametrize("interruptible", [True, False])
def test_a_process_that_grows_beyond_the_limit_ends_who_holds_most(interruptible):
    supervisor = Supervisor(Limits(memory_bytes=64 * MEGABYTE, total_memory_bytes=64 * MEGABYTE))
    computation = Computation(interruptible=interruptible)
    kept = []

    def work():
        # Nothing of this is told to anyone.
        while True:
            kept.append(bytearray(b"x") * MEGABYTE)
            time.sleep(0.005)
            if not interruptible:
                computation.check()

    with pytest.raises(ApiError, match=r"User memory limit exceeded\."):
        supervisor.run(computation, work)
    assert 32 < len(kept) < 512
    kept.clear()
    supervisor.close()


def test_lists_within_lists_are_counted_without_being_visited_again_and_again():
    inner = [1] * 1000
    deep = inner
    for _ in range(5):
        deep = [deep] * 1000
    assert extent(deep) > 10**18
    assert extent({"a": [1, 2], "b": 3}) == 5
    assert size_of([1.5, 2.5]) > size_of([1, 1]) > sys.getsizeof([])
    assert size_of("x" * 1000) > 1000 and size_of(3) == 0


def repeated(value, count):
    return {"functionInvocationValue": {"functionName": "List.repeat", "arguments": {"value": value, "count": count}}}


def call(name, /, **arguments):
    return {"functionInvocationValue": {"functionName": name, "arguments": arguments}}


def constant(value):
    return {"constantValue": value}


def doubled(name, value, times):
    """A value put together with itself, again and again: `{"0": …, "1": …}` and the key of the last."""
    first, second = {"String.cat": ("string1", "string2"), "List.cat": ("list", "other")}[name]
    values = {"0": value}
    for number in range(times):
        reference = {"valueReference": str(number)}
        values[str(number + 1)] = call(name, **{first: reference, second: reference})
    return {"result": str(times), "values": values}


MILLIONS = constant(1_000_000)
NESTED = repeated(repeated(repeated(constant(1), MILLIONS), MILLIONS), MILLIONS)


def alone(value):
    return {"result": "0", "values": {"0": value}}


def large_images(load):
    """An image collection of 300 images that have nothing in common."""
    body = call(
        "Image.add", image1=load, image2=call("Image.constant", value={"argumentReference": "_MAPPING_VAR_0_0"})
    )
    numbers = call("List.sequence", start=constant(1), end=constant(300))
    mapped = call(
        "List.map",
        list=numbers,
        baseAlgorithm={"functionDefinitionValue": {"argumentNames": ["_MAPPING_VAR_0_0"], "body": "body"}},
    )
    return call("ImageCollection.fromImages", images=mapped), {"body": body}


def test_no_request_takes_more_memory_than_it_may(sandbox, call_admin, landsat):
    load = call("Image.load", id=constant(landsat))
    images, body = large_images(load)
    grid = {
        "dimensions": {"width": 2000, "height": 2000},
        "crsCode": "EPSG:32119",
        "affineTransform": {"scaleX": 6, "translateX": 630_000, "scaleY": -6, "translateY": 228_500},
    }
    numbers = call("List.sequence", start=constant(0), count=constant(9_999_999))
    values = {
        "a sequence": alone(numbers),
        "lists within lists": alone(NESTED),
        "their text": alone(call("List.join", list=NESTED, separator=constant(","))),
        "their array": alone(call("Array", values=NESTED)),
        "a text twice as long each time": doubled("String.cat", constant("x" * 1000), 40),
        "a list twice as long each time": doubled("List.cat", constant([1, 2, 3]), 40),
        "a text for each of many letters": alone(
            call(
                "String.replace",
                input=constant("x" * 100_000),
                regex=constant("x"),
                replacement=constant("y" * 100_000),
                flags=constant("g"),
            )
        ),
        "all pixels of many bands": {
            "result": "0",
            "values": {
                "0": call(
                    "Image.sample",
                    image=call("ImageCollection.toBands", collection=images),
                    region=call("Image.geometry", feature=load),
                    scale=constant(30),
                    geometries=constant(True),
                ),
                **body,
            },
        },
    }
    pixels = {
        "the arrays of many images": {
            "result": "0",
            "values": {
                "0": call(
                    "Image.arrayLength",
                    input=call("ImageCollection.toArray", collection=images),
                    axis=constant(0),
                ),
                **body,
            },
        },
    }
    process = sandbox.process
    before = call_admin("earthengine/limits")["limits"]
    call_admin("earthengine/limits", {"memory_bytes": LIMIT, "interactive_seconds": 30})
    base = process.memory_info().rss
    largest = [base]
    ended = threading.Event()

    def measure():
        while not ended.wait(0.01):
            largest[0] = max(largest[0], process.memory_info().rss)

    other = threading.Thread(target=measure)
    other.start()
    found = {}
    try:
        for name, expression in values.items():
            answer = sandbox.request(
                "POST", HOST, "/v1/projects/sandbox/value:compute", content=json.dumps({"expression": expression})
            )
            found[name] = (answer.status_code, answer.json().get("error", {}).get("message"))
        for name, expression in pixels.items():
            asked = {"expression": expression, "fileFormat": "NPY", "grid": grid}
            answer = sandbox.request(
                "POST", HOST, "/v1/projects/sandbox/image:computePixels", content=json.dumps(asked)
            )
            found[name] = (answer.status_code, answer.json().get("error", {}).get("message"))
    finally:
        ended.set()
        other.join()
        call_admin("earthengine/limits", {name: before[name] for name in ("memory_bytes", "interactive_seconds")})
    assert found == dict.fromkeys([*values, *pixels], (400, "User memory limit exceeded."))
    # Twice the limit: what is counted, and one working copy of it within a library.
    assert largest[0] - base < 2 * LIMIT, (base, largest)
    answer = sandbox.request(
        "POST", HOST, "/v1/projects/sandbox/value:compute", json={"expression": alone(constant("still here"))}
    )
    assert answer.json() == {"result": "still here"}
