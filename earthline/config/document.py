"""A YAML text by the rules of YAML 1.2, in which every value knows its line.

PyYAML reads YAML 1.1, where `no`, `010` and `1:30` are a boolean, 8 and 90. The core schema of YAML 1.2
(https://yaml.org/spec/1.2.2/#103-core-schema) takes `no` and `1:30` for text. `010` is text here as well: YAML 1.1
reads it as 8 and YAML 1.2 as 10, so a number is only what both read alike.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Place = Sequence[str | int]
"""Keys and positions in lists that lead to a value."""


class DocumentError(ValueError):
    """A text that is no YAML, or in which a key stands twice.

    Attributes:
        mistakes: For each its line in the text, from 1, where that is known, and what is wrong.
    """

    def __init__(self, *mistakes: tuple[int | None, str]) -> None:
        """Describes the mistakes.

        Args:
            mistakes: As the attribute.
        """
        self.mistakes = mistakes
        super().__init__("\n".join(said for _, said in mistakes))


class _Loader(yaml.SafeLoader):
    """The core schema of YAML 1.2, with merge keys (`<<`), which anchors make useful."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name


for _kind, _pattern, _first in (
    ("merge", r"<<", "<"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_pattern})$"), list(_first))


_SIGNS = (
    "scanning an alias",
    "undefined alias",
    "scanning an anchor",
    "cannot start any token",
    "scanning a directive",
)


@dataclass(frozen=True)
class Document:
    """What a YAML text says, and where.

    Attributes:
        content: Its content: mappings, lists and values.
    """

    content: Any
    _root: yaml.Node | None

    def line(self, place: Place) -> int | None:
        """The line of a value, from 1; of the innermost section around it where the value is not in the text.

        Args:
            place: Where the value is.
        """
        node, line = self._root, None
        for part in place:
            key, node = _inner(node, part)
            if key is None:
                break
            line = key.start_mark.line + 1
        return line


def read(text: str) -> Document:
    """Reads one YAML document.

    Args:
        text: The text.

    Raises:
        DocumentError: It is not YAML, or a key stands twice in one section.
    """
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:  # a character that no YAML text may hold
        raise DocumentError((None, f"not valid YAML: {' '.join(str(error).split())}")) from error
    try:
        root = loader.get_single_node()
        if root is None:
            return Document(None, None)
        twice = list(_twice(root))
        if twice:
            raise DocumentError(*twice)
        return Document(loader.construct_document(root), root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        if any(word in said for word in _SIGNS):
            said += "; text that begins with a sign such as * or % takes quotes"
        raise DocumentError((mark.line + 1 if mark else None, f"not valid YAML: {' '.join(said.split())}")) from error
    except (yaml.YAMLError, RecursionError) as error:
        said = "sections within sections too deep" if isinstance(error, RecursionError) else str(error)
        raise DocumentError((None, f"not valid YAML: {' '.join(said.split())}")) from error
    finally:
        loader.dispose()


def _twice(root: yaml.Node) -> Iterator[tuple[int, str]]:
    """A line for each key that stands twice in one mapping. An alias is looked at once."""
    seen: set[int] = set()
    waiting: list[tuple[str, yaml.Node]] = [("", root)]
    while waiting:
        path, node = waiting.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(f"{path}.{number}", item) for number, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            continue
        first: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            full = f"{path}.{key.value}".lstrip(".")
            if key.value in first:
                before, earlier = first[key.value]
                yield (
                    key.start_mark.line + 1,
                    f"{full}: stands twice, as {_shown(earlier)} on line {before.start_mark.line + 1} and as "
                    f"{_shown(value)} here; keep one",
                )
            first.setdefault(key.value, (key, value))
            waiting.append((full, value))


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return repr(node.value) if len(node.value) <= 60 else repr(node.value[:57] + "...")
    return "a section" if isinstance(node, yaml.MappingNode) else "a list"


def _inner(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    """What stands at a key or a position: where it starts, and its value."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, yaml.MappingNode):
        # Keys that a merge (`<<`) brings come first, and those of the section itself go over them.
        for key, value in reversed(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                return key, value
    return None, None
