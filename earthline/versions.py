"""What another process wrote, maybe by another version of Earthline: the image of a step, or of an endpoint.

The command checks a config before it submits it, and tests check every file that a step writes. So what cannot be read
where it arrives was mostly written by another version.
"""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

import earthline

Model = TypeVar("Model", bound=BaseModel)

_MOST = 4
"""Keys that are named."""


class OtherVersionError(ValueError):
    """It cannot be read here; the text names it, the keys, and what to do."""


def read(kind: type[Model], content: str, name: str, remedy: str) -> Model:
    """Reads JSON that another process wrote.

    Args:
        kind: What it is.
        content: The JSON.
        name: What it is called, for the message.
        remedy: What brings both to one version, a sentence without its end.

    Raises:
        OtherVersionError: It is no such thing here.
    """
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise OtherVersionError(f"{name} cannot be read: {_told(error)}. {remedy}") from error


def _told(error: ValidationError) -> str:
    keys = {"extra_forbidden": [], "missing": []}  # type: dict[str, list[str]]
    others = []
    for each in error.errors(include_url=False, include_context=False):
        key = ".".join(str(part) for part in each["loc"])
        if each["type"] in keys:
            keys[each["type"]].append(f"'{key}'")
        else:
            others.append(f"{key}: {each['msg']}" if key else str(each["msg"]))
    told = [
        f"{', '.join(found[:_MOST])}{f' and {len(found) - _MOST} more' if len(found) > _MOST else ''} {what}"
        for found, what in ((keys["extra_forbidden"], "unknown here"), (keys["missing"], "missing"))
        if found
    ]
    told += others[:_MOST]
    return f"{'; '.join(told)} (this is Earthline {earthline.__version__})"
