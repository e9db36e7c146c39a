"""The application in this process, around a model that computes nothing."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from earthline.formats import tensors
from earthline.formats.served.contract import Contract
from serving import payloads
from serving.application import Server
from serving.settings import Settings

ONES = tensors.encode(np.ones((4, 4, 1), np.float32))
BODY = {"instances": [{"red": ONES, "0_nir": ONES, "earthline_valid": ONES}]}


class Model:
    name, calls, batch = "nothing", 1, 1

    def __init__(self, folder: Path) -> None:
        self.contract = Contract.read(folder)

    def predict(self, inputs: Any) -> np.ndarray:
        return np.zeros((*inputs["red"].shape, 3), np.float32)


def test_requests_are_read_and_answers_written_beside_the_event_loop(
    saved_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, str] = {}
    read, answer = payloads.read, payloads.Request.answer

    def noted_read(body: bytes, contract: Contract) -> payloads.Request:
        threads["read"] = threading.current_thread().name
        return read(body, contract)

    def noted_answer(self: payloads.Request, results: Sequence[payloads.Array]) -> bytes:
        threads["answer"] = threading.current_thread().name
        return answer(self, results)

    monkeypatch.setattr(payloads, "read", noted_read)
    monkeypatch.setattr(payloads.Request, "answer", noted_answer)

    async def asked(client: httpx.AsyncClient) -> None:
        await until_ready(client)
        assert (await client.post("/predict", json=BODY)).status_code == 200

    served(saved_model, lambda: Model(saved_model), asked)
    assert threads["read"].startswith("codec") and threads["answer"].startswith("codec")


def test_nothing_is_answered_before_the_model_is_loaded_and_health_says_why(saved_model: Path) -> None:
    go = threading.Event()

    def load() -> Model:
        go.wait(60)
        return Model(saved_model)

    async def asked(client: httpx.AsyncClient) -> None:
        for method, path in (("GET", "/health"), ("GET", "/contract"), ("POST", "/predict")):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.json()) == (503, {"error": "the model is loading"})
        assert "earthline_ready 0.0" in (await client.get("/metrics")).text
        go.set()
        await until_ready(client)
        assert (await client.post("/predict", json=BODY)).status_code == 200
        assert "earthline_ready 1.0" in (await client.get("/metrics")).text

    served(saved_model, load, asked)


def served(
    saved_model: Path, load: Callable[[], Model], asked: Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]
) -> None:
    async def run() -> None:
        application = Server(Settings(str(saved_model)), load).application()
        async with (
            application.router.lifespan_context(application),
            httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://here") as client,
        ):
            await asked(client)

    asyncio.run(run())


async def until_ready(client: httpx.AsyncClient) -> None:
    for _ in range(500):
        if (await client.get("/health")).status_code == 200:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not ready")
