"""Regular expressions that clients wrote, in the dialect that Earth Engine takes: RE2's.

https://developers.google.com/earth-engine/apidocs/ee-string-split splits by `[[:space:]]`, which Java's own expressions
would read otherwise; texts are split and replaced as RE2/J, RE2 for Java, does it. RE2 looks neither ahead nor behind
and has no references within an expression, so matching takes a time that grows with the text alone.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2

from earthline_sandbox.earthengine import computation
from earthline_sandbox.errors import invalid

_LONGEST = 1_000
# Steps that one match may take, some seconds: instructions of the compiled expression times characters.
_MOST_STEPS = 300_000_000
_REFERENCE = re.compile(r"\\(?P<escaped>.)|\$(?P<number>\d+)|\$\{(?P<name>\w+)\}", re.DOTALL)


class Pattern:
    """A compiled regular expression."""

    def __init__(self, text: str, flags: str, name: str) -> None:
        """Compiles.

        Args:
            text: The expression.
            flags: Of `g` and `i`; `g` is for the caller.
            name: Of the function, for messages.

        Raises:
            ApiError: INVALID_ARGUMENT: an unknown flag, too long, or no regular expression.
        """
        self._name = name
        for flag in flags:
            if flag not in "gi":
                raise invalid(f"{name}: Unknown flag '{flag}': must be of 'g' and 'i'.")
        if len(text) > _LONGEST:
            raise invalid(f"{name}: a regular expression may have at most {_LONGEST:,} characters.")
        try:
            self._compiled = _compiled(text, "i" not in flags)
        except (re2.error, RecursionError, UnicodeEncodeError) as error:
            reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else error
            raise invalid(f"{name}: Invalid regular expression '{text}': {reason}.") from error

    def fullmatch(self, text: str) -> bool:
        """Whether it matches all of a text."""
        self._check(text)
        return self._compiled.fullmatch(text) is not None

    def groups(self, text: str) -> list[str]:
        """The first match and its groups; empty where there is none."""
        self._check(text)
        found = self._compiled.search(text)
        return [] if found is None else [found[0], *(group or "" for group in found.groups())]

    def matches(self, text: str) -> list[str]:
        """Every match."""
        return [match[0] for match in self._found(text)]

    def split(self, text: str) -> list[str]:
        """What lies between the matches, without what groups hold and without empty texts at the end."""
        parts, place = [], 0
        for match in self._found(text):
            start, end = match.span()
            if end > 0:
                parts.append(text[place:start])
                place = end
        parts.append(text[place:])
        while len(parts) > 1 and not parts[-1]:
            parts.pop()
        return parts

    def replaced(self, text: str, replacement: str, *, every: bool) -> str:
        """Another text for the first match or for every one.

        Args:
            text: Where to look.
            replacement: `$1` is the first group, `${name}` the one of that name, and a backslash quotes what follows.
            every: Whether every match is replaced.
        """
        pieces, place, length = [], 0, len(text)
        for match in self._found(text):
            piece = self._expanded(replacement, match)
            length += len(piece)
            computation.expect(length)
            pieces += [text[place : match.start()], piece]
            place = match.end()
            if not every:
                break
        return "".join([*pieces, text[place:]])

    def _expanded(self, replacement: str, match: Any) -> str:
        pieces, place = [], 0
        while (found := _REFERENCE.search(replacement, place)) is not None:
            pieces.append(replacement[place : found.start()])
            place = found.end()
            if found["escaped"]:
                pieces.append(found["escaped"])
                continue
            group: str | int = found["name"] or ""
            if found["number"]:
                # As many digits as name a group; those that follow stand for themselves.
                digits = found["number"]
                while len(digits) > 1 and int(digits) > self._compiled.groups:
                    digits = digits[:-1]
                group, place = int(digits), found.start() + 1 + len(digits)
            try:
                pieces.append(match.group(group) or "")
            except (IndexError, KeyError) as error:
                raise invalid(
                    f"{self._name}: Invalid replacement '{replacement}': there is no group {group}."
                ) from error
        return "".join([*pieces, replacement[place:]])

    def _check(self, text: str) -> None:
        """Refuses what could take long: one match cannot be interrupted, though other threads go on meanwhile."""
        if self._compiled.programsize * len(text) > _MOST_STEPS:
            raise invalid(
                f"{self._name}: the text of {len(text):,} characters is too long for this regular expression."
            )

    def _found(self, text: str) -> Iterator[Any]:
        self._check(text)
        for match in self._compiled.finditer(text):
            computation.check()
            yield match


@lru_cache(maxsize=256)
def _compiled(text: str, case_sensitive: bool) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = case_sensitive
    return re2.compile(text, options)
