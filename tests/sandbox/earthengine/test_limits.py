import asyncio
import shutil
import socket
import threading
import time

import httpx
import pytest
from starlette.applications import Starlette

from earthline_sandbox.earthengine.computation import Computation
from earthline_sandbox.earthengine.limits import Limits, Slots
from earthline_sandbox.earthengine.models.endpoints import VertexEndpoints
from earthline_sandbox.earthengine.rest.dispatch import Dispatcher
from earthline_sandbox.errors import ApiError
from earthline_sandbox.responses import api_error_handler


def test_pixels_are_counted_with_a_byte_for_each_mask():
    # 48 x 512 x 256 numbers of 8 bytes: the message that users quote for it names 56,623,104 bytes.
    with pytest.raises(ApiError) as caught:
        Limits().check_pixels((48 * 512, 256), [8])
    assert caught.value.message == "Total request size (56623104 bytes) must be less than or equal to 50331648 bytes."
    Limits().check_pixels((4096, 4096), [1])


def test_downloads_have_smaller_limits():
    with pytest.raises(ApiError, match=r"Pixel grid dimensions \(10001x1\) must be less than or equal to 10000\."):
        Limits().check_pixels((1, 10_001), [1], download=True)
    with pytest.raises(ApiError, match="33554432 bytes"):
        Limits().check_pixels((8000, 8000), [1], download=True)


def test_a_limit_keeps_its_type_whatever_it_is_set_to():
    limits = Limits()
    limits.change({"interactive_seconds": 30})
    limits.change({"interactive_seconds": 0.5, "concurrent": 3})
    assert (limits.interactive_seconds, limits.concurrent) == (0.5, 3)
    for wrong in ({"concurrent": 1.5}, {"concurrent": 0}, {"concurrent": True}, {"concurrents": 3}):
        with pytest.raises(ApiError):
            limits.change(wrong)


def test_too_many_bands_are_refused():
    with pytest.raises(ApiError, match="1025"):
        Limits().check_pixels((1, 1), [1] * 1025)


def test_a_slot_is_given_back_whatever_happens():
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError), slots.hold():
        raise ZeroDivisionError
    with slots.hold(), pytest.raises(ApiError) as caught, slots.hold():
        pass
    assert caught.value.code == 429 and slots.taken == 0


def served(dispatcher, handler):
    route = dispatcher.route("POST", "work", handler, compute=True)
    app = Starlette(routes=[route], exception_handlers={ApiError: api_error_handler})
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def test_computations_beyond_the_quota_get_a_429_and_the_others_their_answer():
    dispatcher, gate = Dispatcher(Limits(concurrent=3)), threading.Event()

    def handler(call):
        gate.wait(30)
        return {"done": True}

    async def run():
        async with served(dispatcher, handler) as client:
            first = [asyncio.create_task(client.post("/v1/work", json={})) for _ in range(3)]
            while dispatcher.slots.taken < 3:
                await asyncio.sleep(0.01)
            refused = await client.post("/v1/work", json={})
            gate.set()
            return refused, await asyncio.gather(*first)

    refused, answers = asyncio.run(run())
    assert refused.status_code == 429 and refused.json()["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert [answer.json() for answer in answers] == [{"done": True}] * 3
    assert dispatcher.slots.taken == 0
    dispatcher.close()


def test_a_computation_that_takes_too_long_is_told_so_and_keeps_its_slot_until_it_ends():
    dispatcher, gate = Dispatcher(Limits(interactive_seconds=0.05)), threading.Event()

    async def run():
        async with served(dispatcher, lambda call: gate.wait(30)) as client:
            answer = await client.post("/v1/work", json={})
            held = dispatcher.slots.taken
            gate.set()
            while dispatcher.slots.taken:
                await asyncio.sleep(0.01)
            return answer, held

    answer, held = asyncio.run(run())
    assert answer.status_code == 400 and answer.json()["error"]["message"] == "Computation timed out."
    assert held == 1
    dispatcher.close()


def test_an_unexpected_failure_is_a_500_in_googles_shape_with_a_traceback_in_the_log(caplog):
    dispatcher = Dispatcher(Limits())

    async def run():
        async with served(dispatcher, lambda call: 1 / 0) as client:
            return await client.post("/v1/work", json={})

    answer = asyncio.run(run())
    assert answer.status_code == 500 and answer.json()["error"]["status"] == "INTERNAL"
    assert "ZeroDivisionError" in caplog.text
    dispatcher.close()


def test_a_full_disk_is_no_500_that_clients_repeat(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=4096))
    dispatcher = Dispatcher(Limits(), home=tmp_path)

    async def run():
        async with served(dispatcher, lambda call: 1 / 0) as client:
            return await client.post("/v1/work", json={})

    answer = asyncio.run(run())
    assert answer.status_code == 400 and "disk is full: 4,096 bytes" in answer.json()["error"]["message"]
    dispatcher.close()


