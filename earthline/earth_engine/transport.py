"""How the Earth Engine client reaches its server: connections for many threads, and an end to silence."""

import logging
from typing import Any

import httplib2
import requests
from requests.adapters import HTTPAdapter

# Google's credentials give their own requests a timeout, and each time this adapter says on standard error that it has
# its own: four lines at every command, and nothing that anybody could do about them.
logging.getLogger("google_auth_httplib2").setLevel(logging.ERROR)


class Transport:
    """What the Earth Engine client takes for an `httplib2.Http`, over a pool of kept connections.

    The client's own transport keeps ten connections, so that more threads than that shake hands anew for every
    request, and it waits for an answer for ever.
    """

    def __init__(self, connections: int, timeout: float) -> None:
        """Opens nothing yet.

        Args:
            connections: Most connections that are kept; one per thread.
            timeout: Seconds of silence after which a request is given up.
        """
        self._session = requests.Session()
        self._session.mount("https://", HTTPAdapter(pool_maxsize=connections))
        self._timeout = timeout

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None, **_: Any
    ) -> tuple[httplib2.Response, bytes]:
        """One request.

        Raises:
            ConnectionError: The connection failed or broke: what Google's client takes for transient.
            TimeoutError: No answer in time.
        """
        try:
            answer = self._session.request(method, uri, data=body, headers=headers, timeout=self._timeout)
        except requests.exceptions.Timeout as error:
            raise TimeoutError(f"no answer for {self._timeout:.0f} s") from error
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise ConnectionError(str(error)) from error
        return httplib2.Response({**answer.headers, "status": answer.status_code}), answer.content

    def close(self) -> None:
        """Closes the connections; the client calls it."""
        self._session.close()
