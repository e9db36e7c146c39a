"""Cloud Storage as a service of the sandbox: paths, uploads and batches; what they do lies in `requests`."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from earthline_sandbox.errors import ApiError, invalid, not_found
from earthline_sandbox.responses import ErrorBoundary, JsonResponse
from earthline_sandbox.service import Lifecycle
from earthline_sandbox.settings import Settings
from earthline_sandbox.storage.multipart import MAX_JSON_BYTES, boundary_of, split_batch, split_upload
from earthline_sandbox.storage.objects import ObjectStore
from earthline_sandbox.storage.preconditions import Conditions
from earthline_sandbox.storage.requests import Methods
from earthline_sandbox.storage.resources import HOST, object_resource
from earthline_sandbox.storage.uploads import Uploads

DEFAULT_BUCKET = "earthline-sandbox"
MAX_BATCH_BYTES = 10 << 20
MAX_BATCH_CALLS = 100
_REASONS = {
    401: "required",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
}


def build(settings: Settings) -> "StorageService":
    """Cloud Storage for one sandbox."""
    return StorageService(settings)


class StorageService(Lifecycle):
    """Cloud Storage's JSON API, with uploads, downloads, batches and plain object URLs."""

    name = "storage"
    hosts = ("storage.googleapis.com", "*.storage.googleapis.com")
    app: ASGIApp

    def __init__(self, settings: Settings) -> None:
        """Opens the store in the sandbox's home."""
        self._store = ObjectStore(settings.home.storage, settings.home.storage_metadata)
        self._uploads = Uploads(self._store)
        self._methods = Methods(settings, self._store)
        self.app = ErrorBoundary(self._serve, storage_error, settings.home.root)

    async def start(self) -> None:
        """Makes the default bucket."""
        if DEFAULT_BUCKET not in self._store.buckets():
            self._store.create_bucket(DEFAULT_BUCKET, {})

    async def reset(self) -> None:
        """Forgets every object and makes the default bucket anew."""
        self._store.clear()
        await self.start()

    def status(self) -> dict[str, Any]:
        """Buckets."""
        return {"buckets": self._store.buckets()}

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._respond(request)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        # The raw path: an object's slashes come as %2F and must not be mistaken for separators.
        segments = _segments(request.scope["raw_path"].decode("latin-1"))
        query = dict(request.query_params)
        match segments:
            case ["upload", "storage", "v1", "b", bucket, "o"]:
                return await self._upload(request, bucket, query)
            case ["resumable", "upload", "storage", "v1", "b", bucket, "o"]:
                return await self._upload(request, bucket, query)
            case ["download", "storage", "v1", "b", bucket, "o", *name] if name:
                return await run_in_threadpool(self._methods.media, bucket, "/".join(name), query, _headers(request))
            case ["batch", "storage", "v1"]:
                return await self._batch(request)
            case ["storage", "v1", *rest]:
                body = await _json(request)
                return await run_in_threadpool(self._methods.call, request.method, rest, query, _headers(request), body)
            case ["v2", "projects", _, "buckets", *_]:
                # The Storage Control interface, by way of the gRPC bridge: gcsfs asks it for a bucket's layout.
                return await run_in_threadpool(self._methods.control, request.method, segments[1:])
            case [bucket, *name] if name:
                return await self._plain(request, bucket, "/".join(name), query)
        raise not_found(f"Not Found: {request.method} {request.url.path}")

    async def _plain(self, request: Request, bucket: str, name: str, query: Mapping[str, str]) -> Response:
        """Object URLs of the XML API: what `storage.googleapis.com/BUCKET/OBJECT` links lead to."""
        if request.method in ("GET", "HEAD"):
            head = request.method == "HEAD"
            return await run_in_threadpool(self._methods.media, bucket, name, query, _headers(request), head=head)
        if request.method == "PUT":
            attributes = {"contentType": request.headers.get("content-type")}
            await self._store_stream(bucket, name, attributes, query, request.stream())
            return Response(status_code=200)
        if request.method == "DELETE":
            await run_in_threadpool(self._store.delete, bucket, name, Conditions())
            return Response(status_code=204)
        raise invalid(f"{request.method} is not served for object URLs; use the JSON API")

    async def _upload(self, request: Request, bucket: str, query: dict[str, str]) -> Response:
        if "upload_id" in query:
            return await self._resume(request, query["upload_id"])
        kind = query.get("uploadType")
        if kind == "media":
            attributes: dict[str, Any] = {"contentType": request.headers.get("content-type")}
            return await self._store_stream(bucket, _name(query, {}), attributes, query, request.stream())
        if kind == "multipart":
            return await self._multipart(request, bucket, query)
        if kind == "resumable":
            attributes = await _json(request)
            attributes.setdefault("contentType", request.headers.get("x-upload-content-type"))
            session = await run_in_threadpool(self._uploads.begin, bucket, _name(query, attributes), attributes, query)
            location = f"{_origin(request)}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session.id}"
            return Response(headers={"Location": location, "X-GUploader-UploadID": session.id})
        raise invalid(f"Invalid value '{kind}' for uploadType: media, multipart or resumable is expected")

    async def _resume(self, request: Request, upload: str) -> Response:
        session = self._uploads.find(upload)
        if request.method == "DELETE":
            self._uploads.cancel(upload)
            return Response(status_code=499)
        record = await self._uploads.receive(session, request.headers.get("content-range"), request.stream())
        if record is not None:
            return JsonResponse(object_resource(session.bucket, session.name, record))
        headers = {"Range": f"bytes=0-{session.received - 1}"} if session.received else {}
        return Response(status_code=308, headers=headers)

    async def _multipart(self, request: Request, bucket: str, query: Mapping[str, str]) -> Response:
        """Metadata and content in one body; it is spooled, so that content is never whole in memory."""
        boundary = boundary_of(request.headers.get("content-type", ""))
        with self._store.scratch_file() as spool:
            with spool.open("wb") as out:
                async for chunk in request.stream():
                    out.write(chunk)
            with self._store.scratch_file() as content:
                described, kind = await run_in_threadpool(split_upload, spool, boundary, content)
                attributes = {"contentType": kind, **described}
                name = _name(query, attributes)
                record = await run_in_threadpool(
                    self._store.commit, bucket, name, content, attributes, conditions=Conditions.of(query)
                )
        return JsonResponse(object_resource(bucket, name, record))

    async def _store_stream(
        self,
        bucket: str,
        name: str,
        attributes: Mapping[str, Any],
        query: Mapping[str, str],
        body: AsyncIterator[bytes],
    ) -> Response:
        with self._store.scratch_file() as scratch:
            with scratch.open("wb") as out:
                async for chunk in body:
                    out.write(chunk)
            record = await run_in_threadpool(
                self._store.commit, bucket, name, scratch, attributes, conditions=Conditions.of(query)
            )
        return JsonResponse(object_resource(bucket, name, record))

    async def _batch(self, request: Request) -> Response:
        """Many calls in one body: https://cloud.google.com/storage/docs/batch."""
        raw = await _bounded(request, MAX_BATCH_BYTES)
        calls = split_batch(request.headers.get("content-type", ""), raw)
        if len(calls) > MAX_BATCH_CALLS:
            raise invalid(f"The batch request contains {len(calls)} calls; at most {MAX_BATCH_CALLS} are allowed")
        answers = []
        for content_id, payload in calls:
            status, headers, body = await run_in_threadpool(self._one_of_batch, payload)
            part = f"--batch_sandbox\r\nContent-Type: application/http\r\nContent-ID: <response-{content_id}>\r\n\r\n"
            lines = [f"HTTP/1.1 {status} -", *(f"{key}: {value}" for key, value in headers.items()), "", ""]
            answers.append((part + "\r\n".join(lines)).encode() + body + b"\r\n")
        return Response(
            b"".join(answers) + b"--batch_sandbox--\r\n", media_type="multipart/mixed; boundary=batch_sandbox"
        )

    def _one_of_batch(self, payload: bytes) -> tuple[int, dict[str, str], bytes]:
        head, _, body = payload.replace(b"\r\n", b"\n").partition(b"\n\n")
        verb, _, rest = head.decode("latin-1").partition(" ")
        target = urlsplit(rest.split(" ")[0].split("\n")[0])
        segments = _segments(target.path)
        try:
            if segments[:2] != ["storage", "v1"]:
                raise not_found(f"Not Found: {target.path}")
            content = orjson.loads(body) if body.strip() else {}
            response = self._methods.call(verb, segments[2:], dict(parse_qsl(target.query)), {}, content)
        except ApiError as error:
            response = storage_error(error)
        return response.status_code, {"Content-Type": "application/json"}, bytes(response.body)


