"""The two spellings of a field's name: Google's JSON takes `missing_data` for `missingData`.

Parsers accept both the name in lowerCamelCase and the original one
(https://protobuf.dev/programming-guides/json/#field-names). Earth Engine's guides write manifests in snake case.
"""

from collections.abc import Mapping
from typing import Any

_FREE = "properties"
"""Field whose keys are the user's own."""


def in_camel_case(message: Any) -> Any:
    """A message with every field's name in lowerCamelCase.

    Args:
        message: JSON values.
    """
    if isinstance(message, list):
        return [in_camel_case(each) for each in message]
    if not isinstance(message, Mapping):
        return message
    return {_camel(key): value if key == _FREE else in_camel_case(value) for key, value in message.items()}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each[:1].upper() + each[1:] for each in others)
