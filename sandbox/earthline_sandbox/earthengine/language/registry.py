"""The server functions: their signatures from the installed client, their implementations, and calls by name."""

import inspect
import json
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.exceptions import AxisError
from pyproj.exceptions import ProjError
from shapely.errors import ShapelyError

from earthline_sandbox.earthengine.language import descriptions
from earthline_sandbox.earthengine.language.coerce import Mismatch, coerce, type_name
from earthline_sandbox.earthengine.language.graph import GraphLimits
from earthline_sandbox.earthengine.readings import Readings
from earthline_sandbox.earthengine.records import Catalogue, PredictionClient
from earthline_sandbox.errors import ApiError, invalid

F = TypeVar("F", bound=Callable[..., Any])


class Context(Protocol):
    """What an implementation may ask of the evaluation that calls it, as its parameter `context`."""

    catalogue: Catalogue
    predictions: PredictionClient | None
    limits: GraphLimits
    objects: Callable[[str], Path] | None
    readings: Readings


@dataclass(frozen=True)
class Parameter:
    """One declared argument."""

    name: str
    type: str
    optional: bool
    default: Any


@dataclass(frozen=True)
class Signature:
    """One server function as the client knows it."""

    name: str
    parameters: tuple[Parameter, ...]
    returns: str


@dataclass(frozen=True)
class Implementation:
    """The code behind a server function.

    Attributes:
        call: The function.
        accepted: Earth Engine's argument name to the parameter's.
        ignored: Arguments that it takes no notice of, such as `tileScale`.
        wants_context: Whether its first parameter is `context`.
    """

    call: Callable[..., Any]
    accepted: Mapping[str, str]
    ignored: frozenset[str]
    wants_context: bool


_IMPLEMENTATIONS: dict[str, Implementation] = {}


def function(*names: str, ignores: Sequence[str] = ()) -> Callable[[F], F]:
    """Registers an implementation under Earth Engine's names of it.

    Its parameters are the declared arguments in snake case (`from` is `from_`), and may be fewer by those it
    `ignores`; `**arguments` takes them all. It gets values already of the declared types, and None for an absent
    argument without a default.
    """

    def register(call: F) -> F:
        signature = inspect.signature(call)
        takes_all = any(item.kind is inspect.Parameter.VAR_KEYWORD for item in signature.parameters.values())
        parameters = list(signature.parameters)
        wants_context = bool(parameters) and parameters[0] == "context"
        taken = parameters[1:] if wants_context else parameters
        for name in names:
            if name in _IMPLEMENTATIONS:
                raise ValueError(f"{name} is implemented twice.")
            declared = signatures().get(name)
            by_parameter = {parameter_name(p.name): p.name for p in declared.parameters} if declared else {}
            wanted = by_parameter if takes_all else taken
            accepted = {by_parameter.get(parameter, parameter): parameter for parameter in wanted}
            _IMPLEMENTATIONS[name] = Implementation(call, accepted, frozenset(ignores), wants_context)
        return call

    return register


def parameter_name(argument: str) -> str:
    """The Python parameter of an Earth Engine argument: `bandSelectors` is `band_selectors`, `from` is `from_`."""
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: f"_{match[1].lower()}", argument)
    return f"{name}_" if keyword.iskeyword(name) else name


@lru_cache(maxsize=1)
def signatures() -> Mapping[str, Signature]:
    """The 985 signatures that the installed client was tested with, by name."""
    text = (files("ee") / "tests" / "algorithms.json").read_text("utf-8")
    found = {}
    for algorithm in json.loads(text)["algorithms"]:
        name = algorithm["name"].removeprefix("algorithms/")
        parameters = tuple(
            Parameter(raw["argumentName"], raw["type"], raw.get("optional", False), raw.get("defaultValue"))
            for raw in algorithm.get("arguments", [])
        )
        found[name] = Signature(name, parameters, algorithm.get("returnType", "Object"))
    return found


def implementations() -> Mapping[str, Implementation]:
    """What is implemented, by name."""
    return _IMPLEMENTATIONS


def call(context: Context, name: str, arguments: Mapping[str, Any]) -> Any:
    """Calls a server function with named, evaluated arguments.

    Raises:
        ApiError: INVALID_ARGUMENT where it does not exist, is not implemented, or the arguments do not fit.
    """
    signature = signatures().get(name)
    implementation = _IMPLEMENTATIONS.get(name)
    if signature is None:
        raise invalid(f"Function '{name}' does not exist: Earth Engine has no such server function.")
    if implementation is None:
        raise invalid(f"{name}: the sandbox does not implement this function of Earth Engine.")
    bound = _bind(signature, implementation, arguments)
    try:
        made = implementation.call(context, **bound) if implementation.wants_context else implementation.call(**bound)
        if signature.returns in descriptions.TYPES:
            descriptions.note(made, name, arguments)
        return made
    except ApiError as error:
        if error.status == "INVALID_ARGUMENT" and not re.match(r"[A-Za-z]\w*(\.\w+)?[:,] ", error.message):
            raise invalid(f"{name}: {error.message}") from error
        raise
    except Mismatch as error:
        raise invalid(f"{name}: a value has a type that the function cannot work with.") from error
    except (ShapelyError, ProjError, OverflowError, UnicodeError, np.linalg.LinAlgError, AxisError) as error:
        raise invalid(f"{name}: {error}") from error
    except RecursionError as error:
        raise invalid(f"{name}: the expression is nested too deeply.") from error


def _bind(signature: Signature, implementation: Implementation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    declared = {parameter.name for parameter in signature.parameters}
    for name in arguments:
        if name not in declared:
            raise invalid(
                f"{signature.name}: Unexpected argument '{name}'. The arguments are: "
                f"{', '.join(parameter.name for parameter in signature.parameters) or 'none'}."
            )
    bound = {}
    for parameter in signature.parameters:
        value = arguments.get(parameter.name)
        if value is None:
            if not parameter.optional and parameter.name not in arguments:
                raise invalid(f"{signature.name}: Parameter '{parameter.name}' is required and may not be null.")
            value = parameter.default
        if value is None and not parameter.optional:
            raise invalid(f"{signature.name}: Parameter '{parameter.name}' is required and may not be null.")
        target = implementation.accepted.get(parameter.name)
        if target is None:
            continue
        try:
            bound[target] = coerce(value, parameter.type)
        except Mismatch:
            raise invalid(
                f"{signature.name}, argument '{parameter.name}': Invalid type.\nExpected type: {parameter.type}.\n"
                f"Actual type: {type_name(value)}.{_shown(value)}"
            ) from None
    return bound


def _shown(value: Any) -> str:
    if isinstance(value, str | int | float | bool):
        return f"\nActual value: {str(value)[:200]}"
    return ""
