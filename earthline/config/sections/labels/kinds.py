"""Which labels a section means: of which task its keys say, and from which kind of source.

This module knows no task. It finds them by the entry points of the group `earthline.tasks`, each a mapping from names
to `Parts`; Earthline's own is `earthline.task:TASKS`. Each task has one key that no other has.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, GetJsonSchemaHandler, SerializeAsAny, ValidationInfo
from pydantic.json_schema import JsonSchemaValue

from earthline.config.sections.labels.section import Labels

GROUP = "earthline.tasks"


class Parts(NamedTuple):
    """Where a task is, each as `module:class`.

    Attributes:
        labels: Its sections, each below `Labels`, one for each kind of source: a raster, or points and polygons. They
            are read with every config, so that their modules must be light.
        task: Its class below `earthline.task.Task`.
        losses: Its sections for `train.loss`, the default first, each below
            `earthline.config.sections.train.loss.Loss`; likewise light.
    """

    labels: tuple[str, ...]
    task: str
    losses: tuple[str, ...]


@cache
def installed() -> Mapping[str, Parts]:
    """Every task that is installed here, by its name.

    Raises:
        RuntimeError: None is installed.
    """
    found = {
        name: parts
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.value, entry.name))
        for name, parts in entry.load().items()
    }
    if not found:
        raise RuntimeError("no task is installed (entry points of earthline.tasks): install Earthline again")
    return found


@cache
def known() -> tuple[tuple[type[Labels], ...], ...]:
    """The sections of each task that is installed here; the first task is meant where no key tells."""
    return tuple(tuple(resolve_name(place) for place in parts.labels) for parts in installed().values())


def meant(content: Any) -> type[Labels]:
    """The section that the keys of a content mean.

    Args:
        content: Of `data.labels`, right or wrong.

    Raises:
        ValueError: It has the keys of several tasks.
    """
    keys = set(content) if isinstance(content, Mapping) else set()
    given = [kinds for kinds in known() if kinds[0].KEY in keys]
    if len(given) > 1:
        named = " and ".join(f"`{kinds[0].KEY}`" for kinds in given)
        raise ValueError(f"give one of {named}: each means another kind of map")
    kinds = given[0] if given else known()[0]
    told = [kind for kind in kinds if keys & _own(kind, kinds)]
    return told[0] if len(told) == 1 else kinds[0]


def _own(kind: type[Labels], kinds: tuple[type[Labels], ...]) -> set[str]:
    """Keys of a section that no other one of its task has."""
    return set(kind.model_fields).difference(*(other.model_fields for other in kinds if other is not kind))


def _read(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, Labels):
        return value
    return meant(value).model_validate(value, context=info.context)


class _Schema:
    """The JSON schema of all of them."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(kind.__pydantic_core_schema__) for kinds in known() for kind in kinds]}


AnyLabels = Annotated[SerializeAsAny[Labels], BeforeValidator(_read), _Schema()]
"""Labels of any task, from a raster, or from points and polygons."""
