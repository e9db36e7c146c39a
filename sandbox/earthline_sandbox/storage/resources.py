"""Buckets and objects as the JSON API describes them: https://cloud.google.com/storage/docs/json_api/v1."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from earthline_sandbox.storage.objects import Record

HOST = "https://storage.googleapis.com"


def bucket_resource(name: str, kept: Mapping[str, Any], project_number: str) -> dict[str, Any]:
    """A `storage#bucket`."""
    return {
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "selfLink": f"{HOST}/storage/v1/b/{name}",
        "projectNumber": project_number,
        "location": "US-CENTRAL1",
        "locationType": "region",
        "storageClass": "STANDARD",
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "inherited"},
        "updated": kept["timeCreated"],
        "etag": "CAE=",
        **{key: str(value) if key == "metageneration" else value for key, value in kept.items()},
    }


def object_resource(bucket: str, name: str, record: Record) -> dict[str, Any]:
    """A `storage#object`."""
    escaped = quote(name, safe="")
    resource = {
        "kind": "storage#object",
        "id": f"{bucket}/{name}/{record.generation}",
        "selfLink": f"{HOST}/storage/v1/b/{bucket}/o/{escaped}",
        "mediaLink": f"{HOST}/download/storage/v1/b/{bucket}/o/{escaped}?generation={record.generation}&alt=media",
        "name": name,
        "bucket": bucket,
        "generation": str(record.generation),
        "metageneration": str(record.metageneration),
        "contentType": record.content_type,
        "storageClass": "STANDARD",
        "size": str(record.size),
        "crc32c": record.crc32c,
        "etag": f"{record.generation:x}-{record.metageneration}",
        "timeCreated": record.created,
        "updated": record.updated,
        "timeStorageClassUpdated": record.created,
        **record.attributes,
    }
    if record.md5:
        resource["md5Hash"] = record.md5
    return resource


def object_headers(record: Record) -> dict[str, str]:
    """Headers of a download."""
    hashes = f"crc32c={record.crc32c}" + (f",md5={record.md5}" if record.md5 else "")
    headers = {
        "X-Goog-Hash": hashes,
        "X-Goog-Generation": str(record.generation),
        "X-Goog-Metageneration": str(record.metageneration),
        "X-Goog-Stored-Content-Length": str(record.size),
        "X-Goog-Stored-Content-Encoding": record.attributes.get("contentEncoding", "identity"),
        "X-Goog-Storage-Class": "STANDARD",
        "Accept-Ranges": "bytes",
        "ETag": f'"{record.generation:x}-{record.metageneration}"',
    }
    for key, header in (("cacheControl", "Cache-Control"), ("contentDisposition", "Content-Disposition")):
        if key in record.attributes:
            headers[header] = str(record.attributes[key])
    return headers
