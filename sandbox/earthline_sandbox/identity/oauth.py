"""Tokens, projects and enabled services: the small interfaces that clients ask before the ones they came for."""

import base64
import re
import time
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from earthline_sandbox.errors import ApiError, invalid, not_found
from earthline_sandbox.identity.identity import SCOPES, TOKEN_SECONDS, Account
from earthline_sandbox.responses import JsonResponse, api_error_handler
from earthline_sandbox.service import Lifecycle
from earthline_sandbox.settings import Settings

HOSTS = (
    "oauth2.googleapis.com",
    "www.googleapis.com",
    "openidconnect.googleapis.com",
    "sts.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "serviceusage.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
)
BODY_LIMIT = 1 << 20
#: How IAM says that an account may be used from every region.
NO_BOUNDARY = "0x0"


class IdentityService(Lifecycle):
    """OAuth, Resource Manager, Service Usage and IAM credentials, as far as clients need them to start.

    Attributes:
        name: `identity`.
        hosts: See `HOSTS`.
        app: The application of all these hosts; their paths do not clash.
    """

    def __init__(self, settings: Settings, account: Account) -> None:
        """Makes the service of one project."""
        self.name = "identity"
        self.hosts: tuple[str, ...] = HOSTS
        self._settings = settings
        self._account = account
        self.app: ASGIApp = Starlette(
            routes=[
                Route("/token", self.token, methods=["POST"]),
                Route("/oauth2/v3/token", self.token, methods=["POST"]),
                Route("/oauth2/v4/token", self.token, methods=["POST"]),
                Route("/v1/token", self.token, methods=["POST"]),
                Route("/revoke", self.revoke, methods=["POST"]),
                Route("/tokeninfo", self.tokeninfo, methods=["GET", "POST"]),
                Route("/oauth2/{version}/tokeninfo", self.tokeninfo, methods=["GET", "POST"]),
                Route("/oauth2/{version}/userinfo", self.userinfo),
                Route("/oauth2/{version}/certs", self.certificates),
                Route("/v1/userinfo", self.userinfo),
                Route("/{version}/projects", self.projects),
                Route("/{version}/projects:search", self.projects),
                Route("/{version}/projects/{project}:testIamPermissions", self.permissions, methods=["POST"]),
                Route("/{version}/projects/{project}:getIamPolicy", self.policy, methods=["POST"]),
                Route("/{version}/projects/{project}/services", self.services),
                Route("/{version}/projects/{project}/services/{service}", self.service),
                Route("/v1/projects/{project}/serviceAccounts/{rest:path}", self.account_method, methods=["POST"]),
                Route("/v1/projects/{project}/serviceAccounts/{rest:path}", self.service_account),
                Route("/{version}/projects/{project}", self.project),
                Route("/{rest:path}", self.unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            ],
            exception_handlers={ApiError: api_error_handler},
        )

    def status(self) -> dict[str, Any]:
        """The account that clients are."""
        return {"account": self._account.email}

    async def token(self, request: Request) -> Response:
        """A token for any grant: refresh token, service-account assertion, authorisation code, exchange."""
        raw = await _raw(request)
        try:
            form: dict[str, Any] = dict(parse_qsl(raw.decode()))
            if not form and raw:
                # Security Token Service takes JSON in camel case, OAuth a form in snake case.
                form = orjson.loads(raw)
                form["grant_type"] = form.get("grantType")
        except (ValueError, TypeError) as error:
            raise invalid(f"The token request is neither a form nor JSON: {error}") from None
        answer = self._account.access_token()
        if form.get("grant_type") == "urn:ietf:params:oauth:grant-type:token-exchange":
            answer["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
        else:
            # Whatever a client asks for is granted: one that gets less than it asked for gives up.
            answer["scope"] = form.get("scope") or " ".join(SCOPES)
            answer["id_token"] = self._account.identity_token(_audience(form.get("assertion")))
        return JsonResponse(answer)

    async def revoke(self, request: Request) -> Response:
        """Always agrees."""
        return JsonResponse({})

    async def tokeninfo(self, request: Request) -> Response:
        """What a token may do: everything here."""
        return JsonResponse(
            {
                "aud": self._account.unique_id,
                "azp": self._account.unique_id,
                "email": self._account.email,
                "email_verified": "true",
                "exp": str(int(time.time()) + TOKEN_SECONDS),
                "expires_in": str(TOKEN_SECONDS),
                "scope": " ".join(SCOPES),
                "access_type": "online",
            }
        )

    async def userinfo(self, request: Request) -> Response:
        """Who the caller is."""
        account = self._account
        return JsonResponse(
            {"id": account.unique_id, "sub": account.unique_id, "email": account.email, "verified_email": True}
        )

    async def certificates(self, request: Request) -> Response:
        """The public key of identity tokens, by key id."""
        return JsonResponse({"sandbox": self._account.public_key_pem()})

    async def project(self, request: Request) -> Response:
        """The project in v1's or v3's words; both its id and its number name it."""
        self._check_project(request.path_params["project"])
        return JsonResponse(self._project(request.path_params["version"]))

    async def projects(self, request: Request) -> Response:
        """All projects: the one."""
        return JsonResponse({"projects": [self._project(request.path_params["version"])]})

    async def permissions(self, request: Request) -> Response:
        """Grants every permission that was asked for."""
        body = await _body(request)
        return JsonResponse({"permissions": body.get("permissions", [])})

    async def policy(self, request: Request) -> Response:
        """The account owns the project."""
        return JsonResponse(
            {
                "version": 1,
                "etag": "BwSandbox00=",
                "bindings": [{"role": "roles/owner", "members": [f"serviceAccount:{self._account.email}"]}],
            }
        )

    async def services(self, request: Request) -> Response:
        """The interfaces that are enabled: those that the sandbox has."""
        self._check_project(request.path_params["project"])
        names = ("earthengine", "aiplatform", "storage", "cloudresourcemanager", "logging")
        return JsonResponse({"services": [self._service(f"{name}.googleapis.com") for name in names]})

    async def service(self, request: Request) -> Response:
        """One interface: enabled."""
        self._check_project(request.path_params["project"])
        return JsonResponse(self._service(request.path_params["service"]))

    async def account_method(self, request: Request) -> Response:
        """IAM credentials: signBlob, generateAccessToken and generateIdToken."""
        method = request.path_params["rest"].rpartition(":")[2]
        body = await _body(request)
        if method == "signBlob":
            try:
                payload = base64.b64decode(body.get("payload", ""), validate=True)
            except ValueError as error:
                raise invalid(f"payload is not base64: {error}") from None
            return JsonResponse(
                {"keyId": "sandbox", "signedBlob": base64.b64encode(self._account.sign(payload)).decode()}
            )
        if method == "generateAccessToken":
            expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + TOKEN_SECONDS))
            return JsonResponse({"accessToken": self._account.access_token()["access_token"], "expireTime": expiry})
        if method == "generateIdToken":
            return JsonResponse({"token": self._account.identity_token(str(body.get("audience", "")))})
        raise invalid(f"The sandbox's IAM credentials have no method {method!r}.")

    async def service_account(self, request: Request) -> Response:
        """The one service account, whatever name is asked for."""
        if request.path_params["rest"].endswith("/allowedLocations"):
            return JsonResponse({"locations": [], "encodedLocations": NO_BOUNDARY})
        email = self._account.email
        project = self._settings.project
        return JsonResponse(
            {
                "name": f"projects/{project}/serviceAccounts/{email}",
                "projectId": project,
                "email": email,
                "uniqueId": self._account.unique_id,
            }
        )

    async def unknown(self, request: Request) -> Response:
        """Names what is missing."""
        host = request.headers.get("host", "")
        raise not_found(f"The sandbox does not have {request.method} {request.url.path} of {host}.")

    def _check_project(self, name: str) -> None:
        # Project ids are free here, as one sandbox serves scripts that name their own; what could not be one is not.
        if not re.fullmatch(r"\d{1,19}|([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,61}[a-z0-9]", name):
            raise ApiError("PERMISSION_DENIED", f"The caller does not have permission: no project {name!r}.")

    def _project(self, version: str) -> dict[str, Any]:
        settings = self._settings
        created = "2024-01-01T00:00:00Z"
        if version == "v1":
            return {
                "projectNumber": settings.project_number,
                "projectId": settings.project,
                "lifecycleState": "ACTIVE",
                "name": settings.project,
                "createTime": created,
            }
        return {
            "name": f"projects/{settings.project_number}",
            "projectId": settings.project,
            "state": "ACTIVE",
            "displayName": settings.project,
            "createTime": created,
            "etag": 'W/"sandbox"',
        }

    def _service(self, name: str) -> dict[str, Any]:
        parent = f"projects/{self._settings.project_number}"
        return {
            "name": f"{parent}/services/{name}",
            "parent": parent,
            "state": "ENABLED",
            "config": {"name": name, "title": name},
        }


async def _raw(request: Request) -> bytes:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_LIMIT:
            raise invalid(f"The request's body is larger than {BODY_LIMIT} bytes.")
    return bytes(raw)


async def _body(request: Request) -> dict[str, Any]:
    raw = await _raw(request)
    try:
        body = orjson.loads(raw) if raw.strip() else {}
    except ValueError as error:
        raise invalid(f"The request's body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise invalid("The request's body is not a JSON object.")
    return body


def _audience(assertion: Any) -> str:
    """`target_audience` of a service account's assertion, where there is one."""
    try:
        claims = str(assertion).split(".")[1]
        decoded = orjson.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return str(decoded.get("target_audience", ""))
    except (IndexError, ValueError, AttributeError):
        return ""
