"""Trigger conditions: the part of the Common Expression Language that KFP compiles `dsl.If` to.

A condition is tokenised, parsed to a tree and checked before a job is accepted; nothing is ever handed to Python's
own evaluator. The grammar:

    or         = and { "||" and }
    and        = unary { "&&" unary }
    unary      = "!" unary | comparison
    comparison = operand [ ("==" | "!=" | "<=" | ">=" | "<" | ">") operand ]
    operand    = literal | "inputs.parameter_values[" string "]" | ("int" | "double" | "string") "(" operand ")"
               | "(" or ")"
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

LONGEST: Final = 20_000
"""Characters of a condition that are read at all."""

DEEPEST: Final = 100
"""Nested brackets and negations that are followed."""

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
      | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<sign>&&|\|\||==|!=|<=|>=|[<>!()\[\]])
      | (?P<word>[A-Za-z_][A-Za-z0-9_.]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES: Final[Mapping[str, str]] = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "a": "\a",
    "v": "\v",
}
_CONSTANTS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None}
_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CASTS: Final = ("int", "double", "string")

Value = str | int | float | bool | None


class ConditionError(ValueError):
    """A condition that is malformed, or that cannot be decided with the values it got."""


@dataclass(frozen=True)
class Literal:
    """A constant."""

    value: Value


@dataclass(frozen=True)
class Parameter:
    """The value of an input parameter of the task."""

    name: str


@dataclass(frozen=True)
class Cast:
    """A conversion by `int`, `double` or `string`."""

    kind: str
    operand: "Node"


@dataclass(frozen=True)
class Comparison:
    """Two operands and a sign such as `>=`."""

    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Negation:
    """The opposite of a truth value."""

    operand: "Node"


@dataclass(frozen=True)
class Junction:
    """Several truth values joined by `&&` or `||`."""

    sign: str
    operands: tuple["Node", ...]


Node = Literal | Parameter | Cast | Comparison | Negation | Junction


@dataclass(frozen=True)
class Condition:
    """A parsed condition.

    Attributes:
        text: As the pipeline has it.
        root: Its tree.
    """

    text: str
    root: Node

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the input parameters that it reads."""
        return frozenset(_names(self.root))

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Decides the condition.

        Args:
            values: Input parameters of the task.

        Raises:
            ConditionError: A parameter has no value, or values of different types are ordered.
        """
        return _truth(self.root, values, self.text)


def parse(text: str) -> Condition:
    """Parses a condition.

    Raises:
        ConditionError: It is outside the grammar; the message quotes the place.
    """
    if len(text) > LONGEST:
        raise ConditionError(f"the condition has {len(text)} characters; at most {LONGEST} are read")
    return Condition(text, _Parser(text).parse())


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._tokenise())
        self._next = 0
        self._depth = 0

    def parse(self) -> Node:
        node = self._junction("||")
        if self._next < len(self._tokens):
            raise self._refusal("nothing more")
        return node

    def _tokenise(self) -> Iterator[tuple[str, str, int]]:
        position, end = 0, len(self._text.rstrip())
        while position < end:
            match = _TOKEN.match(self._text, position)
            if match is None or match.lastgroup is None:
                raise ConditionError(f"{self._text!r}: cannot read {self._text[position : position + 30]!r}")
            yield match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)
            position = match.end()

    def _refusal(self, wanted: str) -> ConditionError:
        if self._next < len(self._tokens):
            place = self._tokens[self._next][2]
            return ConditionError(f"{self._text!r}: {wanted} expected at {self._text[place : place + 30]!r}")
        return ConditionError(f"{self._text!r}: {wanted} expected at the end")

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _peek_sign(self) -> str:
        if self._next < len(self._tokens) and self._tokens[self._next][0] == "sign":
            return self._tokens[self._next][1]
        return ""

    def _expect(self, sign: str) -> None:
        if self._peek_sign() != sign:
            raise self._refusal(repr(sign))
        self._next += 1

    def _junction(self, sign: str) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConditionError(f"the condition is nested deeper than {DEEPEST}")
        operands = [self._junction("&&") if sign == "||" else self._unary()]
        while self._peek_sign() == sign:
            self._next += 1
            operands.append(self._junction("&&") if sign == "||" else self._unary())
        self._depth -= 1
        return operands[0] if len(operands) == 1 else Junction(sign, tuple(operands))

    def _unary(self) -> Node:
        negations = 0
        while self._peek_sign() == "!":
            self._next += 1
            negations += 1
        node = self._comparison()
        return Negation(node) if negations % 2 else node

    def _comparison(self) -> Node:
        left = self._operand()
        sign = self._peek_sign()
        if sign not in ("==", "!=", *_ORDERS):
            return left
        self._next += 1
        return Comparison(sign, left, self._operand())

    def _operand(self) -> Node:
        if self._next >= len(self._tokens):
            raise self._refusal("a value")
        kind, token, _ = self._tokens[self._next]
        if kind == "sign" and token == "(":
            self._next += 1
            node = self._junction("||")
            self._expect(")")
            return node
        if kind == "number":
            self._next += 1
            return Literal(int(token) if token.lstrip("-").isdigit() else float(token))
        if kind == "text":
            self._next += 1
            return Literal(_unquote(token))
        if kind == "word" and token in _CONSTANTS:
            self._next += 1
            return Literal(_CONSTANTS[token])
        if kind == "word" and token in _CASTS:
            self._next += 1
            self._expect("(")
            node = self._junction("||")
            self._expect(")")
            return Cast(token, node)
        if kind == "word" and token == "inputs.parameter_values":
            self._next += 1
            self._expect("[")
            if self._next >= len(self._tokens) or self._tokens[self._next][0] != "text":
                raise self._refusal("a quoted name")
            name = _unquote(self._peek())
            self._next += 1
            self._expect("]")
            return Parameter(name)
        raise self._refusal("a literal, inputs.parameter_values['name'], int(), double() or string()")


def _unquote(token: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), token[1:-1], flags=re.DOTALL)


def _names(node: Node) -> Iterator[str]:
    match node:
        case Parameter(name):
            yield name
        case Cast(_, operand) | Negation(operand):
            yield from _names(operand)
        case Comparison(_, left, right):
            yield from _names(left)
            yield from _names(right)
        case Junction(_, operands):
            for operand in operands:
                yield from _names(operand)


def _truth(node: Node, values: Mapping[str, Any], text: str) -> bool:
    value = _value(node, values, text)
    if not isinstance(value, bool):
        raise ConditionError(f"{text!r}: {value!r} is neither true nor false")
    return value


def _value(node: Node, values: Mapping[str, Any], text: str) -> Any:
    match node:
        case Literal(value):
            return value
        case Parameter(name):
            if name not in values:
                raise ConditionError(f"{text!r}: the input parameter {name!r} has no value")
            return values[name]
        case Cast(kind, operand):
            return _cast(kind, _value(operand, values, text), text)
        case Negation(operand):
            return not _truth(operand, values, text)
        case Junction(sign, operands):
            decide = all if sign == "&&" else any
            return decide(_truth(operand, values, text) for operand in operands)
        case Comparison(sign, left, right):
            return _compare(sign, _value(left, values, text), _value(right, values, text), text)


def _cast(kind: str, value: Any, text: str) -> Value:
    try:
        if kind == "string":
            return str(value).lower() if isinstance(value, bool) else str(value)
        return int(value) if kind == "int" else float(value)
    except (TypeError, ValueError, OverflowError):
        raise ConditionError(f"{text!r}: {value!r} cannot be converted by {kind}()") from None


def _compare(sign: str, left: Any, right: Any, text: str) -> bool:
    if sign in ("==", "!="):
        # As in CEL, values of different types are unequal; a number never equals a truth value.
        return (_kind(left) == _kind(right) and left == right) == (sign == "==")
    if _kind(left) != _kind(right) or _kind(left) not in ("number", "text", "truth"):
        raise ConditionError(f"{text!r}: {left!r} and {right!r} cannot be ordered")
    return _ORDERS[sign](left, right)


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "truth"
        case int() | float():
            return "number"
        case str():
            return "text"
    return type(value).__name__
