"""The stand-in for a service whose packages are not installed: every answer says what to install."""

import importlib.util
from collections.abc import Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from earthline_sandbox.errors import ApiError
from earthline_sandbox.responses import ErrorBoundary, JsonResponse
from earthline_sandbox.service import Lifecycle

#: Modules that the extra `vertex` of pyproject.toml brings.
VERTEX_MODULES: Final = ("cronsim", "google.cloud.aiplatform", "kfp", "packaging")
_METHODS: Final = ["GET", "POST", "PATCH", "PUT", "DELETE"]


def missing(modules: Sequence[str]) -> list[str]:
    """Those that are not installed; none of them is imported."""
    return [module for module in modules if not _installed(module)]


class Absent(Lifecycle):
    """A service that refuses every request, in the place of one whose extra is not installed.

    Attributes:
        name: Of the service whose place it takes.
        hosts: Likewise.
        app: Answers every request with 400 FAILED_PRECONDITION: clients repeat every 5xx for a minute.
        admin: The sandbox's own interface: no limits.
    """

    def __init__(self, name: str, hosts: tuple[str, ...], what: str, extra: str, modules: Sequence[str]) -> None:
        """Makes the stand-in.

        Args:
            name: Short name of the service.
            hosts: Patterns of its hosts.
            what: What cannot be done, as the beginning of a sentence.
            extra: Of the distribution `earthline-sandbox`.
            modules: The modules that are not there.
        """
        self.name = name
        self.hosts = hosts
        self._modules = list(modules)
        self._message = (
            f"{what} not installed where this sandbox runs (no {', '.join(modules)}). In a shell outside of it run"
            f" `pip install 'earthline-sandbox[{extra}]'`, then `earthline-sandbox stop` and `earthline-sandbox start`."
        )
        self.app: ASGIApp = ErrorBoundary(Starlette(routes=[Route("/{rest:path}", self._refuse, methods=_METHODS)]))
        self.admin = [Route("/limits", self._limits, methods=["GET"])]

    def status(self) -> dict[str, Any]:
        """What is missing."""
        return {"installed": False, "missing": self._modules}

    async def _refuse(self, request: Request) -> Response:
        raise ApiError("FAILED_PRECONDITION", self._message)

    async def _limits(self, request: Request) -> Response:
        return JsonResponse({"limits": {}})


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        # The package above it is not there.
        return False
