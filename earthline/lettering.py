"""Text in pictures: any text of a user can be drawn, and none is read as a formula."""

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import matplotlib
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

_FAMILY = "DejaVu Sans"
"""Comes with matplotlib, so that it is there on every machine."""
_PLACEHOLDER = "Last Resort"
"""A font of boxes that stand for letters; matplotlib brings one along."""
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_SHAPED = ("R", "AL", "NSM")
"""Bidirectional classes (Unicode Annex 9) of letters that stand the other way or change beside each other."""


@contextmanager
def plain(*texts: str) -> Iterator[None]:
    """Draws text as it is: no mathematics between dollar signs, and other fonts for what the usual one lacks.

    Args:
        texts: Everything of a user's that is drawn.
    """
    families = [_FAMILY, *(family for family in map(_family_of, _missing("".join(texts))) if family)]
    settings = {"text.parse_math": False, "font.family": list(dict.fromkeys(families))}
    with matplotlib.rc_context(settings):
        yield


def labels(names: Sequence[str], width: int, word: str) -> list[str]:
    """Names as they can be drawn: wrapped, and a number where no font here has the letters.

    Args:
        names: In their order.
        width: Most letters of a line.
        word: What they name, such as `class`; stands before the number.
    """
    return [
        textwrap.fill(name, width) if _is_drawable(name) else f"{word} {place}"
        for place, name in enumerate(map(one_line, names))
    ]


def drawable(text: str) -> str:
    """A text in one line, with a mark in place of what no font here has."""
    return "".join(letter if _is_drawable(letter) else _UNKNOWN for letter in one_line(text))


def one_line(text: str) -> str:
    """A text without line breaks, tabs and other control characters."""
    return " ".join("".join(" " if unicodedata.category(each).startswith("C") else each for each in text).split())


def _is_drawable(text: str) -> bool:
    if any(unicodedata.bidirectional(letter) in _SHAPED for letter in text):
        return False
    return all(_family_of(letter) for letter in _missing(text))


def _missing(text: str) -> list[str]:
    """Letters that the usual font lacks."""
    return sorted({letter for letter in text if ord(letter) not in _letters(_usual()) and not letter.isspace()})


@cache
def _usual() -> str:
    return font_manager.findfont(_FAMILY)


@cache
def _letters(path: str) -> frozenset[int]:
    return frozenset(FT2Font(path).get_charmap())


@cache
def _family_of(letter: str) -> str:
    """An installed family that has a letter; empty where none has."""
    for entry in font_manager.fontManager.ttflist:
        if entry.name.startswith(_PLACEHOLDER):
            continue
        try:
            if ord(letter) in _letters(entry.fname):
                return str(entry.name)
        except (OSError, RuntimeError):  # fonts of coloured bitmaps, and what is no font at all
            continue
    return ""