def storage_error(error: ApiError) -> Response:
    """An error with the `errors` list that Cloud Storage adds, and whose reasons its clients read."""
    content = error.to_json()
    reason = _REASONS.get(error.code, "invalid" if error.code < 500 else "backendError")
    content["error"]["errors"] = [{"message": error.message, "domain": "global", "reason": reason}]
    return JsonResponse(content, status_code=error.code)


def _origin(request: Request) -> str:
    """Where the client reaches us: through the proxy as Google's host, or directly on loopback."""
    host = request.headers.get("host", "")
    return f"http://{host}" if host.split(":")[0] in ("127.0.0.1", "localhost") else HOST


def _segments(raw_path: str) -> list[str]:
    return [unquote(segment) for segment in raw_path.strip("/").split("/")]


def _headers(request: Request) -> dict[str, str]:
    return {key.lower(): value for key, value in request.headers.items()}


def _name(query: Mapping[str, str], attributes: Mapping[str, Any]) -> str:
    name = query.get("name") or attributes.get("name")
    if not isinstance(name, str) or not name:
        raise invalid("Required parameter: name")
    return name


async def _bounded(request: Request, most: int) -> bytes:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > most:
            raise ApiError("INVALID_ARGUMENT", f"Request payload is larger than {most} bytes", code=413)
    return bytes(received)


async def _json(request: Request) -> dict[str, Any]:
    raw = await _bounded(request, MAX_JSON_BYTES)
    if not raw.strip():
        return {}
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise invalid(f"Parse Error: {error}") from error
    if not isinstance(content, dict):
        raise invalid("Parse Error: a JSON object is expected")
    return content
