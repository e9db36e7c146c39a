"""Reading a config: one clear line per mistake, with the key, the value and the fix."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from earthline.config.workflow import Config

MAX_BYTES = 1_000_000


class ConfigError(ValueError):
    """A config that cannot be used; its text has one line per mistake."""


def load(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Reads a YAML file and applies overrides.

    Args:
        path: The YAML file.
        overrides: `key.path=value` each, as `--set` takes them; the value is read as YAML.

    Raises:
        ConfigError: The file is missing, too large or not YAML, or a key or value is wrong.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES:,} bytes; a workflow's config is a short text")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the name") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from error
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date such as 2021-02-30 is a plain ValueError
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds {type(content).__name__} instead of keys such as `name:` and `data:`")
    for override in overrides:
        _set(content, override)
    return parse(content, str(path))


def parse(content: Mapping[str, Any], origin: str) -> Config:
    """Checks a config's content.

    Args:
        content: Parsed YAML.
        origin: Where it comes from, for the messages.

    Raises:
        ConfigError: As `load`.
    """
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        lines = [line for mistake in _own_mistakes(error.errors()) for line in _describe(mistake)]
        raise ConfigError("\n".join(f"{origin}: {line}" for line in lines)) from error


def _set(content: dict[str, Any], override: str) -> None:
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {override}: write KEY=VALUE, such as --set train.epochs=1")
    parts = key.strip().split(".")
    place = content
    for part in parts[:-1]:
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {override}: `{part}` holds a value, not a section")
        place = inner
    try:
        place[parts[-1]] = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"--set {override}: the value is not valid YAML: {' '.join(str(error).split())}") from error


def _own_mistakes(mistakes: Sequence[Any]) -> list[Any]:
    """Leaves out a list that is called too short only because one of its items is wrong."""
    places = [tuple(mistake["loc"]) for mistake in mistakes]

    def follows(place: tuple[Any, ...]) -> bool:
        return any(len(other) > len(place) and other[: len(place)] == place for other in places)

    return [
        mistake
        for mistake, place in zip(mistakes, places, strict=True)
        if mistake["type"] != "too_short" or not follows(place)
    ]


def _describe(mistake: Any) -> list[str]:
    location = tuple(mistake["loc"])
    key = ".".join(str(part) for part in location) or "the config"
    kind = mistake["type"]
    if kind == "extra_forbidden":
        known = _known_keys(location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(known)}"
        return [f"{key}: unknown key (value {_shown(mistake['input'])}); {hint}"]
    if kind == "missing":
        return [f"{key}: required but not given; add it"]
    message = str(mistake["msg"]).removeprefix("Value error, ")
    if not location:
        return message.splitlines()
    if kind == "value_error":
        return [f"{key}: {line}" for line in message.splitlines()]
    return [f"{key}: {_shown(mistake['input'])} is not allowed: {message[0].lower()}{message[1:]}"]


def _known_keys(location: Sequence[Any]) -> list[str]:
    model: Any = Config
    for part in location:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        if field is None:
            return []
        model = _model_in(field.annotation)
        if model is None:
            return []
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
