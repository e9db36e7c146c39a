"""Multipart bodies: uploads that carry metadata and content together, and batches of calls."""

import re
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from earthline_sandbox.errors import invalid

MAX_JSON_BYTES = 1 << 20


def split_batch(content_type: str, raw: bytes) -> list[tuple[str, bytes]]:
    """(Content-ID without brackets, HTTP request) of every call of a batch."""
    boundary_of(content_type)
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw)
    if not message.is_multipart():
        return []
    calls = []
    for part in cast("list[Message]", message.get_payload()):
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else str(part.get_payload()).encode()
        calls.append((str(part.get("Content-ID", "0")).strip("<>"), content))
    return calls


def boundary_of(content_type: str) -> bytes:
    """The boundary that a Content-Type names; ApiError 400 where it names none."""
    match = re.search(r'boundary="?([^";]{1,200})"?', content_type)
    if match is None:
        raise invalid(f"Content-Type '{content_type[:80]}' names no boundary")
    return match[1].strip().strip("'").encode()


def split_upload(spool: Path, boundary: bytes, content: Path) -> tuple[dict[str, Any], str | None]:
    """Copies the second part to `content`; gives the first part's JSON and the second one's type.

    The frame is found from both ends of the spooled body, so that content may hold anything, boundary included.
    """
    frame = b"--" + boundary
    with spool.open("rb") as file:
        if file.readline(4096).rstrip(b"\r\n") != frame:
            raise invalid("The multipart body does not start with its boundary")
        _part_headers(file)
        described = bytearray()
        for line in iter(lambda: file.readline(MAX_JSON_BYTES), b""):
            if line.rstrip(b"\r\n") == frame:
                break
            described += line
            if len(described) > MAX_JSON_BYTES:
                raise invalid(f"The metadata part is larger than {MAX_JSON_BYTES} bytes")
        headers = _part_headers(file)
        start = file.tell()
        size = file.seek(0, 2)
        tail_size = min(size - start, len(frame) + 64)
        file.seek(size - tail_size)
        tail = file.read()
        end = tail.rfind(b"\r\n" + frame + b"--")
        if end < 0:
            raise invalid("The multipart body does not end with its boundary")
        left = size - tail_size + end - start
        file.seek(start)
        with content.open("wb") as out:
            while left and (chunk := file.read(min(1 << 20, left))):
                out.write(chunk)
                left -= len(chunk)
    try:
        metadata = orjson.loads(bytes(described))
    except orjson.JSONDecodeError as error:
        raise invalid(f"Parse Error in the metadata part: {error}") from error
    if not isinstance(metadata, dict):
        raise invalid("The metadata part must be a JSON object")
    return metadata, headers.get("content-type")


def _part_headers(file: BinaryIO) -> dict[str, str]:
    headers = {}
    for line in iter(lambda: file.readline(4096), b""):
        if line in (b"\r\n", b"\n"):
            break
        key, _, value = line.decode("latin-1").partition(":")
        headers[key.strip().lower()] = value.strip()
    return headers
