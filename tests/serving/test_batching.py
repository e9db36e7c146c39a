"""The queue in front of a runtime, with one that computes when it is told to."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from earthline.formats.served.contract import Contract
from earthline.task.classification.task import Classification
from serving.batching import Batching
from serving.metrics import Metrics
from serving.predictor import BusyError

CONTRACT = Contract(
    bands=("red",),
    task=Classification(("a", "b")).record,
    tile_shape=(8, 8),
    overlap=(0, 0),
    stride=1,
    max_payload_bytes=1,
)


class Runtime:
    """Gives each tile's first number, and remembers which came together."""

    name, contract, calls = "fake", CONTRACT, 1

    def __init__(self, batch: int = 4) -> None:
        self.batch = batch
        self.go = threading.Event()
        self.began = threading.Semaphore(0)
        self.seen: list[list[float]] = []

    def predict(self, inputs: Mapping[str, Any]) -> Any:
        red = inputs["red"]
        self.seen.append(red[:, 0, 0].tolist())
        self.began.release()
        assert self.go.wait(30)
        if (red < 0).any():
            raise ValueError("a number that the model cannot bear")
        return np.repeat(red[..., np.newaxis], 2, axis=-1)


def tile(value: float, side: int = 2) -> dict[str, np.ndarray]:
    return {name: np.full((side, side), value, np.float32) for name in ("red", "earthline_valid")}


def batching(runtime: Runtime, most: int = 100, seconds: float = 30) -> Batching:
    return Batching(runtime, Metrics(), most_waiting=most, deadline_seconds=seconds)


def asked(queue: Batching, *tiles: dict[str, np.ndarray]) -> "asyncio.Task[list[np.ndarray]]":
    return asyncio.create_task(queue.results(tiles))


async def busy(queue: Batching, runtime: Runtime) -> "asyncio.Task[list[np.ndarray]]":
    """A request that is being computed and will be until the runtime goes."""
    first = asked(queue, tile(0))
    await asyncio.to_thread(runtime.began.acquire)
    return first


def test_what_waits_is_computed_together_by_shape_and_answered_apart() -> None:
    async def scenario() -> None:
        runtime = Runtime(batch=3)
        queue = batching(runtime)
        first = await busy(queue, runtime)
        tasks = [asked(queue, tile(1), tile(2, side=3)), asked(queue, tile(3)), asked(queue, tile(4), tile(5))]
        await asyncio.sleep(0)
        runtime.go.set()
        results = await asyncio.gather(first, *tasks)
        assert [[float(each[0, 0, 0]) for each in result] for result in results] == [[0], [1, 2], [3], [4, 5]]
        assert results[1][1].shape == (3, 3, 2)
        # The oldest goes first, and with it those of its shape; the others keep their order.
        assert runtime.seen == [[0], [1, 3, 4], [2], [5]]
        queue.end()

    asyncio.run(scenario())


def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    async def scenario() -> None:
        runtime = Runtime()
        queue = batching(runtime, most=2)
        first = await busy(queue, runtime)
        # Where nothing waits, even a request with more tiles than the queue has room for is taken.
        large = asked(queue, tile(1), tile(2), tile(3))
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="3 tiles are waiting; at most 2 may") as refused:
            await queue.results([tile(4)])
        assert refused.value.retry_seconds >= 1
        runtime.go.set()
        await asyncio.gather(first, large)
        assert len(await queue.results([tile(4)])) == 1
        queue.end()

    asyncio.run(scenario())


def test_what_nobody_waits_for_any_more_is_not_computed() -> None:
    async def scenario() -> None:
        runtime = Runtime()
        queue = batching(runtime)
        first = await busy(queue, runtime)
        left, stays = asked(queue, tile(1)), asked(queue, tile(2))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.sleep(0)
        runtime.go.set()
        await asyncio.gather(first, stays)
        assert runtime.seen == [[0], [2]]
        queue.end()

    asyncio.run(scenario())


def test_what_waited_too_long_is_refused_and_not_computed() -> None:
    async def scenario() -> None:
        runtime = Runtime()
        queue = batching(runtime, seconds=0.05)
        first = await busy(queue, runtime)
        late = asked(queue, tile(1))
        await asyncio.sleep(0.1)
        runtime.go.set()
        with pytest.raises(BusyError, match=r"not computed within 0\.05 s"):
            await late
        await first
        assert runtime.seen == [[0]]
        queue.end()

    asyncio.run(scenario())


def test_an_error_of_the_model_is_said_to_those_that_it_hit_and_the_next_are_computed() -> None:
    async def scenario() -> None:
        runtime = Runtime(batch=1)
        runtime.go.set()
        queue = batching(runtime)
        with pytest.raises(ValueError, match="cannot bear"):
            await queue.results([tile(-1)])
        assert len(await queue.results([tile(1)])) == 1
        queue.end()

    asyncio.run(scenario())


def test_at_the_end_what_waits_is_refused_and_what_is_computed_is_finished() -> None:
    async def scenario() -> None:
        runtime = Runtime()
        queue = batching(runtime)
        first = await busy(queue, runtime)
        waits = asked(queue, tile(1))
        await asyncio.sleep(0)
        ending = asyncio.create_task(asyncio.to_thread(queue.end))
        with pytest.raises(BusyError, match="the server ends"):
            await waits
        runtime.go.set()
        await ending
        assert len(await first) == 1
        with pytest.raises(BusyError):
            await queue.results([tile(2)])

    asyncio.run(scenario())
