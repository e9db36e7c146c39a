"""Online prediction: requests to an endpoint, passed to one of its servers by the traffic split."""

import asyncio
import base64
import logging
import random
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx
import orjson
from starlette.responses import Response
from starlette.routing import Route

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.rest import messages
from earthline_sandbox.vertex.rest.routes import Call, Part, route
from earthline_sandbox.vertex.rest.store import Record
from earthline_sandbox.vertex.serving import direct_prediction, traffic
from earthline_sandbox.vertex.serving.deployments import Deployment
from earthline_sandbox.vertex.serving.endpoints import Endpoints
from earthline_sandbox.vertex.serving.payload_limits import PayloadLimits

TIMEOUT: Final = 60.0
"""Seconds that Vertex AI waits for a container's answer on a shared endpoint."""

_LOG: Final = logging.getLogger(__name__)
_NOTICE: Final = 1.0
_READY_PAUSE: Final = 0.05
_HOP: Final = frozenset(
    {
        "authorization",
        "date",
        "server", "connection", "content-length", "host", "keep-alive", "proxy-authorization", "te",
        "trailer", "transfer-encoding", "upgrade", "content-encoding", "accept-encoding",
    }
)  # fmt: skip


_READ: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class Prediction(Part):
    """PredictionService over the servers of `Endpoints`."""

    def __init__(self, settings: Settings, endpoints: Endpoints, limits: PayloadLimits) -> None:
        """Serves predictions; connections to the servers are pooled."""
        self._limits = limits
        self._settings = settings
        self._endpoints = endpoints
        self._draw = random.Random()
        self._client: httpx.AsyncClient | None = None
        self._channels = direct_prediction.Channels()
        self._calls = 0

    def routes(self) -> list[Route]:
        """Routes of PredictionService."""
        settings = self._settings
        return [
            route(settings, "POST", "endpoints/{endpoint}:predict", self._predict),
            route(settings, "POST", "endpoints/{endpoint}:rawPredict", self._raw_predict),
            route(settings, "POST", "endpoints/{endpoint}:directRawPredict", self._direct_raw_predict),
            route(settings, "POST", "endpoints/{endpoint}:explain", self._explain),
        ]

    async def start(self) -> None:
        """Opens the pool."""
        # Idle connections go before the 5 s after which many servers close theirs: a request could meet that.
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=40, keepalive_expiry=3.0)
        self._client = httpx.AsyncClient(trust_env=False, timeout=TIMEOUT, limits=limits)

    async def stop(self) -> None:
        """Closes the pool."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        await self._channels.close()

    def busy(self) -> bool:
        """True while a request waits for its answer."""
        return self._calls > 0

    def status(self) -> dict[str, Any]:
        """Number of requests under way."""
        return {"requests": self._calls}

    async def _predict(self, call: Call) -> Response:
        endpoint, item = await self._target(call)
        # `instances` are any JSON values: a check by protos would cost more than the prediction.
        request = messages.json_object(call.body)
        unknown = sorted(set(request) - {"instances", "parameters", "labels"})
        if unknown:
            raise invalid(f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find field.')
        if not isinstance(request.get("instances", []), list):
            raise invalid("Invalid JSON payload received. instances must be a list.")
        body = call.body
        if "labels" in request:  # they are for billing, not for the container
            body = orjson.dumps({key: value for key, value in request.items() if key != "labels"})
        answer = await self._post(endpoint, item, body, {b"content-type": b"application/json"})
        if answer.status_code != 200:
            raise refusal(answer)
        try:
            content = orjson.loads(answer.content)
            predictions = content["predictions"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise ApiError(
                "FAILED_PRECONDITION",
                "Invalid response from prediction server - it is not valid JSON, or the response field predictions"
                f" is missing. Response: {answer.text[:1000]}",
            ) from None
        result = {
            "predictions": predictions,
            "deployedModelId": item["id"],
            "model": item["model"],
            "modelDisplayName": item.get("displayName", ""),
            "modelVersionId": item["modelVersionId"],
        }
        if "metadata" in content:
            result["metadata"] = content["metadata"]
        return Response(orjson.dumps(result), media_type="application/json")

    async def _raw_predict(self, call: Call) -> Response:
        endpoint, item = await self._target(call)
        # As bytes: headers have no encoding that holds for all.
        headers = {key: value for key, value in call.headers.raw if key.lower().decode("latin-1") not in _HOP}
        answer = await self._post(endpoint, item, call.body, headers)
        if answer.status_code >= 400:
            raise refusal(answer)
        own = {
            "X-Vertex-AI-Endpoint-Id": endpoint["name"].rpartition("/")[2],
            "X-Vertex-AI-Deployed-Model-Id": item["id"],
            "X-Vertex-AI-Model": item["model"],
            "X-Vertex-AI-Model-Version-Id": item["modelVersionId"],
        }
        response = Response(answer.content, answer.status_code, own)
        for key, value in answer.headers.raw:
            if key.lower().decode("latin-1") not in _HOP:
                response.raw_headers.append((key.lower(), value))
        return response

    async def _direct_raw_predict(self, call: Call) -> Response:
        method, body = direct_prediction.asked(call.message("DirectRawPredictRequest"))
        endpoint, item = await self._target(call, body)
        _, limit = self._limits.of(dedicated=bool(endpoint.get("dedicatedEndpointEnabled")))
        self._calls += 1
        deadline = time.monotonic() + TIMEOUT
        try:
            server = await asyncio.to_thread(self._endpoints.server, endpoint["name"], item["id"])
            if not server.takes_grpc:
                raise ApiError(
                    "FAILED_PRECONDITION",
                    f"gRPC requests to the deployed model {item['id']} are disabled: its model declares no port for"
                    " them. Upload it with serving_container_grpc_ports (containerSpec.grpcPorts).",
                )
            await self._ready(server, deadline)
            answer = await self._channels.call(server.grpc_address, method, body, deadline)
        finally:
            self._calls -= 1
        if len(answer) > limit:
            raise _too_large(len(answer), limit, endpoint, item)
        return Response(orjson.dumps({"output": base64.b64encode(answer).decode()}), media_type="application/json")

    async def _explain(self, call: Call) -> Response:
        raise invalid("explain is not supported by the sandbox: it runs models, not feature attributions.")

    async def _target(self, call: Call, body: bytes | None = None) -> tuple[Record, Record]:
        """The endpoint, and one of its models, for a request whose limited part is `body`."""
        body = call.body if body is None else body
        name = f"{call.parent}/endpoints/{call.path['endpoint']}"
        endpoint = await asyncio.to_thread(self._endpoints.endpoint, name)
        limit, _ = self._limits.of(dedicated=bool(endpoint.get("dedicatedEndpointEnabled")))
        if len(body) > limit:
            raise invalid(
                f"Request payload size exceeds the limit: {limit} bytes. The request has {len(body)}:"
                " send fewer or smaller instances at a time."
            )
        deployed = {item["id"]: item for item in endpoint.get("deployedModels", [])}
        chosen = traffic.choose(endpoint.get("trafficSplit", {}), self._draw)
        if chosen is None:
            raise ApiError("FAILED_PRECONDITION", f"Endpoint {name} doesn't have traffic_split: deploy a model to it.")
        return endpoint, deployed[chosen]

    async def _post(
        self, endpoint: Record, item: Record, body: bytes, headers: Mapping[bytes, bytes]
    ) -> httpx.Response:
        assert self._client is not None
        _, limit = self._limits.of(dedicated=bool(endpoint.get("dedicatedEndpointEnabled")))
        self._calls += 1
        deadline = time.monotonic() + TIMEOUT
        try:
            server = await asyncio.to_thread(self._endpoints.server, endpoint["name"], item["id"])
            while True:
                await self._ready(server, deadline)
                try:
                    url = server.address + server.predict_route
                    async with self._client.stream("POST", url, content=body, headers=dict(headers)) as answer:
                        return await _bounded(answer, limit, endpoint, item)
                except httpx.ConnectError:
                    # Nothing was sent: the server is being restarted and this is not noticed yet.
                    await asyncio.sleep(_READY_PAUSE)
        except httpx.TimeoutException:
            raise ApiError(
                "DEADLINE_EXCEEDED", f"The deployed model {item['id']} gave no answer within {TIMEOUT:g} s."
            ) from None
        except httpx.HTTPError as error:
            # The next request must find a crashed server gone: until its end is noticed it seems to be ready.
            noticed = time.monotonic() + _NOTICE
            while server.ready and time.monotonic() < noticed:
                await asyncio.sleep(_READY_PAUSE)
            raise ApiError(
                "UNAVAILABLE",
                f"The connection to deployed model {item['id']} broke ({type(error).__name__}): its server may"
                f" have crashed and is being restarted. Its log is {server.log}.",
            ) from None
        finally:
            self._calls -= 1

    async def _ready(self, server: Deployment, deadline: float) -> None:
        while not server.ready:
            if server.stopped or time.monotonic() > deadline:
                failure = server.status().get("failure", "")
                raise ApiError("UNAVAILABLE", f"The model server is not ready. {failure}".strip())
            await asyncio.sleep(_READY_PAUSE)


async def _bounded(answer: httpx.Response, limit: int, endpoint: Record, item: Record) -> httpx.Response:
    """Reads a container's answer; one over the limit is refused in Google's words.

    The words: https://github.com/googleapis/python-aiplatform/issues/190.

    Raises:
        ApiError: INVALID_ARGUMENT where it is longer than `limit` bytes.
    """
    content = bytearray()
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) > limit:
            raise _too_large(len(content), limit, endpoint, item)
    # What was read is decoded already, and has another length than what was sent.
    kept = [(key, value) for key, value in answer.headers.raw if key.lower() not in _READ]
    return httpx.Response(answer.status_code, headers=kept, content=bytes(content), request=answer.request)


def _too_large(size: int, limit: int, endpoint: Record, item: Record) -> ApiError:
    number = endpoint["name"].rpartition("/")[2]
    return invalid(
        f"Failed to handle request. endpoint_id: {number}, deployed_model_id: {item['id']} with error: "
        f"`Response size too large. Received at least {size} bytes; max is {limit}.`"
    )


def refusal(answer: httpx.Response) -> ApiError:
    """A container's error as the caller sees it: the container's own words under a status of the same kind."""
    text = answer.text[:10_000] or answer.reason_phrase
    code = answer.status_code
    if code >= 500:
        _LOG.warning("The container at %s answered %d: %s", answer.url, code, text[:1000])
    status = {404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}.get(
        code, "FAILED_PRECONDITION" if code < 500 else "INTERNAL"
    )
    return ApiError(status, text)
