"""Objects of Cloud Storage as values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.language.coerce import type_name
from earthline_sandbox.earthengine.language.registry import Context, function
from earthline_sandbox.errors import invalid

_LARGEST = 10 * 2**20
_ENCODINGS = ("US-ASCII", "UTF-8", "UTF-16", "UTF-16BE", "UTF-16LE", "ISO-8859-1", "WINDOWS-1252")


@dataclass(frozen=True)
class Blob:
    """An object of Cloud Storage.

    Attributes:
        url: Its address, `gs://bucket/name`.
        path: The file that holds it.
    """

    url: str
    path: Path


@function("Blob")
def make(context: Context, url: str) -> Blob:
    """The object at an address."""
    if context.objects is None:
        raise invalid("Blob: there is no Cloud Storage here.")
    return Blob(url, context.objects(url))


def _checked(blob: Any, name: str) -> Blob:
    if not isinstance(blob, Blob):
        raise invalid(f"{name}, argument 'blob': Invalid type.\nExpected type: Blob.\nActual type: {type_name(blob)}.")
    return blob


@function("Blob.url")
def url(blob: Any) -> str:
    """The address."""
    return _checked(blob, "Blob.url").url


@function("Blob.string")
def text(blob: Any, encoding: str | None) -> str:
    """The content as text, UTF-8 by default."""
    found = _checked(blob, "Blob.string")
    size = found.path.stat().st_size
    if size > _LARGEST:
        raise invalid(f"Blob.string: '{found.url}' has {size} bytes; the sandbox reads at most {_LARGEST}.")
    computation.expect(2 * size)
    # Other codecs of Python turn bytes into bytes, or run for long.
    name = (encoding or "UTF-8").upper()
    if name not in _ENCODINGS:
        raise invalid(f"Blob.string: Unknown encoding '{name[:50]}': must be one of {', '.join(_ENCODINGS)}.")
    try:
        return found.path.read_bytes().decode(name)
    except UnicodeDecodeError as error:
        raise invalid(f"Blob.string: '{found.url}' is not text in {name}: {error.reason}.") from error
