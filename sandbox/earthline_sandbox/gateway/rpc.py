"""gRPC for clients that prefer it: each call is made again as REST, so that every service exists once.

The installed client libraries know everything: a service's gRPC transport names the request and response types of
each method, its REST transport the HTTP binding. They are imported at the first call of a service.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
from google.api import httpbody_pb2
from google.api_core import path_template
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2, json_format
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, status_pb2

from earthline_sandbox import libraries

logger = logging.getLogger(__name__)

MESSAGE_LIMIT = 128 << 20
TIMEOUT_S = 3600.0
_METHOD = re.compile(r"/(?P<package>google(?:\.[a-z0-9_]+)+)\.(?P<service>[A-Z]\w*)/(?P<method>[A-Z]\w*)")
_FORWARDED = ("user-agent", "x-goog-api-client")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Method:
    """One unary call.

    Attributes:
        request: Protobuf class of the request.
        response: Protobuf class of the response.
        bindings: `google.api.http` rules: `method`, `uri` and, where there is one, `body`.
    """

    request: type[Message]
    response: type[Message]
    bindings: Sequence[Mapping[str, str]]


def _operations() -> dict[str, Method]:
    name = "/v1/{name=**/operations/*}"
    kinds = operations_pb2
    return {
        "GetOperation": Method(kinds.GetOperationRequest, kinds.Operation, [{"method": "get", "uri": name}]),
        "CancelOperation": Method(
            kinds.CancelOperationRequest, empty_pb2.Empty, [{"method": "post", "uri": f"{name}:cancel", "body": "*"}]
        ),
        "DeleteOperation": Method(kinds.DeleteOperationRequest, empty_pb2.Empty, [{"method": "delete", "uri": name}]),
        "WaitOperation": Method(
            kinds.WaitOperationRequest, kinds.Operation, [{"method": "post", "uri": f"{name}:wait", "body": "*"}]
        ),
        "ListOperations": Method(
            kinds.ListOperationsRequest,
            kinds.ListOperationsResponse,
            [{"method": "get", "uri": "/v1/{name=**}/operations"}],
        ),
    }


class Bridge(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc publishes no types
    """Answers any method of any installed Google client library by a REST call to the application."""

    def __init__(self, application_port: int, host_of: Callable[[int], str | None]) -> None:
        """Makes the bridge.

        Args:
            application_port: Loopback port of the application.
            host_of: Gives the host that a client asked the proxy for, by the port of the proxy's connection.
        """
        self._url = f"http://127.0.0.1:{application_port}"
        self._host_of = host_of
        self._methods: dict[str, Method] = {}
        self._server: grpc.aio.Server | None = None
        self._client: httpx.AsyncClient | None = None

    async def start(self) -> int:
        """Listens on a free loopback port; gives the port."""
        # The bridge's own calls go to loopback, never through a proxy of the environment.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
        self._client = httpx.AsyncClient(base_url=self._url, timeout=TIMEOUT_S, trust_env=False, limits=limits)
        self._server = grpc.aio.server(
            handlers=[self],
            options=[
                ("grpc.max_receive_message_length", MESSAGE_LIMIT),
                ("grpc.max_send_message_length", MESSAGE_LIMIT),
                ("grpc.so_reuseport", 0),
            ],
        )
        port: int = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return port

    async def stop(self) -> None:
        """Ends running calls and stops listening."""
        if self._server is not None:
            await self._server.stop(grace=0.5)
        if self._client is not None:
            await self._client.aclose()

    def service(self, details: Any) -> Any:
        """The handler of one method, whatever it is called."""
        path = details.method

        async def call(request: bytes, context: Any) -> bytes:
            return await self._call(path, request, context)

        return grpc.unary_unary_rpc_method_handler(call)

    async def _call(self, path: str, request: bytes, context: Any) -> bytes:
        try:
            method = self._methods.get(path)
            if method is None:
                # Importing a client library takes seconds: not on the event loop.
                method = self._methods[path] = await asyncio.to_thread(find_method, path)
            message = method.request()
            message.ParseFromString(request)
            rest = transcode(method, message)
        except LookupError as error:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error.args[0]))
            raise  # abort has raised already; the type checker cannot know.
        except (DecodeError, ValueError) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{path}: {error}")
            raise
        host = self._host(context)
        if host is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The connection did not come through the proxy.")
            raise ConnectionError(path)  # as above
        assert self._client is not None
        try:
            response = await self._client.request(
                rest["method"],
                rest["uri"],
                params=rest["query"],
                content=rest["content"],
                headers=[*_agent(context), (b"Host", host.encode()), (b"Content-Type", rest["type"])],
            )
        except httpx.HTTPError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"The sandbox's application failed: {error!r}")
        if response.status_code >= 400:
            await _abort(context, response)
        return read_response(method, response)

    def _host(self, context: Any) -> str | None:
        # "ipv4:127.0.0.1:45678"
        port = str(context.peer()).rpartition(":")[2]
        return self._host_of(int(port)) if port.isdigit() else None


def find_method(path: str) -> Method:
    """The types and the binding of a method.

    Args:
        path: As on the wire: `/google.cloud.aiplatform.v1.ModelService/ListModels`.

    Raises:
        LookupError: No installed library has it, or it streams.
    """
    match = _METHOD.fullmatch(path)
    if match is None:
        raise LookupError(f"{path} is no method of a Google service.")
    package, service, name = match.group("package", "service", "method")
    if (package, service) == ("google.longrunning", "Operations"):
        methods = _operations()
        if name not in methods:
            raise LookupError(f"google.longrunning.Operations has no method {name}.")
        return methods[name]
    parent, _, version = package.rpartition(".")
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", service).lower()
    # google.cloud.aiplatform.v1 is in google.cloud.aiplatform_v1, google.storage.control.v2 in storage_control_v2.
    library = parent.removeprefix("google.").removeprefix("cloud.").replace(".", "_")
    module = f"google.cloud.{library}_{version}.services.{snake}.transports"
    try:
        grpc_module = libraries.load(f"{module}.grpc")
        rest_module = libraries.load(f"{module}.rest_base")
    except ImportError:
        raise LookupError(f"The sandbox has no client library for {package}.{service}.") from None
    recorder = _Recorder()
    transport = getattr(grpc_module, f"{service}GrpcTransport")(channel=recorder)
    # The transport wraps its channel in one that logs and that makes stubs only when they are called.
    transport._logged_channel = recorder
    transport._stubs.clear()
    attribute = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    getattr(transport, attribute, None)
    if path not in recorder.methods:
        raise LookupError(f"{path} is not a unary method that the installed client library knows.")
    base = getattr(rest_module, f"_Base{service}RestTransport")
    request, response = recorder.methods[path]
    binding = getattr(base, f"_Base{name}", None)
    if binding is None or not hasattr(binding, "_get_http_options"):
        raise LookupError(f"{path} has no HTTP binding, so the sandbox cannot answer it by gRPC.")
    return Method(request, response, binding._get_http_options())


def transcode(method: Method, message: Message) -> dict[str, Any]:
    """The REST call for a request.

    Returns:
        `method` (upper case), `uri`, `query` (pairs), `content` (bytes) and its media `type` (bytes: whatever is not
        ASCII goes on as UTF-8, as opaque as RFC 9110, 5.5 has it).

    Raises:
        ValueError: The request lacks a field that the URI needs, or its media type cannot be a header.
    """
    rest = path_template.transcode(list(method.bindings), message)
    body, query = rest.get("body"), rest.get("query_params")
    content, media_type = b"", "application/json"
    if body is not None:
        # rawPredict and the like carry bytes, not JSON.
        raw = getattr(body, "http_body", body) if body.DESCRIPTOR.fields_by_name.get("http_body") else body
        if isinstance(raw, httpbody_pb2.HttpBody):
            content, media_type = raw.data, raw.content_type.strip(" \t") or media_type
            if _CONTROL.search(media_type):
                raise ValueError(f"http_body.content_type {media_type[:200]!r} holds a control character.")
        else:
            content = json_format.MessageToJson(body, indent=None).encode()
    pairs = _flatten(json_format.MessageToDict(query)) if query is not None else []
    return {
        "method": rest["method"].upper(),
        "uri": rest["uri"],
        "query": pairs,
        "content": content,
        "type": media_type.encode(),
    }


def read_response(method: Method, response: httpx.Response) -> bytes:
    """The bytes of the gRPC response for a REST response.

    Raises:
        json_format.ParseError: The application's JSON does not fit the response's type.
    """
    if method.response is httpbody_pb2.HttpBody:
        body = httpbody_pb2.HttpBody(content_type=response.headers.get("content-type", ""), data=response.content)
        return bytes(body.SerializeToString())
    message = method.response()
    if response.content:
        json_format.Parse(response.content, message, ignore_unknown_fields=True)
    return bytes(message.SerializeToString())


def _agent(context: Any) -> list[tuple[bytes, bytes]]:
    """What the client says of itself: a service may hold its reply to one that is known to wait."""
    return [(key.encode(), value.encode()) for key, value in context.invocation_metadata() if key in _FORWARDED]


async def _abort(context: Any, response: httpx.Response) -> None:
    """Ends a call with the status that the application gave as JSON."""
    status = status_pb2.Status(code=code_pb2.UNKNOWN, message=response.text[:2000])
    try:
        error = response.json()["error"]
        status.message = error["message"]
        status.code = code_pb2.Code.Value(error.get("status", "UNKNOWN"))
        for detail in error.get("details", ()):
            json_format.ParseDict(detail, status.details.add())
    except (ValueError, KeyError, TypeError) as problem:
        logger.warning("an error of the application could not be read: %r", problem)
    metadata = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message, metadata)


def _flatten(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Query pairs as Google's REST takes them: `a.b=1`, lists repeated."""
    pairs: list[tuple[str, str]] = []
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, Mapping):
            pairs += _flatten(item, f"{name}.")
            continue
        for element in item if isinstance(item, list) else [item]:
            pairs.append((name, str(element).lower() if isinstance(element, bool) else str(element)))
    return pairs


class _Recorder(grpc.Channel):  # type: ignore[misc]  # grpc publishes no types
    """A channel that notes the types of the unary methods that a transport makes on it, and calls nothing."""

    def __init__(self) -> None:
        self.methods: dict[str, tuple[type[Message], type[Message]]] = {}

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Notes a method."""
        self.methods[method] = (_message(request_serializer), _message(response_deserializer))
        return self._refuse

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """Streams are not bridged."""
        return self._refuse

    stream_unary = stream_stream = unary_stream

    def subscribe(self, callback: Any, try_to_connect: bool = False) -> None:
        """Nothing to watch."""

    def unsubscribe(self, callback: Any) -> None:
        """Nothing was watched."""

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> "_Recorder":
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("this channel only records methods")


def _message(function: Any) -> type[Message]:
    """The protobuf class whose bound (de)serialiser this is; proto-plus wraps the class."""
    owner = getattr(function, "__self__", None)
    if owner is None:
        # Plain protobuf: an unbound `SerializeToString` of the class.
        owner = function.__objclass__
    kind: type[Message] = owner.pb() if hasattr(owner, "pb") else owner
    return kind
