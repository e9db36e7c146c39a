"""Bands by expression. Earth Engine computes them; here is looked at which bands an expression names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<text>'[^']*'|\"[^\"]*\")|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator>\*\*|&&|\|\||==|!=|<=|>=|<<|>>|[-+*/%<>!?:()\[\],.=&|^~])|(?P<space>\s+)|(?P<other>.)"
)
_LONGEST = 2000


@dataclass(frozen=True)
class Derived:
    """A band by expression.

    Attributes:
        name: Of the band.
        expression: What Earth Engine evaluates.
        variables: Bands of the stack by the names that the expression has for them.
    """

    name: str
    expression: str
    variables: Mapping[str, str]


def names_in(expression: str) -> tuple[str, ...]:
    """Bands that an expression names, each once, in their order.

    A band is named as it is where its name is a word (`B8`), or else in quotes: `b('0_B8')`.

    Args:
        expression: As in `derived`.

    Raises:
        ValueError: It is empty, unbalanced, or holds a sign that no expression has.
    """
    if not expression.strip() or len(expression) > _LONGEST:
        raise ValueError(f"an expression has 1 to {_LONGEST:,} characters, such as (B8 - B4) / (B8 + B4)")
    tokens = [(match.lastgroup, match[0]) for match in _TOKEN.finditer(expression) if match.lastgroup != "space"]
    depth = 0
    for kind, text in tokens:
        if kind == "other" or text == "=":
            raise ValueError(f"the sign {text} has no meaning in an expression")
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth < 0:
            break
    if depth:
        raise ValueError("brackets do not match")
    found: list[str] = []
    for place, (kind, text) in enumerate(tokens):
        before = tokens[place - 1][1] if place else ""
        after = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        if kind == "text":
            found.append(text[1:-1])
        elif kind == "name" and after != "(" and before != ".":
            found.append(text)
    if not found:
        raise ValueError("names no band")
    return tuple(dict.fromkeys(found))


def resolve(
    derived: Mapping[str, str], bands: Sequence[str], series: Mapping[str, Sequence[str]]
) -> tuple[Derived, ...]:
    """Every band that `derived` gives, in the order in which they are computed.

    An expression over bands of a series gives one band for each step.

    Args:
        derived: Expressions by name.
        bands: Names of the bands there are before them.
        series: Names of the bands of each step by their common name.

    Raises:
        ValueError: Names the expression and what is wrong with it.
    """
    known, steps = list(bands), dict(series)
    made: list[Derived] = []
    for name, expression in derived.items():
        try:
            named = names_in(expression)
        except ValueError as error:
            raise ValueError(f"derived.{name}: '{expression}': {error}") from error
        unknown = [each for each in named if each not in known and each not in steps]
        if unknown:
            shown = ", ".join([*steps, *known][:30])
            raise ValueError(
                f"derived.{name}: '{expression}' names {', '.join(unknown)}, which is no band; known before it: {shown}"
            )
        counts = {each: len(steps[each]) for each in named if each not in known}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{each} has {count}" for each, count in counts.items())
            raise ValueError(f"derived.{name}: '{expression}' joins series of different lengths ({listed} steps)")
        if counts:
            series_names = [f"{name}{suffix}" for suffix in _suffixes(next(iter(counts)), steps)]
            for number, each in enumerate(series_names):
                here = {one: one if one in known else steps[one][number] for one in named}
                made.append(Derived(each, expression, here))
            steps[name] = series_names
            known += series_names
        else:
            made.append(Derived(name, expression, {each: each for each in named}))
            known.append(name)
    return tuple(made)


def _suffixes(name: str, steps: Mapping[str, Sequence[str]]) -> list[str]:
    return [each.removeprefix(name) for each in steps[name]]
