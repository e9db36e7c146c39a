"""Checks of the options of classifiers and clusterers; each raises ApiError, INVALID_ARGUMENT, and names the option."""

from collections.abc import Sequence

from earthline_sandbox.errors import invalid


def at_least(name: str, value: float | None, least: float) -> None:
    """Refuses what is less; None is an option that was not given."""
    if value is not None and not value >= least:
        raise invalid(f"'{name}' must be at least {least}, got {value}.")


def share(name: str, value: float) -> None:
    """Refuses what is no share of a whole, or none of it."""
    if not 0 < value <= 1:
        raise invalid(f"'{name}' must be above 0 and at most 1, got {value}.")


def one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    """Refuses any other word."""
    if value not in allowed:
        raise invalid(f"'{name}' must be one of {', '.join(allowed)}, got '{value}'.")
