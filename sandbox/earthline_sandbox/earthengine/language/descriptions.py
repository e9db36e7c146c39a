"""What kernels, reducers, filters, joins, classifiers and clusterers show of themselves: the call that made them."""

from collections.abc import Mapping
from typing import Any

#: Return types of the functions whose results have no other form.
TYPES = frozenset({"Classifier", "Clusterer", "Filter", "Join", "Kernel", "Reducer"})
_PLAIN = (bool, int, float, str)


def note(value: Any, name: str, arguments: Mapping[str, Any]) -> None:
    """Keeps with a value the function that made it and its arguments, but those that hold data."""
    kept = {key: item for key, item in arguments.items() if _shown(item)}
    # They are frozen, and this is no part of what they are.
    object.__setattr__(value, "_made_by", (name, kept))


def described(value: Any) -> dict[str, Any] | None:
    """The type that `getInfo` shows, which is the function's name, and the arguments; None where nothing is known."""
    made = getattr(value, "_made_by", None)
    return None if made is None else {"type": made[0], **made[1]}


def _shown(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_shown(item) for item in value)
    return isinstance(value, _PLAIN) or hasattr(value, "_made_by")
