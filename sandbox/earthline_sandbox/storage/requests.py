"""The JSON API's methods on buckets and objects: https://cloud.google.com/storage/docs/json_api/v1."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from earthline_sandbox.errors import ApiError, invalid, not_found
from earthline_sandbox.responses import JsonResponse
from earthline_sandbox.settings import Settings
from earthline_sandbox.storage.downloads import download
from earthline_sandbox.storage.objects import CHUNK, ObjectStore, Record
from earthline_sandbox.storage.preconditions import Conditions
from earthline_sandbox.storage.resources import bucket_resource, object_resource

MAX_RESULTS = 1000
MAX_COMPOSED = 32


class Methods:
    """What a parsed request does; plain functions of segments, query and body, so that a batch can call them too."""

    def __init__(self, settings: Settings, store: ObjectStore) -> None:
        """On one store."""
        self._settings = settings
        self._store = store

    def call(
        self,
        method: str,
        segments: Sequence[str],
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Mapping[str, Any],
    ) -> Response:
        """Answers `/storage/v1/<segments>`.

        Args:
            method: HTTP verb.
            segments: Decoded parts of the path after the version.
            query: Query parameters.
            headers: Request headers, lower case.
            body: JSON body.

        Raises:
            ApiError: As Cloud Storage refuses it.
        """
        match list(segments):
            case ["b"]:
                return self._buckets(method, query, body)
            case ["b", bucket]:
                return self._bucket(method, bucket, query, body)
            case ["b", bucket, "iam"]:
                self._store.folder(bucket)
                return JsonResponse({"kind": "storage#policy", "bindings": [], "etag": "CAE=", "version": 1})
            case ["b", bucket, "iam", "testPermissions"]:
                self._store.folder(bucket)
                return JsonResponse({"permissions": [query["permissions"]] if "permissions" in query else []})
            case ["b", bucket, "storageLayout"]:
                self._store.folder(bucket)
                return JsonResponse({"kind": "storage#storageLayout", "bucket": bucket, "location": "US-CENTRAL1"})
            case ["b", bucket, "o"] if method == "GET":
                return self._list(bucket, query)
            case ["b", bucket, "o", *source, ("rewriteTo" | "copyTo") as verb, "b", to, "o", target] if source:
                return self._copy(verb, (bucket, "/".join(source)), (to, target), query, body)
            case ["b", bucket, "o", *name, "compose"] if name and method == "POST":
                return self._compose(bucket, "/".join(name), query, body)
            case ["b", bucket, "o", *name] if name:
                return self._object(method, bucket, "/".join(name), query, headers, body)
        raise not_found(f"Not Found: {method} /{'/'.join(segments)}; the sandbox does not serve this method")

    def control(self, method: str, segments: Sequence[str]) -> Response:
        """Answers `/v2/<segments>`, the Storage Control interface: the layout of a bucket, which is flat here."""
        match list(segments):
            case ["projects", _, "buckets", bucket, "storageLayout"] if method == "GET":
                self._store.folder(bucket)
                return JsonResponse({"name": "/".join(segments), "location": "US-CENTRAL1", "locationType": "region"})
        raise not_found(f"Not Found: {method} /v2/{'/'.join(segments)}; the sandbox does not serve this method")

    def _resource(self, bucket: str, name: str, record: Record) -> JsonResponse:
        return JsonResponse(object_resource(bucket, name, record))

    def _buckets(self, method: str, query: Mapping[str, str], body: Mapping[str, Any]) -> Response:
        if method == "POST":
            name = body.get("name")
            if not isinstance(name, str):
                raise invalid("Required parameter: name")
            attributes = {key: value for key, value in body.items() if key != "name"}
            return JsonResponse(bucket_resource(name, self._store.create_bucket(name, attributes), self._number))
        prefix = query.get("prefix", "")
        items = [
            bucket_resource(name, self._store.bucket(name), self._number)
            for name in self._store.buckets()
            if name.startswith(prefix)
        ]
        return JsonResponse({"kind": "storage#buckets", "items": items})

    def _bucket(self, method: str, bucket: str, query: Mapping[str, str], body: Mapping[str, Any]) -> Response:
        if method == "DELETE":
            self._store.delete_bucket(bucket)
            return Response(status_code=204)
        kept = self._store.patch_bucket(bucket, body) if method in ("PATCH", "PUT") else self._store.bucket(bucket)
        return JsonResponse(bucket_resource(bucket, kept, self._number))

    def _list(self, bucket: str, query: Mapping[str, str]) -> Response:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        start = max(query.get("startOffset", ""), query.get("pageToken", ""), key=str.encode)
        end = query.get("endOffset")
        pattern = glob_pattern(query["matchGlob"]) if "matchGlob" in query else None
        most = _max_results(query)
        items: list[dict[str, Any]] = []
        prefixes: dict[str, None] = {}
        token = None
        for name in self._store.names(bucket, prefix):
            if name.encode() < start.encode() or (end is not None and name.encode() >= end.encode()):
                continue
            if pattern is not None and not pattern.fullmatch(name):
                continue
            folded = delimiter and delimiter in name[len(prefix) :]
            if folded:
                shared = prefix + name[len(prefix) :].split(delimiter)[0] + delimiter
                if shared in prefixes:
                    continue
            if len(items) + len(prefixes) >= most:
                token = name
                break
            if folded:
                prefixes[shared] = None
            else:
                try:
                    items.append(object_resource(bucket, name, self._store.get(bucket, name)))
                except ApiError as error:
                    # Another request or task removed it between the walk and now.
                    if error.status != "NOT_FOUND":
                        raise
        answer: dict[str, Any] = {"kind": "storage#objects"}
        if items:
            answer["items"] = items
        if prefixes:
            answer["prefixes"] = list(prefixes)
        if token is not None:
            answer["nextPageToken"] = token
        return JsonResponse(answer)

    def _object(
        self,
        method: str,
        bucket: str,
        name: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Mapping[str, Any],
    ) -> Response:
        conditions = Conditions.of(query)
        if method in ("GET", "HEAD") and (method == "HEAD" or query.get("alt") == "media"):
            return self.media(bucket, name, query, headers, head=method == "HEAD")
        record = self._store.get(bucket, name)
        self._check_generation(bucket, name, record, query)
        if method == "DELETE":
            self._store.delete(bucket, name, conditions)
            return Response(status_code=204)
        if method in ("PATCH", "PUT"):
            return self._resource(bucket, name, self._store.patch(bucket, name, body, conditions))
        conditions.check(record.generation, record.metageneration)
        return self._resource(bucket, name, record)

    def media(
        self, bucket: str, name: str, query: Mapping[str, str], headers: Mapping[str, str], *, head: bool = False
    ) -> Response:
        """An object's content."""
        record, file = self._store.open(bucket, name)
        try:
            self._check_generation(bucket, name, record, query)
            Conditions.of(query).check(record.generation, record.metageneration)
        except ApiError:
            file.close()
            raise
        return download(
            record, file, headers.get("range"), head=head, gzip_accepted="gzip" in headers.get("accept-encoding", "")
        )

    def _check_generation(self, bucket: str, name: str, record: Record, query: Mapping[str, str]) -> None:
        if query.get("generation") not in (None, str(record.generation)):
            raise not_found(f"No such object: {bucket}/{name}#{query['generation']}")

    def _copy(
        self,
        verb: str,
        source: tuple[str, str],
        target: tuple[str, str],
        query: Mapping[str, str],
        body: Mapping[str, Any],
    ) -> Response:
        record, file = self._store.open(*source)
        attributes = {**record.attributes, "contentType": record.content_type, **body}
        with file, self._store.scratch_file() as scratch:
            Conditions.of(query, source=True).check(record.generation, record.metageneration)
            with scratch.open("wb") as out:
                while chunk := file.read(CHUNK):
                    out.write(chunk)
            attributes = {key: value for key, value in attributes.items() if key not in ("crc32c", "md5Hash")}
            copied = self._store.commit(*target, scratch, attributes, conditions=Conditions.of(query))
        resource = object_resource(*target, copied)
        if verb == "copyTo":
            return JsonResponse(resource)
        size = str(copied.size)
        return JsonResponse(
            {
                "kind": "storage#rewriteResponse",
                "totalBytesRewritten": size,
                "objectSize": size,
                "done": True,
                "resource": resource,
            }
        )

    def _compose(self, bucket: str, name: str, query: Mapping[str, str], body: Mapping[str, Any]) -> Response:
        sources = body.get("sourceObjects") or []
        described = body.get("destination") or {}
        if not isinstance(sources, list) or not isinstance(described, dict):
            raise invalid("A compose request has a list `sourceObjects` and an object `destination`")
        if not 1 <= len(sources) <= MAX_COMPOSED:
            raise invalid(f"The number of source components provided ({len(sources)}) is not between 1 and 32")
        with self._store.scratch_file() as scratch:
            with scratch.open("wb") as out:
                for source in sources:
                    if not isinstance(source, dict) or not isinstance(source.get("name"), str):
                        raise invalid("Each of `sourceObjects` is an object with a `name`")
                    record, file = self._store.open(bucket, source["name"])
                    with file:
                        wanted = source.get("objectPreconditions", {}).get("ifGenerationMatch")
                        Conditions(generation_match=None if wanted is None else int(wanted)).check(record.generation, 0)
                        while chunk := file.read(CHUNK):
                            out.write(chunk)
            attributes = dict(described)
            record = self._store.commit(
                bucket, name, scratch, attributes, conditions=Conditions.of(query), composed=True
            )
        return self._resource(bucket, name, record)

    @property
    def _number(self) -> str:
        return self._settings.project_number


