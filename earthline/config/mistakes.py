"""From pydantic's errors to one clear line per mistake: the key, the value and the fix."""

import difflib
import math
import re
import reprlib
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from earthline.config.model import DEFAULT, MOVED
from earthline.config.places import Place, Sections
from earthline.config.sections.labels import known as known_labels
from earthline.config.sections.train.loss import MOVED as MOVED_TO_LOSS
from earthline.config.sections.train.loss import moved

_LEADING_ZERO = re.compile(r"([-+]?)0[0-9_]*[0-9]")
_BASE_60 = re.compile(r"[0-9]+(:[0-5]?[0-9])+")
_RANGE = re.compile(r"(-?[0-9]+) *(?:-|\.\.|to) *(-?[0-9]+)")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:[_, '][0-9]{3})+")
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+")
_WORDS = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false"})
_WHOLE = frozenset({"int_type", "int_parsing", "int_from_float", "int_parsing_size"})
_NUMBER = frozenset({"float_type", "float_parsing"})
_SWITCH = frozenset({"bool_type", "bool_parsing"})
_LIST = frozenset({"tuple_type", "list_type", "set_type", "frozen_set_type"})
_SECTION = frozenset({"model_type", "model_attributes_type", "dict_type"})


def described(mistakes: Sequence[Any], content: Any) -> list[tuple[Place, str]]:
    """What is wrong with a config.

    Args:
        mistakes: `errors()` of a `pydantic.ValidationError` of `Config`.
        content: What was validated: the keys of `train.model` depend on its name.

    Returns:
        For each mistake where it is, and a line: key, value and fix.
    """
    sections = Sections(content)
    return [line for mistake in _own(mistakes) for line in _lines(mistake, sections)]


def shown(value: Any) -> str:
    """A value in a message: short, however large it is.

    Args:
        value: Any value of a config.
    """
    shortened = reprlib.Repr()
    shortened.maxstring = shortened.maxother = 60
    shortened.maxlevel = 3
    text = shortened.repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _own(mistakes: Sequence[Any]) -> list[Any]:
    """Leaves out a list that is called too short only because one of its items is wrong."""
    places = [tuple(mistake["loc"]) for mistake in mistakes]

    def follows(place: Place) -> bool:
        return any(len(other) > len(place) and other[: len(place)] == place for other in places)

    return [
        mistake
        for mistake, place in zip(mistakes, places, strict=True)
        if mistake["type"] != "too_short" or not follows(place)
    ]


def _lines(mistake: Any, sections: Sections) -> list[tuple[Place, str]]:
    place: Place = tuple(mistake["loc"])
    kind = mistake["type"]
    message = str(mistake["msg"]).removeprefix("Value error, ")
    if kind == "value_error":
        # What several sections must agree on names its key in the text itself.
        return [_told(place, line, sections) for line in message.splitlines()]
    return [(place, f"{_key(place)}: {_fix(place, kind, mistake['input'], message, sections)}")]


def _told(place: Place, line: str, sections: Sections) -> tuple[Place, str]:
    """Where a line of a section belongs that may begin with a key below it, and what is said."""
    below = _named(line, place, sections)
    if not place:
        return below, line
    joint = "." if below and line.startswith(f"{_key(below)}:") else ": "
    return (*place, *below), f"{_key(place)}{joint}{line}"


def _key(place: Place) -> str:
    return ".".join(str(part) for part in place) or "the config"


def _named(line: str, section: Place, sections: Sections) -> Place:
    """The key below a section that a message begins with, such as `scale 10: …`."""
    key = re.match(r"[a-z_]+(?:\.[a-z_0-9]+)*(?=[ :])", line)
    parts = key[0].split(".") if key else []
    if not parts or parts[0] not in sections.known_keys(section):
        return ()
    return tuple(int(part) if part.isdigit() else part for part in parts)


def _fix(place: Place, kind: str, value: Any, message: str, sections: Sections) -> str:
    if kind == "extra_forbidden":
        if place[:-1] == ("train",) and place[-1] in MOVED:
            option = f"{place[-1]}: {value if isinstance(value, int | float) else shown(value)}"
            return (
                f"unknown key (value {shown(value)}); it is an option of the model: write `train.model: {{name: "
                f"{DEFAULT}, {option}}}`, or `--set train.model.{place[-1]}=…` in place of `--set train.{place[-1]}=…`"
            )
        if place[:-1] == ("train",) and place[-1] in MOVED_TO_LOSS:
            given = str(value) if isinstance(value, str | int | float) else shown(value)
            return f"unknown key (value {shown(value)}); {moved(place[-1], given)}"
        known, home = sections.known_keys(place[:-1]), sections.home(place)
        close = difflib.get_close_matches(str(place[-1]), known, n=1)
        meant = f"did you mean `{close[0]}`?" if close else ""
        if home is None:
            hint = meant or f"known here: {', '.join(known)}"
        else:
            hint = f"it belongs to {_key(home)}" + (f", or {meant}" if meant else ": move it there")
        return f"unknown key (value {shown(value)}); {hint}"
    if kind == "missing" and isinstance(place[-1], int):
        return f"a number is missing there; give {_length(sections.field(place[:-1])) or 'more of them'}"
    if kind == "missing":
        others = [key for key in _label_keys() if place[:-1] == ("data", "labels") and key != place[-1]]
        instead = f", or {' or '.join(f'`{key}`' for key in others)} for another kind of map" if others else ""
        return f"required but not given; add it{instead if place[-1] in _label_keys() else ''}"
    if kind == "invalid_key":
        return "a key is text; write a known one"
    if value is None and kind in _WHOLE | _NUMBER | _SWITCH | _LIST | _SECTION | {"string_type"}:
        return "nothing is given; write a value, or remove the key"
    if kind in _WHOLE:
        return _no_number(value, whole=True, example=_example(sections.field(place), 1))
    if kind in _NUMBER:
        return _no_number(value, whole=False, example=_example(sections.field(place), 0.5))
    if kind in _SWITCH:
        return f"{shown(value)} is neither true nor false; write one of them, without quotes"
    if kind == "string_type":
        written = str(value).lower() if isinstance(value, bool) else str(value)
        return f'{shown(value)} is no text; write it in quotes, such as "{written[:40]}"'
    if kind in _LIST:
        ends = _RANGE.fullmatch(value) if isinstance(value, str) else None
        item = f"[{value}]" if isinstance(value, str | int | float) and len(str(value)) < 60 else "[a, b]"
        item = f"[{ends[1]}, {ends[2]}]" if ends else item
        if isinstance(value, int | float) and not isinstance(value, bool):
            item = f"[{', '.join([str(value)] * (_length(sections.field(place)) or 1))}]"
        return f"{shown(value)} is no list; write it in brackets, such as {item}"
    if kind in _SECTION:
        keys = ", ".join(sections.known_keys(place))
        return f"{shown(value)} stands where a section of keys is meant; known here: {keys}"
    text = f"{shown(value)} is not allowed: {message[0].lower()}{message[1:]}"
    field = sections.field(place)
    if kind == "string_pattern_mismatch" and field is not None and field.description:
        return f"{text} ({field.description.rstrip('.')})"
    return text


def _length(field: FieldInfo | None) -> int | None:
    """How many entries a list of the field has; None where any number will do."""
    kind = None if field is None else field.annotation
    kinds = [each for each in (kind, *get_args(kind)) if get_origin(each) is tuple]
    lengths = {len(get_args(each)) for each in kinds if Ellipsis not in get_args(each)}
    return lengths.pop() if len(lengths) == 1 else None


def _no_number(value: Any, *, whole: bool, example: Any) -> str:
    """Why a value is no number, and the number that may be meant."""
    what = "whole number" if whole else "number"
    such_as = f"write a {what} such as {example}, without quotes"
    if isinstance(value, bool):
        return f"{str(value).lower()} is no {what}; {such_as}"
    if isinstance(value, float):
        if not math.isfinite(value):
            return f"{value} is no {what}; {such_as}"
        return f"{value!r} is no {what}; write {round(value)}" + ("" if value.is_integer() else f" or {example}")
    if not isinstance(value, str):
        return f"{shown(value)} is no {what}; {such_as}"
    text = value.strip()
    if _LEADING_ZERO.fullmatch(text) and (whole or "." not in text):
        digits = text.lstrip("+-").replace("_", "")
        number = f"{'-' if text.startswith('-') else ''}{int(digits)}"
        if set(digits) <= set("01234567") and int(digits, 8) != int(digits):
            return f"{value!r} starts with 0, so YAML 1.1 reads {int(digits, 8)} and YAML 1.2 {number}; write {number}"
        return f"{value!r} starts with 0; write {number}"
    if _BASE_60.fullmatch(text):
        seconds = 0
        for digits in text.split(":"):
            seconds = seconds * 60 + int(digits)
        return f"{value!r} is text, which YAML 1.1 reads by base 60; write {seconds} if that is meant"
    ends = _RANGE.fullmatch(text)
    if ends and whole:
        low = int(ends[1])
        return f"{value!r} is a range, which is not understood; list each number: {low}, {low + 1} … {ends[2]}"
    if _GROUPED.fullmatch(text) and (whole or "," not in text):
        return f"{value!r} is text; write {re.sub('[^-0-9]', '', text)}"
    if text.lower() in _WORDS:
        return f"{value!r} is a word for true or false, no {what}; {such_as}"
    if _DECIMAL_COMMA.fullmatch(text) and not whole:
        return f"{value!r} has a comma; write {text.replace(',', '.')}"
    try:
        meant: float = int(text) if whole else float(text)
    except ValueError:
        return f"{value!r} is no {what}; {such_as}"
    return f"{value!r} is text; write {meant if whole else format(meant, 'g')}, without quotes"


def _example(field: FieldInfo | None, otherwise: Any) -> Any:
    default = field.default if field is not None else None
    return default if isinstance(default, int | float) and not isinstance(default, bool) else otherwise


def _label_keys() -> list[str]:
    """The key of each task in `data.labels`."""
    return [kinds[0].KEY for kinds in known_labels()]
