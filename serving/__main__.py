"""`python -m serving`: serves the SavedModel at AIP_STORAGE_URI."""

import asyncio
import os
import sys
from types import FrameType

import uvicorn

from earthline import native_lines, runtimes
from serving import log_lines, memory, storage
from serving.application import Server
from serving.connections import Connection
from serving.settings import Settings, SettingsError

KEEP_ALIVE_SECONDS = 620
"""How long an idle connection stays open: longer than the 600 s of Google's load balancers, so that they end it.

https://cloud.google.com/load-balancing/docs/https#timeout-keepalive-backends
"""

_INTERRUPTED = 130


class _Listener(uvicorn.Server):
    """Listens on for a while after SIGTERM, until whoever sends requests has seen that the health check says no."""

    def __init__(self, config: uvicorn.Config, server: Server, drain_seconds: float) -> None:
        super().__init__(config)
        self._model_server, self._drain_seconds = server, drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = False

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)  # type: ignore[arg-type]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._loop is None or self._asked or not self._drain_seconds:
            super().handle_exit(sig, frame)
            return
        self._asked = True
        self._model_server.drain()
        later = super().handle_exit
        self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_seconds, later, sig, frame)


def main() -> int:
    """Serves until SIGTERM or SIGINT; status 2 where the environment is at fault, 130 after SIGINT."""
    log_lines.begin()
    native_lines.hush()
    # A library that starts a program while it is loaded is no reason for gRPC to say so in the log.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    memory.keep()
    try:
        settings = Settings.read(os.environ)
    except SettingsError as error:
        print(f"serving: {error}", file=sys.stderr)
        return 2

    def load() -> runtimes.Runtime:
        return runtimes.load(storage.local_folder(settings.storage_uri), settings.runtime)

    server = Server(settings, load)
    config = uvicorn.Config(
        server.application(),
        http=Connection,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.grace_seconds,
    )
    try:
        _Listener(config, server, settings.drain_seconds).run()
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
