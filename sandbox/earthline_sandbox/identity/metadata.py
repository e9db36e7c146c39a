"""The metadata server of a Compute Engine machine, from which Google's clients get credentials and the project."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from earthline_sandbox.identity.identity import SCOPES, Account
from earthline_sandbox.settings import Settings

PREFIX = "/computeMetadata/v1"
_HEADERS = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}


class MetadataServer:
    """Answers below `/computeMetadata/v1/`; Google's clients send `Metadata-Flavor: Google` and check for it."""

    def __init__(self, settings: Settings, account: Account) -> None:
        """Makes the server of one account and project."""
        self._settings = settings
        self._account = account

    def routes(self) -> list[Route]:
        """Its routes, for the application."""
        return [Route("/", self.ping), Route("/computeMetadata/{path:path}", self.get)]

    async def ping(self, request: Request) -> Response:
        """What a client asks first, to learn whether it is on Google's machines."""
        return PlainTextResponse("computeMetadata/\n", headers=_HEADERS)

    async def get(self, request: Request) -> Response:
        """One value; a folder with `?recursive=true` is a JSON object."""
        if request.headers.get("metadata-flavor") != "Google":
            return PlainTextResponse("Missing Metadata-Flavor:Google header.\n", status_code=403, headers=_HEADERS)
        path = request.path_params["path"].removeprefix("v1").strip("/")
        query = request.query_params
        account, _, leaf = path.removeprefix("instance/service-accounts/").partition("/")
        if path.startswith("instance/service-accounts/") and account in ("default", self._account.email):
            if leaf == "identity":
                audience = query.get("audience", "")
                if not audience:
                    return PlainTextResponse("non-empty audience parameter required\n", 400, headers=_HEADERS)
                return PlainTextResponse(self._account.identity_token(audience), headers=_HEADERS)
            if leaf == "token":
                return _json(self._account.access_token())
        value: Any = self._tree()
        for name in filter(None, path.split("/")):
            value = value.get(name) if isinstance(value, dict) else None
        if value is None:
            return PlainTextResponse(f"The sandbox has no metadata {path!r}.\n", status_code=404, headers=_HEADERS)
        if isinstance(value, dict):
            if query.get("recursive", "").lower() == "true":
                return _json(value)
            lines = (f"{name}/" if isinstance(below, dict) else name for name, below in value.items())
            return PlainTextResponse("\n".join(lines) + "\n", headers=_HEADERS)
        if isinstance(value, list):
            return PlainTextResponse("\n".join(value) + "\n", headers=_HEADERS)
        return PlainTextResponse(str(value), headers=_HEADERS)

    def _tree(self) -> dict[str, Any]:
        settings = self._settings
        account = {"aliases": ["default"], "email": self._account.email, "scopes": list(SCOPES)}
        return {
            "instance": {
                "attributes": {},
                "id": "1234567890123456789",
                "name": "earthline-sandbox",
                "region": f"projects/{settings.project_number}/regions/{settings.location}",
                "service-accounts": {"default": account, self._account.email: account},
                "zone": f"projects/{settings.project_number}/zones/{settings.location}-a",
            },
            "project": {
                "attributes": {},
                "numeric-project-id": settings.project_number,
                "project-id": settings.project,
            },
            "universe": {"universe-domain": "googleapis.com", "universe_domain": "googleapis.com"},
        }


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers=_HEADERS)
