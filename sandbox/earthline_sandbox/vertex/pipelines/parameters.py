"""Values of parameters: conversion to their declared types, defaults, and selections from them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

_SELECTOR: Final = re.compile(r"""\[(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\d+))\]""")
_PREFIX: Final = "parseJson(string_value)"

TYPES: Final = frozenset(
    {"NUMBER_INTEGER", "NUMBER_DOUBLE", "STRING", "BOOLEAN", "LIST", "STRUCT", "TASK_FINAL_STATUS"}
)


class ParameterError(ValueError):
    """A value that does not fit its declaration."""


@dataclass(frozen=True)
class Definition:
    """The declaration of an input or output parameter.

    Attributes:
        kind: One of `TYPES`.
        optional: True where no value needs to be given.
        default: The default, if `has_default`.
        has_default: True where there is one; None may be a default.
        literals: The only values allowed; empty allows all.
    """

    kind: str
    optional: bool = False
    default: Any = None
    has_default: bool = False
    literals: tuple[Any, ...] = ()

    @property
    def needed(self) -> bool:
        """True where a task cannot run without a value."""
        return not self.optional and not self.has_default


def convert(value: Any, definition: Definition, name: str) -> Any:
    """Converts a value to its declared type.

    Numbers arrive as doubles wherever a protobuf `Struct` carried them, so 3.0 is a NUMBER_INTEGER, and whole
    numbers inside lists and structs become integers again.

    Args:
        value: JSON value, or the text that a container wrote for it.
        definition: Its declaration.
        name: Its name, for the error.

    Raises:
        ParameterError: The value is not of that type, or not among its literals.
    """
    converted = _convert(value, definition.kind, name)
    if definition.literals and converted not in definition.literals:
        allowed = ", ".join(repr(literal) for literal in definition.literals)
        raise ParameterError(f"parameter {name!r} is {value!r}, but only these values are allowed: {allowed}")
    return converted


def convert_input(value: Any, definition: Definition, name: str) -> Any:
    """Converts a value that flows to a task, where a STRING takes every value as text.

    What is looped over, or selected from a structure, has its own type whatever the compiler declared. KFP's driver
    (`backend/src/v2/driver` of https://github.com/kubeflow/pipelines) makes numbers decimals, booleans `true` or
    `false`, and lists and structs JSON; other declarations than STRING take their own type alone.

    Raises:
        ParameterError: As `convert` does.
    """
    if definition.kind == "STRING" and not isinstance(value, str):
        value = format(Decimal(repr(value)), "f") if isinstance(value, float) else text_of(whole(value))
    return convert(value, definition, name)


def _convert(value: Any, kind: str, name: str) -> Any:
    match kind, value:
        case "STRING", str():
            return value
        case "BOOLEAN", bool():
            return value
        case "NUMBER_INTEGER" | "NUMBER_DOUBLE", bool():
            pass
        case "NUMBER_INTEGER", int():
            return value
        case "NUMBER_INTEGER", float() if value.is_integer():
            return int(value)
        case "NUMBER_DOUBLE", int() | float():
            return float(value)
        case "LIST", list():
            return whole(value)
        case "STRUCT" | "TASK_FINAL_STATUS", dict():
            return whole(value)
    raise ParameterError(f"parameter {name!r} must be a {kind}, but is {value!r:.200}")


def decode(text: str, kind: str, name: str) -> Any:
    """Reads the file that a container wrote for an output parameter.

    Raises:
        ParameterError: The text is no value of that type.
    """
    if kind == "STRING":
        return text
    stripped = text.strip()
    if kind == "BOOLEAN" and stripped.lower() in ("true", "false"):
        return stripped.lower() == "true"
    try:
        return _convert(json.loads(stripped), kind, name)
    except ValueError:
        raise ParameterError(f"output parameter {name!r} must be a {kind}, but its file holds {text!r:.200}") from None


def whole(value: Any) -> Any:
    """The value with every whole double as an integer."""
    match value:
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case list():
            return [whole(item) for item in value]
        case dict():
            return {key: whole(item) for key, item in value.items()}
    return value


def text_of(value: Any) -> str:
    """The value as Vertex AI writes it into an argument: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Selector:
    """A `parameterExpressionSelector`: keys and indices into a structured value."""

    path: tuple[str | int, ...]

    def select(self, value: Any) -> Any:
        """The selected part.

        Raises:
            ParameterError: The value has no such part.
        """
        found = json.loads(value) if isinstance(value, str) else value
        for key in self.path:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                raise ParameterError(f"{key!r} is not in {json.dumps(found)[:200]}") from None
        return found


def parse_selector(text: str) -> Selector:
    """Parses `parseJson(string_value)["key"][0]`.

    Raises:
        ParameterError: It has another form.
    """
    rest = text.removeprefix(_PREFIX)
    path: list[str | int] = []
    position = 0
    while position < len(rest):
        match = _SELECTOR.match(rest, position)
        if match is None:
            break
        key = match[1] if match[1] is not None else match[2]
        path.append(int(match[3]) if key is None else re.sub(r"\\(.)", r"\1", key))
        position = match.end()
    if not text.startswith(_PREFIX) or position < len(rest):
        raise ParameterError(f'the selector {text!r} is not of the form {_PREFIX}["key"][0]')
    return Selector(tuple(path))


def resolve_inputs(given: Mapping[str, Any], definitions: Mapping[str, Definition], owner: str) -> dict[str, Any]:
    """Converts the given values and adds the defaults of the others.

    Raises:
        ParameterError: A value is missing, unknown or of a wrong type.
    """
    unknown = sorted(set(given) - set(definitions))
    if unknown:
        known = ", ".join(sorted(definitions)) or "none"
        raise ParameterError(f"{owner} has no input parameter {unknown[0]!r}; it has: {known}")
    values = {}
    for name, definition in definitions.items():
        if given.get(name) is not None:
            values[name] = convert(given[name], definition, name)
        elif definition.has_default:
            values[name] = convert(definition.default, definition, name)
        elif not definition.optional:
            raise ParameterError(f"{owner} needs the input parameter {name!r} ({definition.kind}), which has no value")
    return values
