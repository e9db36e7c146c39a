"""The interface of a Google service in the sandbox, and of its parts."""

from typing import Any, Protocol

from starlette.types import ASGIApp


class Lifecycle:
    """How a service or a part of one is brought up and ended; each overrides what it needs, the rest does nothing."""

    async def start(self) -> None:
        """Brings it up from what is on disk; marks work that a crash cut off as failed."""

    async def stop(self) -> None:
        """Ends child processes and leaves a consistent state on disk."""

    async def reset(self) -> None:
        """Forgets every resource. By default it only stops: the records go with the store that they are in."""
        await self.stop()

    def busy(self) -> bool:
        """True while work is under way that an idle stop must not cut off; never by default."""
        return False

    def status(self) -> dict[str, Any]:
        """What is deployed and running, JSON-ready; nothing by default."""
        return {}


class Service(Protocol):
    """One Google service in the sandbox. `build(settings) -> Service` of its `service` module makes it.

    Attributes:
        name: Short name, such as `earthengine`; the key of its part of `status`.
        hosts: Patterns (fnmatch) of the hosts that it answers for.
        app: ASGI application; it renders `ApiError` itself as Google's JSON.
    """

    name: str
    hosts: tuple[str, ...]
    app: ASGIApp

    async def start(self) -> None:
        """Brings the service up from what is on disk; marks work that a crash cut off as failed."""

    async def stop(self) -> None:
        """Ends child processes and leaves a consistent state on disk."""

    async def reset(self) -> None:
        """Forgets every resource (what `seed` brought stays in the package cache, not in the catalogue)."""

    def busy(self) -> bool:
        """True while work is under way that an idle stop must not cut off."""

    def status(self) -> dict[str, Any]:
        """What is deployed and running, JSON-ready."""
