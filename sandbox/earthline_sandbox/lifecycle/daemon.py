"""The running sandbox: its sockets, its services, and how it comes up and goes down."""

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio.to_thread
import filelock
import psutil
import uvicorn

from earthline_sandbox import ending, extras, vertex
from earthline_sandbox.ending import Notes
from earthline_sandbox.environment import redirect, start_up
from earthline_sandbox.gateway.application import Application
from earthline_sandbox.gateway.authority import Authority
from earthline_sandbox.gateway.proxy import Proxy
from earthline_sandbox.gateway.rpc import Bridge
from earthline_sandbox.lifecycle.journal import configure
from earthline_sandbox.service import Service
from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.state import ports_file, read_json, write_json

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S = 20.0
#: Seconds after the services' end that handlers in threads, which cannot be interrupted, may still hold the process.
LINGER_S = 10.0
HANDLER_THREADS = 256
_TRACE_CHARACTERS = 20_000


class AlreadyRunningError(RuntimeError):
    """Another process serves this home."""


class Daemon:
    """One sandbox in the foreground of this process.

    Attributes:
        settings: What its services share.
        application: The web application.
    """

    def __init__(
        self,
        home: Home,
        *,
        idle_minutes: float,
        containers: str = "",
        preload: Sequence[str] = (),
        notes: Notes | None = None,
    ) -> None:
        """Binds the sockets and builds the services.

        Args:
            home: Data folder.
            idle_minutes: Minutes without requests and without work after which the daemon ends; 0 means never.
            containers: Image of the containers that run on a Docker engine; empty runs them as processes.
            preload: Python modules that are loaded before tasks need them.
            notes: What it leaves behind where it dies.
        """
        self._notes = notes
        self._ended_by = "stopped"
        self._home = home
        self._idle_minutes = idle_minutes
        authority = Authority(home.authority)
        remembered = read_json(ports_file(home))
        self._listener = bind(remembered.get("port"))
        self._proxy_listener = bind(remembered.get("proxy_port"))
        port = self._listener.getsockname()[1]
        proxy_port = self._proxy_listener.getsockname()[1]
        write_json(ports_file(home), {"port": port, "proxy_port": proxy_port})
        defaults = Settings(home=home, port=port)
        environment = redirect(
            home,
            port=port,
            proxy_port=proxy_port,
            project=defaults.project,
            project_number=defaults.project_number,
            location=defaults.location,
        )
        if not containers:
            # Containers of an engine do not see this machine's folders, and have a PYTHONPATH of their own.
            environment |= start_up({})
        self.settings = Settings(
            home=home, port=port, environment=environment, containers=containers, preload=tuple(preload)
        )
        self._ports = {"port": port, "proxy_port": proxy_port}
        self._ended = asyncio.Event()
        self.application = Application(
            self.settings, build_services(self.settings), describe=self.describe, stop=self._ended.set, notes=notes
        )
        self._proxy: Proxy | None = None
        self._bridge = Bridge(port, lambda peer: self._proxy.host_of(peer) if self._proxy else None)
        self._authority = authority
        self._server = _Server(
            uvicorn.Config(
                self.application,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=3,
                timeout_keep_alive=75,
                h11_max_incomplete_event_size=64 * 1024,
            )
        )

    async def run(self) -> None:
        """Serves until it is told to stop, by a signal, an admin call or idleness."""
        loop = asyncio.get_running_loop()
        # An Earth Engine request may wait for a prediction, which is another request: with starlette's 40 threads,
        # 40 of them would wait for each other for ever.
        anyio.to_thread.current_default_thread_limiter().total_tokens = HANDLER_THREADS
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        serving: asyncio.Task[None] | None = None
        try:
            rpc_port = await self._bridge.start()
            self._ports["rpc_port"] = rpc_port
            self._proxy = Proxy(self._authority, application_port=self.settings.port, rpc_port=rpc_port)
            await self._proxy.start(self._proxy_listener)
            serving = loop.create_task(self._server.serve(sockets=[self._listener]))
            while not self._server.started and not serving.done():
                await asyncio.sleep(0.01)
            for service in self.application.services:
                await service.start()
            write_json(self._home.state_file, self.describe())
            logger.info("the sandbox is ready on ports %s", self._ports)
            await self._wait(serving)
        finally:
            logger.info("the sandbox stops")
            await self._shut_down(serving)

    def describe(self) -> dict[str, Any]:
        """Process, ports and times, JSON-ready."""
        activity = self.application.activity
        return {
            "running": True,
            "pid": os.getpid(),
            "process_started": psutil.Process().create_time(),
            "home": str(self._home.root),
            "project": self.settings.project,
            "project_number": self.settings.project_number,
            "location": self.settings.location,
            **self._ports,
            "started": datetime.fromtimestamp(activity.started, UTC).isoformat(timespec="seconds"),
            "uptime_seconds": round(time.time() - activity.started, 1),
            "idle_seconds": round(activity.idle_seconds(), 1),
            "idle_minutes": self._idle_minutes,
            "containers": self.settings.containers,
            "preload": list(self.settings.preload),
            "requests": activity.served,
            "log": str(self._home.log_file),
        }

    async def _wait(self, serving: asyncio.Task[None]) -> None:
        interval = min(15.0, max(0.1, self._idle_minutes * 60 / 4)) if self._idle_minutes else 15.0
        while not self._ended.is_set() and not serving.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), interval)
            if not self._idle_minutes or self.application.activity.idle_seconds() < self._idle_minutes * 60:
                continue
            if not self.application.busy():
                logger.info("no request for %g minutes: stopping", self._idle_minutes)
                self._ended_by = "idle"
                self._ended.set()

    async def _shut_down(self, serving: asyncio.Task[None] | None) -> None:
        # Without the state file nobody is sent here any more.
        self._home.state_file.unlink(missing_ok=True)
        if self._notes is not None:
            self._notes.end(self._ended_by)
        for service in reversed(self.application.services):
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await service.stop()
            except Exception:
                logger.exception("the service %s did not stop in order", service.name)
        # Everything that matters is on disk by now; a long computation must not keep the process.
        watchdog = threading.Timer(LINGER_S, os._exit, (0,))
        watchdog.daemon = True
        watchdog.start()
        if self._proxy is not None:
            await self._proxy.stop()
        await self._bridge.stop()
        self._server.should_exit = True
        if serving is not None:
            await serving


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the daemon stops its services before its server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to the daemon."""
        yield


def build_services(settings: Settings) -> list[Service]:
    """Makes every service, imported when a sandbox needs it: the command line does not.

    Args:
        settings: What they share.

    Returns:
        Cloud Storage, Vertex AI (or what refuses it, where the extra `vertex` is not installed) and Earth Engine.
    """
    return [_load("storage.service", settings), _vertex(settings), _load("earthengine.rest.service", settings)]


def _load(module: str, settings: Settings) -> Service:
    service: Service = importlib.import_module(f"earthline_sandbox.{module}").build(settings)
    return service


def _vertex(settings: Settings) -> Service:
    if modules := extras.missing(extras.VERTEX_MODULES):
        return extras.Absent("vertex", vertex.HOSTS, "Vertex AI is", "vertex", modules)
    return _load("vertex.service", settings)


def serve(home: Home, *, idle_minutes: float, containers: str = "", preload: Sequence[str] = (), echo: bool) -> None:
    """Runs a sandbox until it ends.

    Args:
        home: Data folder, created where it is not there.
        idle_minutes: See `Daemon`.
        containers: See `Daemon`.
        preload: See `Daemon`.
        echo: Whether warnings go to standard error as well as to the log.

    Raises:
        AlreadyRunningError: Another process serves this home.
        SystemExit: It failed; the log has the traceback.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    home.root.chmod(0o700)
    (home.root / "gcloud").mkdir(exist_ok=True)
    # The lock goes with the process, however it ends.
    lock = filelock.FileLock(home.root / "daemon.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise AlreadyRunningError(f"another sandbox already serves {home.root}") from None
    try:
        # Child processes are started from threads; gRPC's fork handlers would only warn about them.
        os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
        configure(home.log_file, echo=echo)
        _tell_of_the_last(home)
        notes = Notes(home)

        async def main() -> None:
            await Daemon(home, idle_minutes=idle_minutes, containers=containers, preload=preload, notes=notes).run()

        try:
            asyncio.run(main())
        except Exception:
            logger.exception("the sandbox failed")
            notes.end("failed")
            if not echo:
                traceback.print_exc()
            raise SystemExit(1) from None
        finally:
            notes.close()
    finally:
        lock.release()


def _tell_of_the_last(home: Home) -> None:
    """Notes in the log that the sandbox before this one died, and of what."""
    state = read_json(home.state_file)
    if state:
        # Nobody has looked since: this process holds the lock, so the one that wrote it is gone.
        ending.died(home, state)
        home.state_file.unlink(missing_ok=True)
    found = ending.last(home)
    if found is not None and found.how == "died":
        logger.error("before this one, %s", found.sentence())
        with contextlib.suppress(OSError):
            if found.trace:
                logger.error("its trace: %s", Path(found.trace).read_text(errors="replace")[:_TRACE_CHARACTERS])


def bind(port: Any) -> socket.socket:
    """A loopback socket on `port` if that is a free one, else on any free port."""
    candidates = [port, 0] if isinstance(port, int) and 1024 <= port < 65536 else [0]
    for candidate in candidates:
        # With the protocol named, asyncio sets TCP_NODELAY on what is accepted: else each request waits 40 ms twice.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
        except OSError:
            listener.close()
            continue
        listener.setblocking(False)
        return listener
    raise OSError("no loopback port is free")