def test_gzip_bodies_are_read_and_bombs_refused():
    import gzip

    dispatcher = Dispatcher(Limits(request_bytes=1000))

    async def run():
        async with served(dispatcher, lambda call: dict(call.body)) as client:
            headers = {"Content-Encoding": "gzip"}
            good = await client.post("/v1/work", content=gzip.compress(b'{"a": 1}'), headers=headers)
            bomb = await client.post("/v1/work", content=gzip.compress(b" " * 100_000), headers=headers)
            return good, bomb

    good, bomb = asyncio.run(run())
    assert good.json() == {"a": 1}
    assert bomb.status_code == 400 and "exceeds the limit" in bomb.json()["error"]["message"]
    dispatcher.close()


@pytest.fixture
def limited(call_admin):
    """Sets limits of the running sandbox, and puts back what they were."""
    before = call_admin("earthengine/limits")["limits"]
    changed = {}

    def limit(**values):
        changed.update({name: before[name] for name in values})
        call_admin("earthengine/limits", values)

    yield limit
    call_admin("earthengine/limits", changed)


def ended(call_admin):
    deadline = time.monotonic() + 10
    while call_admin("status")["services"]["earthengine"]["computations"]:
        assert time.monotonic() < deadline, "it went on"
        time.sleep(0.05)


def test_reductions_in_one_request_are_counted(ee, limited):
    point = ee.Geometry.Point([0, 0])
    images = [ee.Image(number) for number in range(6)]
    statistics = ee.List([image.reduceRegion(ee.Reducer.first(), point, 30) for image in images])
    limited(aggregations=6)
    assert statistics.getInfo() == [{"constant": number} for number in range(6)]
    limited(aggregations=5)
    with pytest.raises(ee.EEException, match=r"Too many concurrent aggregations\."):
        statistics.getInfo()


def test_statistics_of_the_whole_world_end_in_time(ee, limited, call_admin):
    limited(interactive_seconds=1)
    world = ee.FeatureCollection([ee.Feature(ee.Geometry.Rectangle([-180, -85, 180, 85], None, False))])
    image = ee.Image.random()
    for asked in (
        image.reduceRegions(world, ee.Reducer.mean(), 300),
        image.reduceRegion(ee.Reducer.mean(), world.geometry(), 300, maxPixels=1e13),
        image.sampleRegions(world, scale=9000),
    ):
        with pytest.raises(ee.EEException, match=r"^(Computation timed out\.|Image.sampleRegions: )"):
            asked.getInfo()
        ended(call_admin)


def test_a_computation_does_not_wait_for_an_endpoint_when_it_must_end():
    silent = socket.create_server(("127.0.0.1", 0))
    client = VertexEndpoints(f"http://127.0.0.1:{silent.getsockname()[1]}")
    computation = Computation(seconds=0.3)
    begun = time.monotonic()
    with pytest.raises(ApiError, match=r"Computation timed out\."):
        computation.run(client.predict, "projects/p/locations/l/endpoints/1", [b"{}"])
    assert time.monotonic() - begun < 5
    silent.close()
    client.close()
