"""Regular expressions that clients wrote: matched within a time, since some would take longer than anyone lives.

Python's own matcher would hold every thread of the process meanwhile.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import regex

from sandbox.earthengine import computation
from sandbox.earthengine.computation import TIME
from sandbox.errors import ApiError, invalid

R = TypeVar("R")

_SECONDS = 5.0
_LONGEST = 1_000
_FLAGS = {"g": 0, "i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL, "": 0}


class Pattern:
    """A compiled regular expression; its methods raise ApiError where matching takes too long."""

    def __init__(self, text: str, flags: str, name: str) -> None:
        """Compiles.

        Args:
            text: The expression.
            flags: Of `g`, `i`, `m` and `s`; `g` is for the caller.
            name: Of the function, for messages.

        Raises:
            ApiError: INVALID_ARGUMENT: an unknown flag, too long, or no regular expression.
        """
        self._name = name
        options = 0
        for flag in flags:
            if flag not in _FLAGS:
                raise invalid(f"{name}: Unknown flag '{flag}': must be of 'g', 'i', 'm', 's'.")
            options |= _FLAGS[flag]
        if len(text) > _LONGEST:
            raise invalid(f"{name}: a regular expression may have at most {_LONGEST:,} characters.")
        try:
            self._compiled = _compiled(text, options)
        except (regex.error, RecursionError, OverflowError) as error:
            raise invalid(f"{name}: Invalid regular expression '{text}': {error}.") from error

    def fullmatch(self, text: str) -> bool:
        """Whether it matches all of a text."""
        return self._timed(lambda: self._compiled.fullmatch(text, timeout=_SECONDS, concurrent=True)) is not None

    def groups(self, text: str) -> list[str]:
        """The first match and its groups; empty where there is none."""
        found = self._timed(lambda: self._compiled.search(text, timeout=_SECONDS, concurrent=True))
        return [] if found is None else [found[0], *(group or "" for group in found.groups())]

    def matches(self, text: str) -> list[str]:
        """Every match."""
        found = self._timed(lambda: [*self._compiled.finditer(text, timeout=_SECONDS, concurrent=True)])
        return [match[0] for match in found]

    def split(self, text: str) -> list[str]:
        """What lies between the matches."""
        return self._timed(lambda: [*self._compiled.split(text, timeout=_SECONDS, concurrent=True)])

    def replaced(self, text: str, replacement: str, *, every: bool) -> str:
        """Another text for the first match or for every one; `$1` is the first group."""
        template = re.sub(r"\$(\d)", r"\\\1", replacement.replace("\\", "\\\\"))
        if every:
            # A group may be as long as the text: what each match becomes is bounded by both.
            count = len(self.matches(text))
            computation.expect(count * len(template) + (count * len(text) if "$" in replacement else len(text)))
        options = {"count": 0 if every else 1, "timeout": _SECONDS, "concurrent": True}
        try:
            return self._timed(lambda: str(self._compiled.sub(template, text, **options)))
        except (regex.error, IndexError) as error:
            raise invalid(f"{self._name}: Invalid replacement '{replacement}': {error}.") from error

    def _timed(self, work: Callable[[], R]) -> R:
        try:
            return work()
        except TimeoutError as error:
            if (running := computation.current()) is not None:
                running.stop(TIME)
                running.check()
            raise ApiError(*TIME) from error


@lru_cache(maxsize=256)
def _compiled(text: str, options: int) -> Any:
    return regex.compile(text, options)
