"""Direct prediction: any unary gRPC method of a deployed model's server, called with the caller's own bytes.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/directRawPredict
"""

import base64
import re
import time
from typing import Any, Final

import grpc

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.vertex.serving.grpc_health import LOOPBACK

_METHOD: Final = re.compile(r"/[A-Za-z_][\w.]*/[A-Za-z_]\w*")
_STATUSES: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: "INVALID_ARGUMENT",
    grpc.StatusCode.NOT_FOUND: "NOT_FOUND",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "RESOURCE_EXHAUSTED",
    grpc.StatusCode.FAILED_PRECONDITION: "FAILED_PRECONDITION",
    grpc.StatusCode.UNAVAILABLE: "UNAVAILABLE",
    grpc.StatusCode.UNIMPLEMENTED: "UNIMPLEMENTED",
}


class Channels:
    """Connections to the gRPC ports of servers, one for each address."""

    def __init__(self) -> None:
        """Opens none yet."""
        self._channels: dict[str, Any] = {}

    async def call(self, address: str, method: str, body: bytes, deadline: float) -> bytes:
        """Calls a method.

        Args:
            address: Host and port.
            method: `/package.Service/Method`.
            body: The serialized request.
            deadline: By the monotonic clock.

        Raises:
            ApiError: The server's own error, or DEADLINE_EXCEEDED.
        """
        channel = self._channels.get(address)
        if channel is None:
            options = [*LOOPBACK, ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
            channel = self._channels[address] = grpc.aio.insecure_channel(address, options=options)
        try:
            answer: bytes = await channel.unary_unary(method)(body, timeout=max(0.0, deadline - time.monotonic()))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise ApiError("DEADLINE_EXCEEDED", "The deployed model gave no answer by gRPC in time.") from None
            raise ApiError(_STATUSES.get(error.code(), "INTERNAL"), error.details() or error.code().name) from None
        return answer

    async def close(self) -> None:
        """Closes all of them."""
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()


def asked(request: dict[str, Any]) -> tuple[str, bytes]:
    """Method and input of a DirectRawPredictRequest.

    Raises:
        ApiError: INVALID_ARGUMENT where the method is none.
    """
    method = str(request.get("methodName", "")).rstrip("/")
    if not _METHOD.fullmatch(method):
        raise invalid(
            f"method_name {method[:200]!r} is not valid: give the full name of the method that the container serves,"
            " such as /tensorflow.serving.PredictionService/Predict."
        )
    return method, base64.b64decode(request.get("input", ""))
