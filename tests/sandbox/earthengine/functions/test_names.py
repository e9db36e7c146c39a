import ast
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from earthline_sandbox.earthengine import functions as functions  # registers every implementation
from earthline_sandbox.earthengine.language import registry


def test_every_function_stands_under_its_full_name():
    """A search for `"Reducer.median"` must find what implements it, in the decorator over it."""
    hidden = {
        name: f"{Path(inspect.getsourcefile(found.call)).name}:{found.call.__code__.co_firstlineno}"
        for name, found in registry.implementations().items()
        if name not in names_over(found.call)
    }
    assert hidden == {}


def names_over(call: Callable[..., Any]) -> list[str]:
    """The names that stand literally in the decorators of a function."""
    return decorated(Path(inspect.getsourcefile(call))).get(call.__code__.co_firstlineno, [])


@cache
def decorated(path: Path) -> dict[int, list[str]]:
    """The first line of every decorated function of a file, and the names that its decorators are given in full."""
    source = path.read_text("utf-8")
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            given = [arg for call in node.decorator_list if isinstance(call, ast.Call) for arg in call.args]
            names = [arg.value for arg in given if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            # Python counts a function from its first decorator on.
            found[node.decorator_list[0].lineno] = [name for name in names if f'"{name}"' in source]
    return found
