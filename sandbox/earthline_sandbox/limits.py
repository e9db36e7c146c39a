"""Limits of a service that the sandbox's own interface can change while it runs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from earthline_sandbox.errors import invalid


@dataclass
class AdjustableLimits:
    """Positive numbers by name; each service has a class with its own, which all of its parts share."""

    def change(self, values: Mapping[str, Any]) -> None:
        """Sets some of them.

        Raises:
            ApiError: INVALID_ARGUMENT, naming a limit that does not exist or a value that it cannot have; none is
                changed then.
        """
        known = type(self)().to_json()
        for name, value in values.items():
            if name not in known:
                raise invalid(f"Unknown limit '{name}'; the limits are {', '.join(known)}.")
            kinds, wanted = (int, "whole number") if isinstance(known[name], int) else (int | float, "number")
            if isinstance(value, bool) or not isinstance(value, kinds) or not value > 0:
                raise invalid(f"Limit '{name}' must be a positive {wanted}, not {value!r}.")
        for name, value in values.items():
            setattr(self, name, type(known[name])(value))

    def to_json(self) -> dict[str, Any]:
        """Every limit by name."""
        return asdict(self)
