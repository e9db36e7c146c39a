"""Calls to Vertex AI, tried again with growing pauses where that can help."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from google.api_core import exceptions
from google.api_core.retry import Retry
from google.auth.exceptions import TransportError
from google.longrunning import operations_pb2

Answer = TypeVar("Answer")

PATIENCE_SECONDS = 180.0
"""How long a call is tried again."""
_TRANSIENT = (
    exceptions.TooManyRequests,
    exceptions.InternalServerError,
    exceptions.BadGateway,
    exceptions.ServiceUnavailable,
    exceptions.GatewayTimeout,
    ConnectionError,
    # Over REST the client tells of a lost connection by the classes of its HTTP library, which are no ConnectionError.
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    TransportError,
)
_logger = logging.getLogger(__name__)


def patiently(call: Callable[[], Answer], what: str) -> Answer:
    """Makes a call, again after 429, 5xx and lost connections.

    Args:
        call: The call. It must do no harm when made twice: the first answer may have been lost.
        what: What it does, for the log.

    Raises:
        google.api_core.exceptions.GoogleAPIError: A final error, or none of the tries was answered (RetryError).
    """

    def told(error: Exception) -> None:
        _logger.warning("%s: %s; trying again", what, error)

    retry: Any = Retry(
        predicate=is_transient, initial=1.0, maximum=30.0, multiplier=2.0, timeout=PATIENCE_SECONDS, on_error=told
    )
    answer: Answer = retry(call)()
    return answer


def is_transient(error: BaseException) -> bool:
    """True where the same call may be answered a little later."""
    if not isinstance(error, _TRANSIENT):
        return False
    # An operation that began and failed is told with the same classes; beginning it again would fail again.
    return not isinstance(getattr(error, "response", None), operations_pb2.Operation)
