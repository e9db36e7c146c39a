"""The section `train.loss`: what training makes small, and its options.

A loss belongs to a task, which names its sections in `earthline.task.TASKS`. This module knows none of them.
"""

from collections.abc import Mapping
from functools import cache
from pkgutil import resolve_name
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, SerializeAsAny
from pydantic.json_schema import JsonSchemaValue

from earthline.config.section import Section
from earthline.config.sections.labels import installed

MOVED = ("label_smoothing", "class_weights")
"""Options that stood in `train` itself while there was one loss."""


class Loss(Section):
    """A loss and its options. Its `name` is a `Literal` of its own, which no other loss of any task has."""

    name: str = Field(description="Loss.")

    @property
    def further(self) -> tuple[str, ...]:
        """Names of what a model that learns by this loss gives for each pixel, after the entries of the labels."""
        return ()


@cache
def known() -> Mapping[str, tuple[type[Loss], ...]]:
    """The sections of each task, by its name; a task's default comes first."""
    return {task: tuple(resolve_name(place) for place in parts.losses) for task, parts in installed().items()}


def names(task: str) -> tuple[str, ...]:
    """Names of a task's losses.

    Args:
        task: Its name.
    """
    return tuple(_name(kind) for kind in known()[task])


def find(name: str) -> type[Loss]:
    """The section of a loss.

    Args:
        name: As in `train.loss.name`.

    Raises:
        ValueError: There is none of this name.
    """
    found = {_name(kind): kind for kinds in known().values() for kind in kinds}
    if name not in found:
        raise ValueError(f"name '{name}' is no loss; known here: {', '.join(sorted(found))}")
    return found[name]


def default(task: str) -> Loss:
    """The loss of a config that names none.

    Args:
        task: Its name.
    """
    return known()[task][0].model_validate({})


def moved(key: str, value: str) -> str:
    """What to write in place of an option that stood in `train` itself.

    Args:
        key: One of `MOVED`.
        value: As it was given.
    """
    name = next(_name(kind) for kinds in known().values() for kind in kinds if key in kind.model_fields)
    return (
        f"it is an option of the loss now: write `train.loss: {{name: {name}, {key}: {value}}}`, or "
        f"`--set 'train.loss={{name: {name}, {key}: {value}}}'` in place of `--set train.{key}={value}`"
    )


def _name(kind: type[Loss]) -> str:
    return str(kind.model_fields["name"].default)


def _read(value: Any) -> Any:
    """The section as the loss of its name understands it."""
    if isinstance(value, str):
        raise ValueError(f"'{value[:40]}' stands where a section is meant; write `loss: {{name: {value[:40]}}}`")
    if not isinstance(value, dict):
        return value
    if "name" not in value:
        every = [_name(kind) for kinds in known().values() for kind in kinds]
        raise ValueError(f"`name` is required but not given; known here: {', '.join(every)}")
    name = value["name"]
    return (find(name) if isinstance(name, str) else Loss).model_validate(value)


class _Schema:
    """The JSON schema of every loss of every task that is installed here."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(kind.__pydantic_core_schema__) for kinds in known().values() for kind in kinds]}


AnyLoss = Annotated[SerializeAsAny[Loss], BeforeValidator(_read), _Schema()]
"""The section of one loss, by its name."""
