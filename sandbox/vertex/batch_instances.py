"""Instances of a batch prediction: the objects that hold them, their lines, and what of them a model is sent.

https://cloud.google.com/vertex-ai/docs/predictions/get-batch-predictions has the formats, and the reference of
`BatchPredictionJob.InstanceConfig` the filters.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from sandbox.errors import ApiError, invalid
from sandbox.settings import Settings
from sandbox.vertex import mount

LARGEST_LINE: Final = 64 * 2**20
"""Bytes of one instance."""

_TYPES: Final = ("", "array", "object")


@dataclass(frozen=True)
class Instance:
    """One instance.

    Attributes:
        sent: What the model's container is sent.
        shown: What the output tells it by: `instance` or `key`, with its value.
        error: Why it cannot be sent; empty if it can.
    """

    sent: Any
    shown: Mapping[str, Any]
    error: str = ""


def check(config: Mapping[str, Any]) -> None:
    """Checks an `InstanceConfig`.

    Raises:
        ApiError: INVALID_ARGUMENT for an unknown type, or fields both included and excluded.
    """
    kind = config.get("instanceType", "")
    if kind not in _TYPES:
        raise invalid(f"instanceConfig.instanceType {kind!r} is neither 'object' nor 'array'.")
    if config.get("includedFields") and config.get("excludedFields"):
        raise invalid("instanceConfig has both includedFields and excludedFields: give one of them.")


def find(settings: Settings, uris: Sequence[str]) -> list[Path]:
    """The objects that uris name, in their order; `*`, `?` and `[…]` stand for characters, `**` for folders.

    Raises:
        ApiError: INVALID_ARGUMENT for a malformed uri, NOT_FOUND where one names nothing.
    """
    found: list[Path] = []
    for uri in uris:
        root = mount.local_path(settings, uri.partition("*")[0].partition("?")[0].partition("[")[0])
        bucket = settings.home.storage / uri.removeprefix(mount.SCHEME).partition("/")[0]
        pattern = uri.removeprefix(mount.SCHEME).partition("/")[2]
        if not root.is_relative_to(bucket) or not pattern or pattern.startswith("/"):
            raise invalid(f"{uri!r} is not a uri of an object, such as gs://bucket/folder/*.jsonl.")
        try:
            matches = sorted(path for path in bucket.glob(pattern) if path.is_file())
        except (ValueError, OSError) as error:
            raise invalid(f"{uri!r:.500} cannot be read: {error}") from None
        if not matches:
            raise ApiError("NOT_FOUND", f"No object matches {uri}: upload the instances there first.")
        found += [path for path in matches if path not in found]
    return found


def read(path: Path, config: Mapping[str, Any]) -> Iterator[Instance]:
    """Reads an object of JSON lines; empty lines are none.

    Args:
        path: The object's file.
        config: `InstanceConfig` as JSON.

    Raises:
        OSError: The file cannot be read.
        ApiError: INVALID_ARGUMENT at a line of more than `LARGEST_LINE` bytes.
    """
    with path.open("rb") as file:
        while line := file.readline(LARGEST_LINE + 1):
            if len(line) > LARGEST_LINE:
                raise invalid(f"{path.name} has a line of more than {LARGEST_LINE} bytes.")
            if line.strip():
                yield transform(line, config)


def transform(line: bytes, config: Mapping[str, Any]) -> Instance:
    """The instance of one line."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Instance(None, {"instance": line.decode("utf-8", "replace").strip()}, f"The line is no JSON: {error}")
    kind, key = config.get("instanceType", ""), config.get("keyField", "")
    included, excluded = config.get("includedFields", []), config.get("excludedFields", [])
    if not isinstance(value, dict):
        if kind == "object" or key or included or excluded:
            return Instance(None, {"instance": value}, "The line is not a JSON object, as instanceConfig needs.")
        return Instance(value, {"instance": value})
    if key and key not in value:
        return Instance(None, {"instance": value}, f"The instance has no key field {key!r}.")
    shown = {"key": value[key]} if key else {"instance": value}
    missing = [name for name in included if name not in value]
    if missing:
        return Instance(None, shown, f"The instance has no field {missing[0]!r}, which is in includedFields.")
    if kind == "array" and not included:
        return Instance(None, shown, "instanceConfig.includedFields must give the order of the array's values.")
    names = included or [name for name in value if name not in excluded and name != key]
    return Instance(
        [value[name] for name in names] if kind == "array" else {name: value[name] for name in names}, shown
    )
