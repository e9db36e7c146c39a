"""Filters written as text, such as `CLOUD_COVER < 20 && !(SPACECRAFT == 'LANDSAT_7')`."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from earthline_sandbox.earthengine.functions.collection.filter_comparisons import (
    equal,
    greater,
    greater_or_equal,
    less,
    less_or_equal,
    not_equal,
)
from earthline_sandbox.earthengine.functions.collection.filters import Filter
from earthline_sandbox.earthengine.language.coerce import Mismatch, promotion
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.errors import invalid

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w:])"
    r"|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<name>[A-Za-z_.][\w.:]*)"
    r"|(?P<operator>&&|\|\||==|!=|<=|>=|[<>!()]))"
)
_COMPARISONS = {
    "==": equal, "!=": not_equal, "<": less, "<=": less_or_equal, ">": greater, ">=": greater_or_equal,
}  # fmt: skip
_DEEPEST = 200


@function("Filter.expression")
def filter_expression(expression: str) -> Filter:
    """The filter that a text describes."""
    return _Parser(expression).whole()


@promotion("Filter")
def to_filter(value: Any) -> Any:
    """A filter; a text is an expression of one.

    https://developers.google.com/earth-engine/apidocs/ee-imagecollection-filter has `filter('domain == 1')`.
    """
    if isinstance(value, str):
        return _Parser(value).whole()
    if callable(value):
        return value
    raise Mismatch


class _Parser:
    """A parser by descent: alternatives of conjunctions of comparisons."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0
        self._depth = 0

    def whole(self) -> Filter:
        found = self._any()
        if self._place < len(self._tokens):
            raise self._error("the end")
        return found

    def _any(self) -> Filter:
        return self._joined("||", self._all, any)

    def _all(self) -> Filter:
        return self._joined("&&", self._one, all)

    def _joined(self, operator: str, part: Callable[[], Filter], fold: Callable[[Iterator[bool]], bool]) -> Filter:
        parts: Sequence[Filter] = [part()]
        while self._take(operator):
            parts = [*parts, part()]
        if len(parts) == 1:
            return parts[0]
        return Filter(lambda left, right: fold(item(left, right) for item in parts))

    def _one(self) -> Filter:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise invalid("Filter.expression: the expression is nested too deeply.")
        try:
            if self._take("!"):
                negated = self._one()
                return Filter(lambda left, right: not negated(left, right))
            if self._take("("):
                inner = self._any()
                if not self._take(")"):
                    raise self._error("')'")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Filter:
        left, left_value = self._operand()
        kind, operator = self._next()
        if kind != "operator" or operator not in _COMPARISONS:
            self._place -= 1
            raise self._error("one of " + " ".join(_COMPARISONS))
        right, right_value = self._operand()
        return _COMPARISONS[operator](left, right_value, right, left_value)

    def _operand(self) -> tuple[str | None, str | float | None]:
        """(property, None), or (None, value)."""
        kind, text = self._next()
        if kind == "number":
            return None, float(text)
        if kind == "text":
            return None, re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind != "name":
            self._place -= 1
            raise self._error("a property, a number or a text")
        return text, None

    def _next(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise self._error("more")
        self._place += 1
        return self._tokens[self._place - 1]

    def _take(self, operator: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place] == ("operator", operator):
            self._place += 1
            return True
        return False

    def _error(self, wanted: str) -> Exception:
        found = f"'{self._tokens[self._place][1]}'" if self._place < len(self._tokens) else "the end"
        return invalid(f"Filter.expression: expected {wanted}, found {found}.")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    end = len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise invalid(f"Filter.expression: cannot read '{text[place : place + 50].strip()}'.")
        place = match.end()
        yield match.lastgroup, match[match.lastgroup]
