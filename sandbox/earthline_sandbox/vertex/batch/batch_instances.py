"""Instances of a batch prediction: the objects that hold them, their lines, and what of each line the model gets.

https://cloud.google.com/vertex-ai/docs/predictions/get-batch-predictions has the formats, and the reference of
`BatchPredictionJob.InstanceConfig` the filters.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.batch import batch_formats
from earthline_sandbox.vertex.containers import mount

FILTERED: Final = frozenset({"jsonl", "csv"})
"""Formats whose instances have fields."""

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


def check(config: Mapping[str, Any], kind: str) -> None:
    """Checks an `InstanceConfig` for a format.

    Raises:
        ApiError: INVALID_ARGUMENT for an unknown type, fields both included and excluded, or fields that instances of
            that format do not have.
    """
    fields = [name for name in ("keyField", "includedFields", "excludedFields") if config.get(name)]
    if fields and kind not in FILTERED:
        raise invalid(f"instanceConfig.{fields[0]} cannot be given for {kind!r}, whose instances have no fields.")
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


def read(settings: Settings, path: Path, kind: str, config: Mapping[str, Any]) -> Iterator[Instance]:
    """The instances of an object.

    Args:
        settings: The sandbox.
        path: The object's file.
        kind: Its format.
        config: `InstanceConfig` as JSON.

    Raises:
        OSError: The file cannot be read.
        ApiError: INVALID_ARGUMENT where its structure is broken.
    """
    for value, error in batch_formats.read(settings, path, kind):
        yield Instance(None, {"instance": value}, error) if error else transform(value, kind, config)


def transform(value: Any, kind: str, config: Mapping[str, Any]) -> Instance:
    """What is sent and shown of a value."""
    shape, key = config.get("instanceType", ""), config.get("keyField", "")
    included, excluded = config.get("includedFields", []), config.get("excludedFields", [])
    if kind not in FILTERED:
        return Instance(value, {"instance": value})
    if not isinstance(value, dict):
        if shape == "object" or key or included or excluded:
            return Instance(None, {"instance": value}, "The line is not a JSON object, as instanceConfig needs.")
        return Instance(value, {"instance": value})
    row = kind == "csv"
    whole = list(value.values()) if row else value
    if key and key not in value:
        return Instance(None, {"instance": whole}, f"The instance has no key field {key!r}.")
    shown = {"key": value[key]} if key else {"instance": whole}
    missing = [name for name in included if name not in value]
    if missing:
        return Instance(None, shown, f"The instance has no field {missing[0]!r}, which is in includedFields.")
    if shape == "array" and not included and not row:
        return Instance(None, shown, "instanceConfig.includedFields must give the order of the array's values.")
    names = included or [name for name in value if name not in excluded and name != key]
    sent = [value[name] for name in names] if row or shape == "array" else {name: value[name] for name in names}
    return Instance(sent, shown)
