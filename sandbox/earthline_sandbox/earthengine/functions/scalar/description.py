"""What a value is, in words that a client can print."""

from typing import Any

from earthline_sandbox.earthengine.language.coerce import type_name
from earthline_sandbox.earthengine.language.registry import Context, function
from earthline_sandbox.earthengine.language.results import to_json
from earthline_sandbox.errors import ApiError


@function("Describe")
def describe(context: Context, input: Any) -> Any:
    """The value as JSON; of what has none, its type."""
    try:
        return to_json(input, context.limits)
    except ApiError:
        return {"type": type_name(input)}
