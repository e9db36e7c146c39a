"""Strings."""

from typing import Any

import orjson

from earthline_sandbox.earthengine.functions.scalar.list_folding import shown
from earthline_sandbox.earthengine.language.coerce import type_name
from earthline_sandbox.earthengine.language.graph import plain
from earthline_sandbox.earthengine.language.patterns import Pattern
from earthline_sandbox.earthengine.language.registry import Context, function
from earthline_sandbox.earthengine.language.results import to_json
from earthline_sandbox.errors import invalid


@function("String")
def make(input: Any) -> str:
    """A value as text."""
    if isinstance(input, str | int | float | bool):
        return shown(input)
    raise invalid(f"String, argument 'input': Invalid type.\nExpected type: String.\nActual type: {type_name(input)}.")


@function("String.cat")
def cat(string1: str, string2: str) -> str:
    """Both, one after the other."""
    return string1 + string2


@function("String.compareTo")
def compare(string1: str, string2: str) -> int:
    """Below 0, 0 or above 0, as the first sorts before, with or after the second."""
    for one, two in zip(string1, string2, strict=False):
        if one != two:
            return ord(one) - ord(two)
    return len(string1) - len(string2)


@function("String.equals")
def equals(reference: str, target: Any) -> bool:
    """Whether a value is the same text."""
    return isinstance(target, str) and reference == target


@function("String.index")
def index(target: str, pattern: str) -> int:
    """The first position of a text, or -1."""
    return target.find(pattern)


@function("String.rindex")
def rindex(target: str, pattern: str) -> int:
    """The last position of a text, or -1."""
    return target.rfind(pattern)


@function("String.length")
def length(string: str) -> int:
    """The number of characters."""
    return len(string)


@function("String.slice")
def sliced(string: str, start: int, end: int | None) -> str:
    """Characters from one position until before another."""
    return string[start:end]


@function("String.split")
def split(string: str, regex: str, flags: str) -> list[str]:
    """Parts between what a pattern matches; its groups add none, and empty parts at the end are left out."""
    if not regex:
        return list(string) or [""]
    return Pattern(regex, flags, "String.split").split(string)


@function("String.match")
def match(input: str, regex: str, flags: str) -> list[str]:
    """The first match and its groups, or all matches with flag `g`; empty where there is none."""
    pattern = Pattern(regex, flags, "String.match")
    return pattern.matches(input) if "g" in flags else pattern.groups(input)


@function("String.replace")
def replace(input: str, regex: str, replacement: str, flags: str) -> str:
    """Another text for the first match, or for all with flag `g`; `$1` is the first group."""
    return Pattern(regex, flags, "String.replace").replaced(input, replacement, every="g" in flags)


@function("String.toLowerCase")
def to_lower_case(string: str) -> str:
    """In small letters."""
    return string.lower()


@function("String.toUpperCase")
def to_upper_case(string: str) -> str:
    """In capitals."""
    return string.upper()


@function("String.trim")
def trim(string: str) -> str:
    """Without blanks at the ends."""
    return string.strip()


@function("String.encodeJSON")
def encode_json(context: Context, object: Any) -> str:
    """A value as JSON."""
    return orjson.dumps(to_json(object, context.limits)).decode()


@function("String.decodeJSON")
def decode_json(context: Context, string: str) -> Any:
    """The value of a JSON text."""
    try:
        return plain(orjson.loads(string), context.limits.constant_depth)
    except orjson.JSONDecodeError as error:
        raise invalid(f"String.decodeJSON: Invalid JSON: {error}.") from error
