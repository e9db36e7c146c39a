"""Evaluates expression graphs: values now, pixels when somebody asks for them."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine import functions as functions  # registers every implementation
from earthline_sandbox.earthengine.computation import Charge
from earthline_sandbox.earthengine.language import graph, registry, results
from earthline_sandbox.earthengine.language.coerce import Mismatch, image, type_name
from earthline_sandbox.earthengine.language.graph import GraphLimits, Node
from earthline_sandbox.earthengine.readings import Readings
from earthline_sandbox.earthengine.records import Catalogue, PredictionClient
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

# A chain of image operations is as deep in Python as in the graph, and graphs of hundreds of calls are ordinary.
_RECURSION = 40_000
_MISSING = object()
# What counts as an aggregation: https://developers.google.com/earth-engine/guides/debugging.
_AGGREGATIONS = ("Image.reduceRegion", "Image.reduceRegions", "Collection.reduceColumns", "AggregateFeatureCollection.")


class Evaluator:
    """Turns expressions into values; stateless between calls and safe to share between threads.

    Attributes:
        readings: Which reading of Google's texts holds where they disagree.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        predictions: PredictionClient | None = None,
        limits: GraphLimits | None = None,
        objects: Callable[[str], Path] | None = None,
    ) -> None:
        """Takes what is there to load from and to ask.

        Args:
            catalogue: Assets.
            predictions: What `Model.predictImage` reaches endpoints through.
            limits: How large expressions may be.
            objects: Finds the file of a `gs://` address; raises ApiError where there is none.
        """
        self.catalogue = catalogue
        self.predictions = predictions
        self.limits = limits or GraphLimits()
        self.objects = objects
        self.readings = Readings()
        sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION))

    def evaluate(self, expression: Mapping[str, Any]) -> Any:
        """The value of a REST expression `{"result": …, "values": {…}}`.

        Raises:
            ApiError: INVALID_ARGUMENT (or the catalogue's NOT_FOUND) in Earth Engine's words.
        """
        root = graph.parse(expression, self.limits)
        try:
            return _Scope(self, {}, None).value(root)
        except RecursionError as error:
            raise invalid("The expression is nested too deeply.") from error

    def to_json(self, value: Any) -> Any:
        """The value as `value:compute` answers it.

        Raises:
            ApiError: INVALID_ARGUMENT where it is too large or has no form in JSON.
        """
        try:
            computation.expect(results.ELEMENT_BYTES * computation.extent(value))
            return results.to_json(value, self.limits)
        except RecursionError as error:
            raise invalid("The expression is nested too deeply.") from error

    def image_of(self, value: Any) -> Image:
        """The value as an image, promoted as Earth Engine does.

        Raises:
            ApiError: INVALID_ARGUMENT where it cannot be one.
        """
        try:
            return image(value)
        except Mismatch:
            raise invalid(
                f"Expected a value of type Image<unknown bands>, got one of type {type_name(value)}."
            ) from None


