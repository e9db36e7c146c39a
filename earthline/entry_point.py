"""The entry into a step: its log begins, and the config's sections become the models that its annotations name."""

import functools
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from earthline import logs
from earthline.config.section import Section

Result = TypeVar("Result")


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
            name: kind.model_validate_json(arguments[name])
            for name, kind in sections.items()
            if isinstance(arguments.get(name), str)
        }
        return run(**arguments | read)

    return enter
