"""The one web application: it picks a service by the request's Host, and answers the sandbox's own admin calls."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from earthline_sandbox.ending import Notes
from earthline_sandbox.errors import ApiError, not_found
from earthline_sandbox.gateway.proxy import METADATA_HOSTS
from earthline_sandbox.identity.identity import Account
from earthline_sandbox.identity.metadata import MetadataServer
from earthline_sandbox.identity.oauth import IdentityService
from earthline_sandbox.responses import ErrorBoundary, JsonResponse, api_error_handler, error_response
from earthline_sandbox.service import Service
from earthline_sandbox.settings import Settings

logger = logging.getLogger(__name__)
requests_logger = logging.getLogger("earthline_sandbox.requests")

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
#: Older clients reach Cloud Storage by the host that all interfaces once shared.
_SHARED_HOST = "www.googleapis.com"
_STORAGE_PATHS = ("/storage/", "/upload/storage/", "/download/storage/", "/batch/storage/", "/resumable/")


class Activity:
    """When the sandbox was last used.

    Attributes:
        started: Start of this process, in seconds since 1970.
        last: Monotonic time of the last request's begin or end, in seconds.
        running: Requests that are not answered yet.
        served: Requests since the start.
    """

    def __init__(self) -> None:
        """Starts the clock."""
        self.started = time.time()
        self.last = time.monotonic()
        self.running = 0
        self.served = 0

    def idle_seconds(self) -> float:
        """Seconds since the last request; 0 while one is running."""
        return 0.0 if self.running else time.monotonic() - self.last


class Application:
    """ASGI application of every Google host and of `/_sandbox`.

    Attributes:
        activity: For the idle stop.
        services: In the order in which their hosts are tried.
    """

    def __init__(
        self,
        settings: Settings,
        services: Sequence[Service],
        *,
        describe: Callable[[], dict[str, Any]],
        stop: Callable[[], None],
        notes: Notes | None = None,
    ) -> None:
        """Makes the application.

        Args:
            settings: Of this sandbox.
            services: Already built, not yet started.
            describe: Gives what `status` shows, without the services' part.
            stop: Asks the daemon to end.
            notes: Where the requests under way stand, for the case that the process dies.
        """
        account = Account(settings)
        self.activity = Activity()
        self.services: tuple[Service, ...] = (*services, IdentityService(settings, account))
        self._describe = describe
        self._stop = stop
        self._notes = notes
        self._resetting = asyncio.Lock()
        self._apps: dict[str, ASGIApp] = {
            service.name: ErrorBoundary(service.app, home=settings.home.root) for service in self.services
        }
        metadata = MetadataServer(settings, account)
        self._metadata: ASGIApp = ErrorBoundary(Starlette(routes=metadata.routes()))
        self._own: ASGIApp = ErrorBoundary(
            Starlette(routes=self._admin_routes(), exception_handlers={ApiError: api_error_handler}),
            home=settings.home.root,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request and logs it."""
        if scope["type"] != "http":
            return
        host = _host(scope)
        path = scope["path"]
        admin = host in LOOPBACK_HOSTS and path.startswith("/_sandbox")
        begun = time.monotonic()
        code = 0
        noted = contextlib.ExitStack()

        async def watch(message: Any) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            elif message["type"] == "http.response.body" and not message.get("more_body"):
                # Whoever has the whole answer must not find it among the requests under way.
                noted.close()
            await send(message)

        if not admin:
            self.activity.running += 1
        shown = f"{scope['method']} {host}{path}"
        try:
            with noted:
                if self._notes:
                    noted.enter_context(self._notes.answering(shown))
                await self._pick(host, path, admin)(scope, receive, watch)
        finally:
            if not admin:
                self.activity.running -= 1
                self.activity.served += 1
                self.activity.last = time.monotonic()
            # No query and no headers: they may hold tokens or signatures.
            requests_logger.info(
                "%s %s%s %d",
                scope["method"],
                host,
                path[:512],
                code,
                extra={"milliseconds": round(1000 * (time.monotonic() - begun), 1)},
            )

    def status(self) -> dict[str, Any]:
        """What is running, JSON-ready."""
        services = {service.name: service.status() for service in self.services}
        return {**self._describe(), "busy": self.busy(), "services": services}

    def busy(self) -> bool:
        """Whether any service must not be cut off."""
        return self.activity.running > 0 or any(service.busy() for service in self.services)

    def _pick(self, host: str, path: str, admin: bool) -> ASGIApp:
        if admin:
            return self._own
        if host in LOOPBACK_HOSTS or host in METADATA_HOSTS:
            return self._metadata
        if host == _SHARED_HOST and path.startswith(_STORAGE_PATHS) and "storage" in self._apps:
            return self._apps["storage"]
        # A host by its own name before a pattern: one bucket's host may be another service's.
        exact = (service.name for service in self.services if host in service.hosts)
        fitting = (service.name for service in self.services if any(fnmatchcase(host, one) for one in service.hosts))
        name = next(exact, None) or next(fitting, None)
        return self._apps[name] if name else self._unknown(host)

    def _unknown(self, host: str) -> ASGIApp:
        served = sorted(pattern for service in self.services for pattern in service.hosts)
        return error_response(
            not_found(f"The sandbox does not speak for the host {host!r}. It speaks for: {', '.join(served)}.")
        )

    def _admin_routes(self) -> list[BaseRoute]:
        routes: list[BaseRoute] = [
            Route("/_sandbox/status", _admin(self._get_status), methods=["GET"]),
            Route("/_sandbox/stop", _admin(self._post_stop), methods=["POST"]),
            Route("/_sandbox/reset", _admin(self._post_reset), methods=["POST"]),
        ]
        for service in self.services:
            if own := getattr(service, "admin", None):
                guarded = _Guard(Starlette(routes=list(own), exception_handlers={ApiError: api_error_handler}))
                routes.append(Mount(f"/_sandbox/{service.name}", app=guarded))
        return routes

    async def _get_status(self, request: Request) -> Response:
        return JsonResponse(self.status())

    async def _post_stop(self, request: Request) -> Response:
        self._stop()
        return JsonResponse({"stopping": True})

    async def _post_reset(self, request: Request) -> Response:
        async with self._resetting:
            for service in self.services:
                await service.reset()
        logger.info("reset: every resource is forgotten")
        return JsonResponse(self.status())


def check_admin(headers: Any) -> None:
    """Admin calls carry `X-Sandbox: 1`, which a web page cannot send across origins without asking first.

    Raises:
        ApiError: PERMISSION_DENIED without the header.
    """
    if headers.get("x-sandbox") != "1":
        raise ApiError("PERMISSION_DENIED", "Admin calls need the header `X-Sandbox: 1`.")


def _admin(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        check_admin(request.headers)
        return await endpoint(request)

    return guarded


class _Guard:
    """`check_admin` before a service's own admin routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        check_admin(Request(scope).headers)
        await self._app(scope, receive, send)


def _host(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"host":
            host = value.decode("latin-1").lower()
            return str(host if host.endswith("]") else host.rpartition(":")[0] or host)
    return ""
