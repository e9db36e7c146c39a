"""What `list` calls share: the filter language of google.aip.dev/160, order and pages."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from earthline_sandbox.errors import invalid
from earthline_sandbox.vertex.rest.messages import camel

Record = Mapping[str, Any]
Test = Callable[[Record], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign>!=|<=|>=|=|<|>|:|\(|\))|(?P<word>[^\s()=!<>:"']+))"""
)
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LONGEST_FILTER: Final = 4000
_DEEPEST: Final = 20
_LARGEST_PAGE: Final = 1000


def parse_filter(text: str) -> Test:
    """Compiles a filter such as `labels.team="a" AND NOT display_name="b"`.

    Raises:
        ApiError: INVALID_ARGUMENT where it is malformed.
    """
    if len(text) > _LONGEST_FILTER:
        raise invalid(f"The filter has {len(text)} characters; at most {_LONGEST_FILTER} are read.")
    return _Parser(text).parse()


def page(records: Sequence[Record], kind: str, query: Callable[[str], str]) -> dict[str, Any]:
    """One page of a list, after its filter and order.

    Args:
        records: All records.
        kind: Key of the list in the answer, such as `models`.
        query: Gives a query parameter by its camel-case name, empty if absent.

    Raises:
        ApiError: INVALID_ARGUMENT for a malformed filter, order, page size or token.
    """
    test = parse_filter(query("filter"))
    chosen = _ordered([record for record in records if test(record)], query("orderBy"))
    size, start = _number(query("pageSize"), "pageSize") or 100, _number(query("pageToken"), "pageToken")
    size = min(size, _LARGEST_PAGE)
    answer: dict[str, Any] = {kind: chosen[start : start + size]}
    if start + size < len(chosen):
        answer["nextPageToken"] = str(start + size)
    return answer


def _number(text: str, key: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid(f"{key} {text!r} is not one that a list call gives or takes.")
    return int(text or 0)


def _ordered(records: list[Record], order: str) -> list[Record]:
    for clause in reversed([part.split() for part in order.split(",") if part.strip()]):
        if len(clause) > 2 or (len(clause) == 2 and clause[1].lower() not in ("asc", "desc")):
            raise invalid(f"orderBy {order!r} is not of the form 'field' or 'field desc', separated by commas.")
        path = clause[0]
        records = sorted(
            records, key=lambda record: str(_lookup(record, path) or ""), reverse=clause[-1].lower() == "desc"
        )
    return records


def _lookup(record: Any, path: str) -> Any:
    field, _, rest = path.partition(".")
    if not isinstance(record, Mapping):
        return None
    value = record.get(field, record.get(camel(field)))
    if not rest:
        return value
    if isinstance(value, Mapping) and rest in value:  # a label's key may itself hold a dot
        return value[rest]
    return _lookup(value, rest)


class _Parser:
    """Recursive descent over the tokens. As AIP-160 has it, `a AND b OR c` means `a AND (b OR c)`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        position, text = 0, text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not match or match.lastgroup is None:
                raise self._refusal()
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()

    def parse(self) -> Test:
        if not self._tokens:
            return lambda record: True
        test = self._sequence()
        if self._tokens:
            raise self._refusal()
        return test

    def _refusal(self) -> Exception:
        return invalid(
            f'The filter {self._text!r} is malformed. Write conditions such as display_name="a" or labels.key=value,'
            " joined by AND, OR and NOT."
        )

    def _peek(self) -> str:
        return self._tokens[0][1] if self._tokens else ""

    def _take(self) -> tuple[str, str]:
        if not self._tokens:
            raise self._refusal()
        return self._tokens.pop(0)

    def _sequence(self, depth: int = 0) -> Test:
        tests = [self._choice(depth)]
        while self._tokens and self._peek() != ")":
            if self._peek() == "AND":
                self._take()
            tests.append(self._choice(depth))
        return lambda record: all(test(record) for test in tests)

    def _choice(self, depth: int) -> Test:
        tests = [self._term(depth)]
        while self._peek() == "OR":
            self._take()
            tests.append(self._term(depth))
        return lambda record: any(test(record) for test in tests)

    def _term(self, depth: int) -> Test:
        if depth > _DEEPEST:
            raise self._refusal()
        kind, token = self._take()
        if (kind, token) == ("word", "NOT"):
            inverse = self._term(depth + 1)
            return lambda record: not inverse(record)
        if (kind, token) == ("sign", "("):
            inner = self._sequence(depth + 1)
            if self._take() != ("sign", ")"):
                raise self._refusal()
            return inner
        if kind != "word" or token in ("AND", "OR"):
            raise self._refusal()
        return self._comparison(token)

    def _comparison(self, path: str) -> Test:
        kind, sign = self._take()
        if kind != "sign" or sign in "()":
            raise self._refusal()
        kind, value = self._take()
        if kind == "sign":
            raise self._refusal()
        if kind == "text":
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        return _has(path, value) if sign == ":" else _compares(path, _COMPARISONS[sign], value, sign)


def _compares(path: str, compare: Callable[[Any, Any], bool], value: str, sign: str) -> Test:
    def test(record: Record) -> bool:
        found = _lookup(record, path)
        if found is None:
            return sign == "!="
        if isinstance(found, bool):
            return compare(found, value.lower() == "true")
        if isinstance(found, int | float):
            try:
                return compare(float(found), float(value))
            except ValueError:
                raise invalid(f"The filter compares the number {path} with {value!r}.") from None
        if sign in ("=", "!=") and "*" in value:
            return _matches(str(found), value.split("*")) == (sign == "=")
        return compare(str(found), value)

    return test


def _matches(text: str, parts: Sequence[str]) -> bool:
    """Says whether `text` is the parts in order with anything between; linear, whatever a client sends."""
    first, *middle, last = parts
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        position = text.find(part, position, end)
        if position < 0:
            return False
        position += len(part)
    return True


def _has(path: str, value: str) -> Test:
    def test(record: Record) -> bool:
        found = _lookup(record, path)
        if value == "*":
            return found not in (None, "", [], {})
        if isinstance(found, Mapping | Sequence) and not isinstance(found, str):
            return value in found
        if "*" in value:
            return found is not None and _matches(str(found), value.split("*"))
        return found is not None and value in str(found)

    return test
