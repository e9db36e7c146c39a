"""How the Earth Engine client reaches its server: through the door, over connections for many threads."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httplib2
import requests
import urllib3
from requests.adapters import HTTPAdapter

from earthline.earth_engine.requests import tally
from earthline.earth_engine.requests.door import Door
from earthline.earth_engine.requests.patience import Kind, Patience

# Google's credentials give their own requests a timeout, and each time this adapter says on standard error that it has
# its own: four lines at every command, and nothing that anybody could do about them.
logging.getLogger("google_auth_httplib2").setLevel(logging.ERROR)

_MOST_BYTES = 2**28
"""Longest answer: Earth Engine gives 48 MiB of pixels or 100 MiB of a value (guides/usage)."""
_PART_BYTES = 2**18


class StalledError(TimeoutError):
    """An answer takes far longer than others of its kind; the request was given up, and may be sent again at once."""


@dataclass(frozen=True)
class Try:
    """What is known of the request that this thread makes.

    Attributes:
        number: Of the try, from 1.
        kind: Requests of one kind take about the same time; None where a second one must not be sent meanwhile.
        given_up: How many earlier tries were given up because they stalled.
    """

    number: int = 1
    kind: Kind | None = None
    given_up: int = 0


_FIRST = Try()
_trying: ContextVar[Try] = ContextVar("trying", default=_FIRST)


@contextmanager
def trying(described: Try) -> Iterator[None]:
    """Describes the requests that this thread makes meanwhile.

    Args:
        described: The try.
    """
    token = _trying.set(described)
    try:
        yield
    finally:
        _trying.reset(token)


class Transport:
    """What the Earth Engine client takes for an `httplib2.Http`, over a pool of kept connections.

    The client's own transport keeps ten connections, so that more threads than that shake hands anew for every
    request, it waits for an answer for ever, and it knows of no quota. Requests for credentials pass beside the door.
    """

    def __init__(
        self,
        connections: int,
        timeout: float,
        door: Door | None = None,
        patience: Patience | None = None,
        url: str = "",
    ) -> None:
        """Opens nothing yet.

        Args:
            connections: Most connections that are kept; one per request under way.
            timeout: Seconds after which any request is given up.
            door: What requests to Earth Engine pass; None lets them through.
            patience: How long each is waited for; None waits for the whole timeout.
            url: How the addresses of Earth Engine's requests begin.
        """
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=connections))
        self._timeout = timeout
        self._door = door
        self._patience = patience or Patience(timeout)
        self._url = url

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None, **_: Any
    ) -> tuple[httplib2.Response, bytes]:
        """One request.

        Raises:
            ConnectionError: The connection failed or broke: what Google's client takes for transient.
            TimeoutError: No answer in time.
        """
        if self._door is None or not uri.startswith(self._url):
            return self._send(uri, method, body, headers, self._timeout)
        tried = _trying.get()
        with self._door.turn(urgent=tried.number > 1) as answered:
            limit = self._patience.seconds(tried.kind, tried.given_up)
            begun, content = time.monotonic(), b""
            try:
                response, content = self._send(uri, method, body, headers, limit)
            except TimeoutError as error:
                if limit >= self._timeout:
                    raise
                self._patience.gave_up()
                raise StalledError(str(error)) from error
            finally:
                tally.count(len(content))
            if response.status < 300:
                self._patience.answered(tried.kind, time.monotonic() - begun)
            answered(response.status == 429)
        return response, content

    def _send(
        self, uri: str, method: str, body: Any, headers: dict[str, str] | None, limit: float
    ) -> tuple[httplib2.Response, bytes]:
        end = time.monotonic() + limit
        try:
            with self._session.request(method, uri, data=body, headers=headers, timeout=limit, stream=True) as answer:
                content, late = bytearray(), False
                while part := answer.raw.read1(_PART_BYTES, decode_content=True):
                    # The time-out of `requests` is one of silence: an answer that trickles would take for ever.
                    if late:
                        raise TimeoutError(f"no whole answer within {limit:.0f} s")
                    content += part
                    if len(content) > _MOST_BYTES:
                        raise ConnectionError(f"the answer is longer than {_MOST_BYTES:,} bytes")
                    late = time.monotonic() > end
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise TimeoutError(f"no answer for {limit:.0f} s") from error
        except (requests.exceptions.ConnectionError, urllib3.exceptions.HTTPError) as error:
            raise ConnectionError(_words(error)) from error
        return httplib2.Response({**answer.headers, "status": answer.status_code}), bytes(content)

    def close(self) -> None:
        """Closes the connections; the client calls it."""
        self._session.close()


def _words(error: BaseException) -> str:
    """What urllib3 says: requests wraps its errors, and some hold their words and then an error of their own."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    first = error.args[0] if error.args else ""
    return first if isinstance(first, str) and first else str(error)