def glob_pattern(glob: str) -> re.Pattern[str]:
    """A `matchGlob`: `*` and `?` stay between slashes, `**` crosses them, `[…]` and `{a,b}` choose.

    Raises:
        ApiError: 400 for brackets that do not match.
    """
    text, depth = "", 0
    for token in re.findall(r"\*\*|\[!?[^]/]+\]|.", glob, re.DOTALL):
        if token in _GLOB:
            text += _GLOB[token]
        elif token == "," and depth:
            text += "|"
        elif len(token) > 1:
            inner = token[1:-1].removeprefix("!")
            spans = re.findall(r"(.)-(.)|(.)", inner, re.DOTALL)
            members = [re.escape(one) if one else f"{re.escape(low)}-{re.escape(high)}" for low, high, one in spans]
            text += f"[{'^' if token[1] == '!' else ''}{''.join(members)}]"
        else:
            text += re.escape(token)
        depth += (token == "{") - (token == "}")
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise invalid(f"Invalid matchGlob '{glob[:200]}': {error}") from None


_GLOB = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}


def _max_results(query: Mapping[str, str]) -> int:
    text = query.get("maxResults", str(MAX_RESULTS))
    if not text.isdigit() or len(text) > 9:
        raise invalid(f"Invalid value '{text[:40]}' for maxResults: a whole number is expected")
    return min(MAX_RESULTS, int(text) or MAX_RESULTS)