class _Scope:
    """Arguments of one function call, and the values computed that depend on them."""

    def __init__(self, evaluator: Evaluator, bindings: Mapping[str, Any], parent: "_Scope | None") -> None:
        self._evaluator = evaluator
        self._bindings = bindings
        self._parent = parent
        self._computed: dict[int, Any] = {}
        self._charge = Charge()

    def value(self, root: Node) -> Any:
        """Computes a node, everything below it first, without recursion along the graph."""
        stack = [root]
        while stack:
            node = stack[-1]
            home = self._home(node)
            if id(node) in home._computed:
                stack.pop()
                continue
            missing = [child for child in self._needed(node) if self._peek(child) is _MISSING]
            if missing:
                stack.extend(reversed(missing))
                continue
            found = home._computed[id(node)] = self._compute(node, home)
            if node.kind != graph.CONSTANT and (size := computation.size_of(found)):
                home._charge.add(size)
            stack.pop()
        return self._peek(root)

    def _home(self, node: Node) -> "_Scope":
        """The outermost scope that binds all that the node depends on: its value is shared from there."""
        scope = self
        while scope._parent is not None and not any(name in scope._bindings for name in node.free):
            scope = scope._parent
        return scope

    def _peek(self, node: Node) -> Any:
        return self._home(node)._computed.get(id(node), _MISSING)

    def _needed(self, node: Node) -> Sequence[Node]:
        """What must be computed first: only the chosen branch of an `If`, and nothing of a function's body."""
        if node.kind == graph.DEFINITION:
            return ()
        if node.kind == graph.CALL and node.payload == "If":
            branches = dict(zip(node.names, node.children, strict=True))
            if "condition" not in branches:
                return ()
            found = self._peek(branches["condition"])
            if found is _MISSING:
                return (branches["condition"],)
            chosen = branches.get("trueCase" if truth(found) else "falseCase")
            return (branches["condition"],) if chosen is None else (branches["condition"], chosen)
        return node.children if node.function is None else [*node.children, node.function]

    def _compute(self, node: Node, home: "_Scope") -> Any:
        if node.kind == graph.CONSTANT:
            return node.payload
        if node.kind == graph.ARGUMENT:
            return home._bindings[node.payload]
        if node.kind == graph.NAMED:
            return _ServerFunction(self._evaluator, node.payload)
        if node.kind == graph.DEFINITION:
            return _Closure(node, home)
        if node.kind == graph.CALL and node.payload == "If":
            chosen = self._needed(node)
            return self._peek(chosen[1]) if len(chosen) > 1 else None
        children = [self._peek(child) for child in node.children]
        if node.kind == graph.LIST:
            return children
        if node.kind == graph.ALIAS:
            return children[0]
        arguments = dict(zip(node.names, children, strict=True))
        if node.kind == graph.DICTIONARY:
            return arguments
        if node.function is None:
            return _called(self._evaluator, node.payload, arguments)
        called = self._peek(node.function)
        if not callable(called):
            raise invalid(f"A value of type {type_name(called)} was called as a function.")
        names = getattr(called, "names", tuple(arguments))
        unknown = [name for name in arguments if name not in names]
        if unknown:
            raise invalid(f"A function was called with the argument '{unknown[0]}', which it does not have.")
        return called(*(arguments.get(name) for name in names))


class _Closure:
    """A client's function, with the scope that it was made in."""

    def __init__(self, definition: Node, scope: _Scope) -> None:
        self.names = definition.names
        self._body = definition.children[0]
        self._scope = scope

    def __call__(self, *arguments: Any) -> Any:
        if len(arguments) < len(self.names):
            raise invalid(f"A function of {len(self.names)} arguments was called with {len(arguments)}.")
        bindings = dict(zip(self.names, arguments, strict=False))
        return _Scope(self._scope._evaluator, bindings, self._scope).value(self._body)


class _ServerFunction:
    """A server function passed as a value, such as the argument of `map`."""

    def __init__(self, evaluator: Evaluator, name: str) -> None:
        signature = registry.signatures().get(name)
        if signature is None:
            raise invalid(f"Function '{name}' does not exist: Earth Engine has no such server function.")
        self.names = tuple(parameter.name for parameter in signature.parameters)
        self._evaluator = evaluator
        self._name = name

    def __call__(self, *arguments: Any) -> Any:
        return _called(self._evaluator, self._name, dict(zip(self.names, arguments, strict=False)))


def _called(evaluator: Evaluator, name: str, arguments: Mapping[str, Any]) -> Any:
    """Calls a server function as part of this thread's computation."""
    running = computation.current()
    if running is not None:
        # What a function makes of lists and texts is seldom larger than they are together.
        running.expect(sum(map(computation.size_of, arguments.values())))
        if name.startswith(_AGGREGATIONS):
            running.aggregate()
    return registry.call(evaluator, name, arguments)


def truth(value: Any) -> bool:
    """Whether an `If` takes its true case: null, 0, the empty string and false do not."""
    return bool(value) if value is None or isinstance(value, bool | int | float | str) else True
