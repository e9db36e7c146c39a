"""Content on its way out, whole or by range."""

import gzip
import re
from collections.abc import Iterator
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse

from earthline_sandbox.errors import ApiError
from earthline_sandbox.storage.objects import CHUNK, Record
from earthline_sandbox.storage.resources import object_headers

_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


def download(
    record: Record, file: BinaryIO, wanted: str | None, *, head: bool = False, gzip_accepted: bool = True
) -> Response:
    """The response to a download; it closes the file.

    Args:
        record: The object.
        file: Its content, open.
        wanted: The request's Range header.
        head: Headers alone.
        gzip_accepted: Whether the client takes gzip; for one that does not, an object stored so is unpacked.

    Raises:
        ApiError: 416 for a range outside the object.
    """
    if record.attributes.get("contentEncoding") == "gzip" and not gzip_accepted and not head:
        # Ranges of unpacked content do not exist at Google either.
        headers = {**object_headers(record), "Warning": "214 UploadServer gunzipped"}
        return StreamingResponse(_unpack(file), 200, headers, media_type=record.content_type)
    try:
        first, last, status = _span(record.size, wanted)
    except ApiError:
        file.close()
        raise
    headers = {**object_headers(record), "Content-Length": str(last - first)}
    if "contentEncoding" in record.attributes:
        headers["Content-Encoding"] = str(record.attributes["contentEncoding"])
    if status == 206:
        headers["Content-Range"] = f"bytes {first}-{last - 1}/{record.size}"
    if head:
        file.close()
        return Response(status_code=status, headers=headers, media_type=record.content_type)
    return StreamingResponse(_read(file, first, last), status, headers, media_type=record.content_type)


def _span(size: int, wanted: str | None) -> tuple[int, int, int]:
    match = _RANGE.match(wanted) if wanted else None
    if match is None or match.groups() == ("", ""):
        return 0, size, 200
    if match[1] == "":
        first, last = max(0, size - int(match[2])), size
    else:
        first, last = int(match[1]), min(size, int(match[2]) + 1 if match[2] else size)
    if first >= last:
        raise ApiError("OUT_OF_RANGE", f"Request range not satisfiable: {wanted} of {size} bytes", code=416)
    return first, last, 206


def _read(file: BinaryIO, first: int, last: int) -> Iterator[bytes]:
    with file:
        file.seek(first)
        left = last - first
        while left and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _unpack(file: BinaryIO) -> Iterator[bytes]:
    with file, gzip.open(file) as unpacked:
        while chunk := unpacked.read(CHUNK):
            yield chunk
