"""What a check found: a line for people, on a terminal or on a page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One check's outcome.

    Attributes:
        name: What was checked.
        passed: None where it was left out or cannot be known.
        detail: What was found.
        fix: Command or change that mends it.
    """

    name: str
    passed: bool | None
    detail: str
    fix: str = ""
