"""The expression graph of a request: parsed, bounded, and linked before anything is evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from earthline_sandbox.errors import invalid

CONSTANT, LIST, DICTIONARY, CALL, DEFINITION, ARGUMENT, ALIAS, NAMED = range(8)


@dataclass(frozen=True)
class GraphLimits:
    """How large an expression may be.

    Attributes:
        nodes: Value nodes.
        depth: Nesting of values within one another, references followed.
        constant_depth: Nesting of lists and objects within one constant.
        elements: Elements of one list or of one collection in an answer.
    """

    nodes: int = 200_000
    depth: int = 4_000
    constant_depth: int = 100
    elements: int = 5_000


@dataclass(eq=False)
class Node:
    """One value of the graph.

    Attributes:
        kind: One of the constants of this module.
        label: Name for messages: the key in `values`, or its parent's.
        payload: The constant, or the name of a function or of an argument.
        children: What must be evaluated before it: list elements, dictionary values, arguments; a definition's body.
        names: Keys of a dictionary, argument names of a call or a definition.
        function: For calls through a reference: the node that gives the function.
        free: Names of the function arguments that it depends on and does not bind itself.
    """

    kind: int
    label: str
    payload: Any = None
    children: list["Node"] = field(default_factory=list)
    names: tuple[str, ...] = ()
    function: "Node | None" = None
    free: frozenset[str] = frozenset()


def parse(expression: Any, limits: GraphLimits) -> Node:
    """Links an expression `{"result": …, "values": {…}}` into nodes.

    Raises:
        ApiError: INVALID_ARGUMENT where it is malformed, refers to itself or to nothing, or is too large.
    """
    if not isinstance(expression, Mapping) or not isinstance(expression.get("values"), Mapping):
        raise invalid("Invalid expression: expected an object with 'result' and 'values'.")
    return _Parser(expression["values"], limits).link(expression.get("result"))


class _Parser:
    """Builds nodes without recursion: graphs of thousands of chained calls are ordinary."""

    def __init__(self, values: Mapping[str, Any], limits: GraphLimits) -> None:
        self._values = values
        self._limits = limits
        self._named: dict[str, Node] = {}
        self._count = 0

    def link(self, result: Any) -> Node:
        root = self._reference(result, "result")
        self._order(root)
        if root.free:
            raise invalid(f"Invalid expression: argument '{min(root.free)}' is not bound by any function.")
        return root

    def _reference(self, key: Any, place: str) -> Node:
        """The node of a key of `values`, and everything below it."""
        pending: list[tuple[Node, Any]] = []
        root = self._named_node(key, place, pending)
        while pending:
            node, raw = pending.pop()
            self._fill(node, raw, pending)
        return root

    def _named_node(self, key: Any, place: str, pending: list[tuple[Node, Any]]) -> Node:
        if not isinstance(key, str) or key not in self._values:
            raise invalid(f"Invalid expression: '{place}' refers to '{key}', which is not among the values.")
        if key not in self._named:
            self._named[key] = self._new(key)
            pending.append((self._named[key], self._values[key]))
        return self._named[key]

    def _new(self, label: str) -> Node:
        self._count += 1
        if self._count > self._limits.nodes:
            raise invalid(f"Invalid expression: it has more than {self._limits.nodes} values.")
        return Node(CONSTANT, label)

    def _child(self, raw: Any, label: str, pending: list[tuple[Node, Any]]) -> Node:
        if isinstance(raw, Mapping) and set(raw) == {"valueReference"}:
            return self._named_node(raw["valueReference"], label, pending)
        node = self._new(label)
        pending.append((node, raw))
        return node

    def _fill(self, node: Node, raw: Any, pending: list[tuple[Node, Any]]) -> None:
        if not isinstance(raw, Mapping) or len(raw) != 1:
            raise invalid(f"Invalid expression: value '{node.label}' must be an object with one field.")
        (kind, content), label = next(iter(raw.items())), node.label
        if kind == "constantValue":
            node.payload = plain(content, self._limits.constant_depth)
        elif kind == "integerValue":
            node.payload = _int64(content)
        elif kind == "valueReference":
            node.kind, node.children = ALIAS, [self._named_node(content, label, pending)]
        elif kind == "argumentReference" and isinstance(content, str):
            node.kind, node.payload, node.free = ARGUMENT, content, frozenset((content,))
        elif kind == "functionReference" and isinstance(content, str):
            node.kind, node.payload = NAMED, content
        elif kind == "arrayValue":
            items = _mapping(content, label).get("values", [])
            if not isinstance(items, list):
                raise invalid(f"Invalid expression: 'arrayValue.values' of '{label}' must be a list.")
            node.kind = LIST
            node.children = [self._child(item, label, pending) for item in items]
        elif kind == "dictionaryValue":
            entries = _mapping(_mapping(content, label).get("values", {}), label)
            node.kind, node.names = DICTIONARY, tuple(entries)
            node.children = [self._child(item, label, pending) for item in entries.values()]
        elif kind == "functionDefinitionValue":
            content = _mapping(content, label)
            names = content.get("argumentNames", [])
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise invalid(f"Invalid expression: 'argumentNames' of '{label}' must be a list of strings.")
            node.kind, node.names = DEFINITION, tuple(names)
            node.children = [self._named_node(content.get("body"), label, pending)]
        elif kind == "functionInvocationValue":
            self._fill_call(node, _mapping(content, label), pending)
        else:
            raise invalid(f"Invalid expression: value '{label}' has the unknown or malformed field '{kind}'.")

    def _fill_call(self, node: Node, content: Mapping[str, Any], pending: list[tuple[Node, Any]]) -> None:
        arguments = _mapping(content.get("arguments", {}), node.label)
        node.kind, node.names = CALL, tuple(arguments)
        if isinstance(content.get("functionName"), str):
            node.payload = content["functionName"]
        elif "functionReference" in content:
            node.function = self._named_node(content["functionReference"], node.label, pending)
        else:
            raise invalid(f"Invalid expression: the call '{node.label}' names no function.")
        node.children = [self._child(item, f"{node.label}.{name}", pending) for name, item in arguments.items()]

    def _order(self, root: Node) -> None:
        """Visits children before parents: finds cycles, measures depth, and gathers free names."""
        depth: dict[int, int] = {}
        open_nodes: set[int] = set()
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            below = node.children if node.function is None else [*node.children, node.function]
            if leaving:
                open_nodes.discard(id(node))
                depth[id(node)] = 1 + max((depth[id(child)] for child in below), default=0)
                if depth[id(node)] > self._limits.depth:
                    raise invalid(f"Invalid expression: it is nested more than {self._limits.depth} levels deep.")
                if below:
                    free = frozenset[str]().union(*(child.free for child in below))
                    node.free = free.difference(node.names) if node.kind == DEFINITION else free
                continue
            if id(node) in depth:
                continue
            if id(node) in open_nodes:
                raise invalid(f"Invalid expression: value '{node.label}' refers to itself.")
            open_nodes.add(id(node))
            stack.append((node, True))
            for child in below:
                if id(child) in open_nodes:
                    raise invalid(f"Invalid expression: value '{child.label}' refers to itself.")
                if id(child) not in depth:
                    stack.append((child, False))


def _mapping(value: Any, label: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise invalid(f"Invalid expression: value '{label}' must hold an object here.")
    return value


def _int64(content: Any) -> int:
    """An `integerValue`: text or a number of 64 bits (REST reference, ValueNode)."""
    try:
        number = int(content)
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid(f"Invalid expression: '{content}' is not an integer.") from error
    if not -(2**63) <= number < 2**63:
        raise invalid(f"Invalid expression: '{content}' is not an integer of 64 bits.")
    return number


def plain(value: Any, depth: int) -> Any:
    """A JSON constant with whole numbers as int: JSON, and so Earth Engine, does not tell 1 from 1.0.

    Raises:
        ApiError: INVALID_ARGUMENT where it is nested more than `depth` levels deep.
    """
    if depth <= 0:
        raise invalid("Invalid expression: a constant is nested too deeply.")
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**63 else value
    if isinstance(value, list):
        return [plain(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {key: plain(item, depth - 1) for key, item in value.items()}
    return value
