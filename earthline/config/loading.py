"""Reading a config: one clear line per mistake, with the key, the value, the line and the fix."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from earthline.config import document, mistakes
from earthline.config.model import DEFAULT
from earthline.config.places import Place
from earthline.config.workflow import Config

MAX_BYTES = 1_000_000
_LONGEST_SHOWN = 60
"""Characters of an override in a message."""
_NAMED: Mapping[Place, str | None] = {("train", "model"): DEFAULT, ("train", "loss"): None}
"""Sections whose other keys are options of what their `name` says, and the name where none is given."""


class ConfigError(ValueError):
    """A config that cannot be used; its text has one line per mistake."""


def load(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Reads a YAML file and applies overrides.

    Args:
        path: The YAML file.
        overrides: `key.path=value` each, as `--set` takes them; the value is read as YAML. Another `train.model.name`
            or `train.loss.name` leaves out the options of the one in the file.

    Raises:
        ConfigError: The file is missing, too large or not YAML, or a key or value is wrong.
    """
    written = _read(path)
    content = written.content
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds {type(content).__name__} instead of keys such as `name:` and `data:`")
    applied: dict[Place, str] = {}
    for override in overrides:
        _set(content, override, applied)

    def origin(place: Place) -> str:
        for length in range(len(place), 0, -1):
            if place[:length] in applied:
                override = applied[place[:length]]
                return f"--set {override if len(override) <= _LONGEST_SHOWN else override[:_LONGEST_SHOWN] + '…'}"
        line = written.line(place)
        return f"{path}:{line}" if line is not None else str(path)

    return _validated(content, origin, path.parent)


def as_written(path: Path, overrides: Sequence[str] = ()) -> str:
    """A config's file as a run keeps it: its text below lines that say where it lay and what was set beside it.

    Args:
        path: The YAML file, which `load` could read.
        overrides: As `load` took them.
    """
    head = [f"# The config of this run, as it stood in {path.absolute()}: files that it names lie beside that one."]
    head += [f"#   --set {' '.join(override.split())}" for override in overrides]
    return "\n".join([*head, path.read_text(encoding="utf-8")])


def parse(content: Mapping[str, Any], origin: str) -> Config:
    """Checks a config's content.

    Args:
        content: Parsed YAML.
        origin: Where it comes from, for the messages.

    Raises:
        ConfigError: As `load`.
    """
    return _validated(content, lambda place: origin)


def _read(path: Path) -> document.Document:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES:,} bytes; a workflow's config is a short text")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from error
    try:
        return document.read(text)
    except document.DocumentError as error:
        places = ((f"{path}:{line}" if line else str(path), said) for line, said in error.mistakes)
        raise ConfigError("\n".join(f"{place}: {said}" for place, said in places)) from error


def _validated(content: Mapping[str, Any], origin: Callable[[Place], str], folder: Path | None = None) -> Config:
    try:
        # Files that sections name lie beside the config.
        return Config.model_validate(content, context={"folder": folder} if folder is not None else None)
    except ValidationError as error:
        found = mistakes.described(error.errors(), content)
        raise ConfigError("\n".join(f"{origin(place)}: {line}" for place, line in found)) from error


def _set(content: dict[str, Any], override: str, applied: dict[Place, str]) -> None:
    key, separator, value = override.partition("=")
    parts = tuple(key.strip().split("."))
    if not separator or not all(parts):
        raise ConfigError(f"--set {override}: write KEY=VALUE, such as --set train.epochs=1")
    for other, earlier in applied.items():
        shorter = min(len(other), len(parts))
        if other[:shorter] == parts[:shorter]:
            raise ConfigError(f"--set {override}: `--set {earlier}` sets the same key; give one of the two")
    place = content
    for depth, part in enumerate(parts[:-1], start=1):
        if place.get(part) is None:
            # `train:` without keys below it is an empty section.
            place[part] = {}
        inner = place[part]
        if not isinstance(inner, dict):
            above = ".".join(parts[:depth])
            what = "a list: set it whole" if isinstance(inner, list) else "a value, not a section"
            raise ConfigError(f"--set {override}: `{above}` holds {what}, such as --set '{above}=…'")
        place = inner
    try:
        read = document.read(value).content
    except document.DocumentError as error:
        raise ConfigError("\n".join(f"--set {override}: {line}" for line in str(error).splitlines())) from error
    if parts[-1] == "name" and parts[:-1] in _NAMED and read != place.get("name", _NAMED[parts[:-1]]):
        # What the file says of another model or loss means nothing here, or worse, something else.
        for key in [key for key in place if not any(other[: len(parts)] == (*parts[:-1], key) for other in applied)]:
            del place[key]
    place[parts[-1]] = read
    applied[parts] = override
