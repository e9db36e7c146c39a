"""Whether a container's gRPC port answers, by the standard health service.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from typing import Final

import grpc

CHECK: Final = "/grpc.health.v1.Health/Check"
LOOPBACK: Final = [("grpc.enable_http_proxy", 0)]
"""Options of channels to containers: the environment's proxy leads to the sandbox itself."""
_SERVING: Final = b"\x08\x01"


def serving(address: str, timeout: float) -> bool:
    """True where the server says that it serves, or has no health service but answers.

    Args:
        address: Host and port.
        timeout: Seconds.
    """
    with grpc.insecure_channel(address, options=LOOPBACK) as channel:
        try:
            answer: bytes = channel.unary_unary(CHECK)(b"", timeout=timeout)
        except grpc.RpcError as error:
            return bool(error.code() is grpc.StatusCode.UNIMPLEMENTED)
    return answer == _SERVING
