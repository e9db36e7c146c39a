"""Strict reading of request bodies by the published protos, so that a malformed call fails as at Google.

The protos come with the whole client library, whose import takes seconds: it is loaded on first use, and `warm`
does that in the background while the sandbox starts.
"""

import functools
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

from earthline_sandbox import libraries
from earthline_sandbox.errors import ApiError, invalid

_UNKNOWN_FIELD: Final = re.compile(r'has no field named "(?P<field>[^"]*)"(?: at "(?P<place>[^"]*)")?')
_PLACE: Final = re.compile(r"^Failed to parse (?P<field>\S+) field: ")
_SNAKE: Final = re.compile(r"_([a-z0-9])")


@functools.cache
def _types(version: str) -> Any:
    return libraries.load(f"google.cloud.aiplatform_{version}.types")


def warm() -> None:
    """Loads the protos in the background."""
    threading.Thread(target=_types, args=("v1",), name="warm-protos", daemon=True).start()


def type_url(kind: str) -> str:
    """The `@type` of a message of Vertex AI inside a `google.protobuf.Any`."""
    return f"type.googleapis.com/google.cloud.aiplatform.v1.{kind}"


def parse(kind: str, body: bytes, version: str = "v1") -> dict[str, Any]:
    """Reads a request body.

    Args:
        kind: Name of the message, such as `Model`.
        body: JSON text; empty text is an empty message.
        version: Version of the API that the request came by.

    Returns:
        The message as JSON in its canonical form: camel case, enums by name, unset fields absent.

    Raises:
        ApiError: INVALID_ARGUMENT for text that is no JSON, an unknown field or a value of a wrong type.
    """
    return validate(kind, json_object(body), version)


def json_object(body: bytes) -> dict[str, Any]:
    """Reads a body that must be a JSON object; empty text is an empty one.

    Raises:
        ApiError: INVALID_ARGUMENT where it is anything else.
    """
    try:
        value = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from None
    if not isinstance(value, dict):
        raise invalid("Invalid JSON payload received. The body must be a JSON object.")
    return value


def validate(kind: str, value: Mapping[str, Any], version: str = "v1") -> dict[str, Any]:
    """Checks a JSON object against a message and gives its canonical form.

    Raises:
        ApiError: INVALID_ARGUMENT as `parse`.
    """
    message: Message = getattr(_types(version), kind).pb()()
    try:
        json_format.ParseDict(value, message)
        result: dict[str, Any] = json_format.MessageToDict(message)
    except (json_format.Error, TypeError, ValueError, RecursionError) as error:
        raise _refusal(str(error)) from None
    return result


def _refusal(reason: str) -> ApiError:
    field, text = "", reason
    unknown = _UNKNOWN_FIELD.search(reason)
    if unknown:
        place = (unknown["place"] or "").partition(".")[2]
        where = f" at '{place}'" if place else ""
        field = f"{place}.{unknown['field']}".lstrip(".")
        text = f'Unknown name "{unknown["field"]}"{where}: Cannot find field.'
    elif named := _PLACE.match(reason):
        field = named["field"]
    violation = {"field": field, "description": f"Invalid JSON payload received. {text}"}
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
    return ApiError("INVALID_ARGUMENT", f"Invalid JSON payload received. {text}", details=[detail])


def require(value: Mapping[str, Any], *paths: str) -> None:
    """Checks that fields are set; a path is dotted camel case.

    Raises:
        ApiError: INVALID_ARGUMENT naming the first that is not.
    """
    for path in paths:
        found: Any = value
        for key in path.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        if found in (None, "", [], {}):
            raise invalid(f"The required field {path} is not set.")


def camel(name: str) -> str:
    """`display_name` as `displayName`."""
    return _SNAKE.sub(lambda match: match[1].upper(), name)


def apply_mask(record: dict[str, Any], change: Mapping[str, Any], mask: str, allowed: Iterable[str]) -> dict[str, Any]:
    """Applies an update to a record.

    Args:
        record: The resource, changed in place.
        change: The resource that the request carries.
        mask: Comma-separated fields, in snake or camel case; `labels.key` touches one label.
        allowed: Top-level fields that an update may change.

    Returns:
        `record`.

    Raises:
        ApiError: INVALID_ARGUMENT for an empty mask or a field that may not be updated.
    """
    paths = [camel(path.strip()) for path in mask.split(",") if path.strip()]
    if not paths:
        raise invalid("The update mask is empty: name the fields to update in updateMask.")
    known = set(allowed)
    for path in paths:
        field, _, key = path.partition(".")
        if field not in known:
            raise invalid(f"The field {field!r} cannot be updated; these can: {', '.join(sorted(known))}.")
        if key and isinstance(change.get(field, {}), Mapping):
            inner = record.setdefault(field, {})
            if key in change.get(field, {}):
                inner[key] = change[field][key]
            else:
                inner.pop(key, None)
        elif field in change:
            record[field] = change[field]
        else:
            record.pop(field, None)
    return record
