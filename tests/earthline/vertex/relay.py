"""A proxy in front of the sandbox's, which breaks connections on demand: what a network does on a bad day."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Passes connections on to another port of this machine, but for those that it drops."""

    def __init__(self, target: int, host: str) -> None:
        """Listens.

        Args:
            target: Loopback port that connections are passed on to.
            host: Part of the names of the hosts to which connections are dropped.
        """
        self._target = target
        self._host = host.encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.drops = 0
        """How many of the next connections to the host end before a byte is answered."""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listens no more."""
        # Closing alone does not wake a thread that waits for a connection.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as server:
            # A client of a proxy names the host first: CONNECT us-central1-aiplatform.googleapis.com:443 HTTP/1.1
            first = client.recv(65536)
            if self.drops > 0 and self._host in first:
                self.drops -= 1
                return
            server.sendall(first)
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def relay(target: int, host: str) -> Iterator[Relay]:
    """A relay that listens until the end of the block."""
    made = Relay(target, host)
    try:
        yield made
    finally:
        made.close()
