"""Decision trees as text, in the format of R's `rpart` and `tree`: read, written, and applied.

A line is `node) split n deviance value *`: the children of node n are 2n and 2n + 1, and the star ends a branch
(https://developers.google.com/earth-engine/apidocs/ee-classifier-decisiontree).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.learning.learners import (
    CLASSIFICATION,
    MULTIPROBABILITY,
    PROBABILITY,
    RAW,
    RAW_REGRESSION,
)
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.errors import invalid

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_LINE = re.compile(
    rf"\s*(?P<node>\d{{1,4000}})\)\s*(?:(?P<root>root)\b|(?P<name>\S+?)\s*(?P<sign><=|>=|<|>)\s*(?P<limit>{_NUMBER})(?=\s))"
    r"\s*(?P<rest>.*)"
)
_START = re.compile(r"\s*1\)\s")
_MOST_NODES = 5_000_000


@dataclass
class _Node:
    name: str = ""
    sign: str = ""
    limit: float = 0.0
    value: float | None = None


@dataclass
class Tree:
    """One tree, as columns of nodes; the first is the root.

    Attributes:
        inputs: Input of each node's split; -1 for leaves.
        limits: What the input is compared with.
        strict: Whether a value equal to the limit goes right.
        left: Node for smaller values.
        right: Node for the others.
        values: Answer of each leaf.
    """

    inputs: Array
    limits: Array
    strict: Array
    left: Array
    right: Array
    values: Array

    def predict(self, inputs: Array) -> Array:
        """Answers, shape `(rows,)`."""
        at = np.zeros(len(inputs), dtype=np.intp)
        moving = np.nonzero(self.inputs[at] >= 0)[0]
        while len(moving):
            node = at[moving]
            found = inputs[moving, self.inputs[node]]
            limit = self.limits[node]
            smaller = np.where(self.strict[node], found < limit, found <= limit)
            at[moving] = np.where(smaller, self.left[node], self.right[node])
            moving = moving[self.inputs[at[moving]] >= 0]
        found = self.values[at]
        return np.asarray(found)


@dataclass
class Ensemble:
    """Trees that vote, or whose answers are averaged.

    Attributes:
        names: Inputs, in the order of the columns that `predict` gets.
        trees: The trees.
        cost: Memory that they hold, in bytes.
    """

    names: tuple[str, ...]
    trees: list[Tree]
    cost: int = field(init=False)

    def __post_init__(self) -> None:
        """Gathers the classes that the leaves name."""
        self.cost = sum(48 * len(tree.values) for tree in self.trees)
        leaves = [tree.values[tree.inputs < 0] for tree in self.trees]
        self._classes = np.unique(np.concatenate(leaves))

    def usable(self, inputs: Array) -> Array:
        """All rows can be predicted."""
        return np.ones(len(inputs), dtype=bool)

    def predict(self, inputs: Array, mode: str) -> Array:
        """The class that most trees name (the smallest of several), shares of votes, the mean, or every answer."""
        answers = np.stack([tree.predict(inputs) for tree in self.trees], axis=1)
        if mode in (RAW, RAW_REGRESSION):
            return answers
        if mode not in (CLASSIFICATION, PROBABILITY, MULTIPROBABILITY):
            return np.asarray(answers.mean(axis=1))
        votes = np.stack([(answers == value).mean(axis=1) for value in self._classes], axis=1)
        if mode == CLASSIFICATION:
            return np.asarray(self._classes[votes.argmax(axis=1)])
        return votes if mode == MULTIPROBABILITY else winning(votes)


def winning(shares: Array) -> Array:
    """The probability that a classification is correct; with two classes, that of the greater one.

    Maps of presence are made so: class 1 against class 0.
    """
    return np.asarray(shares[:, 1] if shares.shape[1] == 2 else shares.max(axis=1))


def parse(texts: Sequence[str]) -> Ensemble:
    """The trees of texts, each of one or more trees.

    Raises:
        ApiError: INVALID_ARGUMENT naming the line that is wrong.
    """
    tables: list[dict[int, _Node]] = []
    for text in texts:
        for line in text.splitlines():
            if not re.match(r"\s*\d+\)", line):
                # R writes a heading: how many samples, and what the columns are.
                if line.strip() and not re.match(r"\s*(n\s*=|node\)|\*|\()", line):
                    raise _wrong(line, "is no node of a tree")
                continue
            if _START.match(line) or not tables:
                tables.append({})
            number, node = _node(line)
            if number in tables[-1]:
                raise _wrong(line, "numbers a node that the tree has already")
            tables[-1][number] = node
    if not tables:
        raise invalid("A decision tree must have a line for its root, such as '1) root 9999 9999 1 *'.")
    if sum(map(len, tables)) > _MOST_NODES:
        raise invalid(f"The decision trees have more than {_MOST_NODES} nodes.")
    names = tuple(dict.fromkeys(node.name for table in tables for node in table.values() if node.name))
    return Ensemble(names, [_linked(table, names) for table in tables])


def _wrong(line: str, what: str) -> Any:
    return invalid(f"Decision tree: the line '{line.strip()[:100]}' {what}.")


def _node(line: str) -> tuple[int, _Node]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise _wrong(line, "is not 'node) split n deviance value *' with a split such as 'B4 < 0.5'")
    rest = re.sub(r"\([^()]*\)", " ", match["rest"])
    fields = rest.replace("*", " ").split()
    value = None
    if rest.rstrip().endswith("*"):
        if len(fields) < 3:
            raise _wrong(line, "ends a branch without a value")
        try:
            value = float(fields[2])
        except ValueError:
            raise _wrong(line, f"has the value '{fields[2]}', which is no number") from None
    if match["root"]:
        return int(match["node"]), _Node(value=value)
    return int(match["node"]), _Node(match["name"], match["sign"], float(match["limit"]), value)


def _linked(table: dict[int, _Node], names: tuple[str, ...]) -> Tree:
    """Checks that every node's children split its samples in two, and numbers them in a row."""
    if 1 not in table:
        raise invalid("Decision tree: there is no root, node 1.")
    places = {number: place for place, number in enumerate(sorted(table))}
    count = len(table)
    tree = Tree(
        np.full(count, -1, dtype=np.intp),
        np.zeros(count),
        np.zeros(count, dtype=bool),
        np.zeros(count, dtype=np.intp),
        np.zeros(count, dtype=np.intp),
        np.zeros(count),
    )
    columns = {name: column for column, name in enumerate(names)}
    for number, place in places.items():
        node = table[number]
        if number > 1 and number // 2 not in table:
            raise invalid(f"Decision tree: node {number} has no parent, node {number // 2}.")
        below = [table.get(2 * number), table.get(2 * number + 1)]
        first, second = below
        if first is None and second is None:
            if node.value is None:
                raise invalid(f"Decision tree: node {number} has neither children nor a star that ends it.")
            tree.values[place] = node.value
            continue
        if first is None or second is None or first.name != second.name or first.sign[:1] == second.sign[:1]:
            raise invalid(f"Decision tree: nodes {2 * number} and {2 * number + 1} do not split node {number} in two.")
        smaller, larger = (2 * number, 2 * number + 1) if first.sign[0] == "<" else (2 * number + 1, 2 * number)
        tree.inputs[place] = columns[first.name]
        tree.limits[place] = table[smaller].limit
        tree.strict[place] = table[smaller].sign == "<"
        tree.left[place], tree.right[place] = places[smaller], places[larger]
    return tree


def render(tree: Any, names: Sequence[str], values: Array) -> str:
    """The text of a fitted tree of scikit-learn.

    Args:
        tree: Its `tree_`.
        names: Inputs.
        values: Answer of each node.
    """
    lines = []
    stack = [(0, 1, "root")]
    while stack:
        node, number, split = stack.pop()
        leaf = tree.children_left[node] < 0
        about = f"{tree.n_node_samples[node]} {tree.impurity[node]:.6g} {float(values[node])!r}"
        depth = number.bit_length() - 1
        lines.append(f"{'  ' * depth}{number}) {split} {about}{' *' if leaf else ''}")
        if not leaf:
            name, limit = names[tree.feature[node]], float(tree.threshold[node])
            stack.append((tree.children_right[node], 2 * number + 1, f"{name} > {limit!r}"))
            stack.append((tree.children_left[node], 2 * number, f"{name} <= {limit!r}"))
    return "\n".join(lines) + "\n"
