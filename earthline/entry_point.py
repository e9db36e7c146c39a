"""The entry into a step: its log begins, and the config's sections become the models that its annotations name."""

import functools
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from earthline import logs, versions
from earthline.config.section import Section

Result = TypeVar("Result")
Kind = TypeVar("Kind", bound=Section)

_REMEDY = (
    "The command that submitted this run and the image that runs this step are of different versions: build the image "
    "anew from the version of the command (make image), push it, name it in environment.image, and run again"
)


def entry_point(run: Callable[..., Result]) -> Callable[..., Result]:
    """Lets a step's `run` be called with what KFP has: sections as JSON.

    A section is read here, once per process, and travels as its frozen model from here on.

    Args:
        run: Takes keywords. Where one is annotated as a section of the config, JSON is read as that section; anything
            else is handed on as it is.
    """
    sections = {
        name: kind
        for name, kind in typing.get_type_hints(run).items()
        if isinstance(kind, type) and issubclass(kind, Section)
    }

    @functools.wraps(run)
    def enter(**arguments: Any) -> Result:
        logs.begin()
        read = {
            name: section(kind, name, arguments[name])
            for name, kind in sections.items()
            if isinstance(arguments.get(name), str)
        }
        return run(**arguments | read)

    return enter


def section(kind: type[Kind], name: str, content: str) -> Kind:
    """A section of the config as it comes to a step.

    Args:
        kind: Its model.
        name: Its key in the config.
        content: JSON.

    Raises:
        OtherVersionError: The command that wrote it is of another version.
    """
    return versions.read(kind, content, f"the section `{name}` of the config", _REMEDY)
