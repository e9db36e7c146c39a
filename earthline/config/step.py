"""What a step says of itself, and the config's section `steps` that is made of it.

A step is a folder of the package `components`. Its `__init__.py` declares `STEP`; the first line of its docstring
describes it in the config's schema. No list of steps exists anywhere: the folders are found by the entry points of the
group `earthline.steps`, each a package whose sub-packages are steps. Nothing here imports a step's code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, SerializeAsAny, create_model
from pydantic.json_schema import JsonSchemaValue

from earthline.config.machines import Machine
from earthline.config.machines import Step as Retried
from earthline.config.section import Section

GROUP = "earthline.steps"


@dataclass(frozen=True)
class Output:
    """An output of a step that is worth having at hand when a run has ended.

    Attributes:
        artifact: Name of the step's output.
        file: Name of the copy of an artifact that is one file; empty for a folder, whose files keep their names.
        only: The one file of a folder that is copied; empty for all of them.
        shown: What the copies are, by file name; others are copied and not told of.
    """

    artifact: str
    file: str = ""
    only: str = ""
    shown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """What a step says of itself.

    Attributes:
        machine: What the config may say of its machine; None where it has none of its own there.
        cached: Whether its result may be taken from the cache; not so for what has effects outside its own outputs.
        outputs: What is copied from a run's bucket to this machine.
    """

    machine: type[Machine] | None = Retried
    cached: bool = True
    outputs: tuple[Output, ...] = ()


@cache
def places() -> Mapping[str, str]:
    """The steps' packages, such as components.export_examples, by the steps' names."""
    packages = [entry.load() for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.value)]
    return {
        module.name: f"{package.__name__}.{module.name}"
        for package in packages
        for module in iter_modules(package.__path__)
        if module.ispkg
    }


@cache
def declared() -> Mapping[str, Step]:
    """Every step that is installed here, by its name.

    Raises:
        TypeError: A folder among the steps declares none.
    """
    return {name: _declaration(place) for name, place in places().items()}


class Steps(Section):
    """Machine and tries of each step. The machine of the training is in `train`, as it is a job of its own."""

    def of(self, name: str) -> Machine:
        """The machine of a step.

        Args:
            name: Of the step, such as export_examples.
        """
        found = getattr(self, name, None)
        return found if isinstance(found, Machine) else Machine()


@cache
def steps_section() -> type[Steps]:
    """The section with a key for each step that has a machine of its own."""
    fields: dict[str, Any] = {
        name: (step.machine, Field(default_factory=step.machine, description=_description(places()[name])))
        for name, step in declared().items()
        if step.machine is not None
    }
    return create_model("Steps", __base__=Steps, __doc__=Steps.__doc__, **fields)


def default() -> Steps:
    """The section of a config that says nothing of it."""
    return steps_section().model_validate({})


class _Schema:
    """The JSON schema of the section as it is here."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(steps_section().__pydantic_core_schema__)


def _read(value: Any) -> Any:
    return value if isinstance(value, Steps) else steps_section().model_validate(value)


AnySteps = Annotated[SerializeAsAny[Steps], BeforeValidator(_read), _Schema()]


def _declaration(place: str) -> Step:
    found = getattr(import_module(place), "STEP", None)
    if not isinstance(found, Step):
        raise TypeError(f"{place}/__init__.py declares no step: write STEP = earthline.config.step.Step(...) there")
    return found


def _description(place: str) -> str:
    return (import_module(place).__doc__ or "").strip().partition("\n")[0]
