"""The little language of `Image.expression`: parsed into a tree, then applied to images."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from earthline_sandbox.errors import invalid

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<operator>\*\*|&&|\|\||==|!=|<=|>=|<<|>>|[-+*/%<>!?:()\[\],.=&|^~]))"
)
# Binding power and server function of binary operators; all but `**` group from the left.
_BINARY = {
    "||": (1, "or"),
    "&&": (2, "and"),
    "|": (3, "bitwiseOr"),
    "^": (4, "bitwiseXor"),
    "&": (5, "bitwiseAnd"),
    "==": (6, "eq"),
    "!=": (6, "neq"),
    "<": (7, "lt"),
    "<=": (7, "lte"),
    ">": (7, "gt"),
    ">=": (7, "gte"),
    "<<": (8, "leftShift"),
    ">>": (8, "rightShift"),
    "+": (9, "add"),
    "-": (9, "subtract"),
    "*": (10, "multiply"),
    "/": (10, "divide"),
    "%": (10, "mod"),
    "**": (12, "pow"),
}
_UNARY_POWER = 11
_DEEPEST = 200


@dataclass(frozen=True)
class Term:
    """A part of an expression.

    Attributes:
        kind: `number`, `variable`, `bands` (of a variable), `member` (of what a member of a variable is), `call` or
            `choice`.
        value: The number, or the name of the variable, the member or the function.
        parts: Operands, or for `bands` their selectors.
    """

    kind: str
    value: Any = None
    parts: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes:
        term: Its root.
        name: Name of the resulting band, as in `name = …`.
    """

    term: Term
    name: str | None = None


def parse(text: str) -> Expression:
    """Parses an expression.

    Raises:
        ApiError: INVALID_ARGUMENT with the place where it cannot be read.
    """
    return _Parser(text).expression()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split(text))
        self._place = 0
        self._depth = 0

    @staticmethod
    def _split(text: str) -> Sequence[tuple[str, str]]:
        tokens, position = [], 0
        stripped = text.rstrip()
        while position < len(stripped):
            match = _TOKEN.match(stripped, position)
            if match is None:
                raise invalid(
                    f"Image.parseExpression: Cannot read the expression at '{stripped[position : position + 20]}'."
                )
            tokens.append((str(match.lastgroup), match[match.lastgroup or 0]))
            position = match.end()
        return [*tokens, ("end", "")]

    def expression(self) -> Expression:
        name = None
        if self._tokens[0][0] == "name" and len(self._tokens) > 1 and self._tokens[1][1] == "=":
            name, self._place = self._tokens[0][1], 2
        term = self._choice()
        if self._tokens[self._place][0] != "end":
            raise self._error("an operator")
        return Expression(term, name)

    def _error(self, wanted: str) -> Exception:
        found = self._tokens[self._place][1] or "the end"
        return invalid(f"Image.parseExpression: Expected {wanted}, found '{found}' in '{self._text[:200]}'.")

    def _take(self, operator: str) -> bool:
        if self._tokens[self._place] == ("operator", operator):
            self._place += 1
            return True
        return False

    def _need(self, operator: str) -> None:
        if not self._take(operator):
            raise self._error(f"'{operator}'")

    def _choice(self) -> Term:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise invalid("Image.parseExpression: the expression is nested too deeply.")
        term = self._binary(0)
        if self._take("?"):
            yes = self._choice()
            self._need(":")
            term = Term("choice", None, (term, yes, self._choice()))
        self._depth -= 1
        return term

    def _binary(self, least: int) -> Term:
        left = self._unary()
        while True:
            kind, text = self._tokens[self._place]
            if kind != "operator" or text not in _BINARY or _BINARY[text][0] < least:
                return left
            power, name = _BINARY[text]
            self._place += 1
            left = Term("call", name, (left, self._binary(power if text == "**" else power + 1)))

    def _unary(self) -> Term:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise invalid("Image.parseExpression: the expression is nested too deeply.")
        try:
            if self._take("-"):
                return Term("call", "multiply", (self._binary(_UNARY_POWER), Term("number", -1)))
            if self._take("+"):
                return self._binary(_UNARY_POWER)
            if self._take("!"):
                return Term("call", "not", (self._binary(_UNARY_POWER),))
            if self._take("~"):
                return Term("call", "bitwiseNot", (self._binary(_UNARY_POWER),))
            return self._primary()
        finally:
            self._depth -= 1

    def _primary(self) -> Term:
        kind, text = self._tokens[self._place]
        if kind == "number":
            self._place += 1
            value = float(text)
            return Term("number", int(value) if value.is_integer() else value)
        if self._take("("):
            term = self._choice()
            self._need(")")
            return term
        if kind != "name":
            raise self._error("a value")
        self._place += 1
        if self._take("("):
            arguments = self._arguments(")")
            if text == "b":
                return Term("bands", None, tuple(_selector(item) for item in arguments))
            return Term("call", text, tuple(arguments))
        if self._take("["):
            return Term("bands", text, tuple(_selector(item) for item in self._arguments("]")))
        if not self._take("."):
            return Term("variable", text)
        term = Term("bands", text, (self._member(),))
        while self._take("."):
            term = Term("member", self._member(), (term,))
        return term

    def _member(self) -> str:
        kind, name = self._tokens[self._place]
        if kind != "name":
            raise self._error("a band name")
        self._place += 1
        return name

    def _arguments(self, closing: str) -> list[Any]:
        found: list[Any] = []
        if self._take(closing):
            return found
        while True:
            kind, text = self._tokens[self._place]
            if kind == "text":
                self._place += 1
                found.append(text[1:-1])
            else:
                found.append(self._choice())
            if self._take(closing):
                return found
            self._need(",")


def _selector(item: Any) -> str | int:
    if isinstance(item, str):
        return item
    if isinstance(item, Term) and item.kind == "number" and isinstance(item.value, int):
        return item.value
    raise invalid("Image.parseExpression: a band must be chosen by a number or a quoted name.")


def apply(
    term: Term,
    variables: Callable[[str], Any],
    bands: Callable[[str | None, tuple[Any, ...]], Any],
    call: Callable[[str, list[Any]], Any],
    member: Callable[[Any, str], Any] | None = None,
) -> Any:
    """Evaluates a tree.

    Args:
        term: Its root.
        variables: The value of a name.
        bands: Bands of a variable, or of the default image where that is None; all where no selector is given.
        call: Applies an image function, `where` among them, to operands.
        member: What a value holds by a name; None where values hold nothing.
    """
    if term.kind == "number":
        return term.value
    if term.kind == "variable":
        return variables(term.value)
    if term.kind == "bands":
        return bands(term.value, term.parts)
    operands = [apply(part, variables, bands, call, member) for part in term.parts]
    if term.kind == "member":
        if member is None:
            raise invalid(f"Image.parseExpression: a band has no '{term.value}' of its own.")
        return member(operands[0], term.value)
    if term.kind == "choice":
        return call("choice", operands)
    return call(term.value, operands)
