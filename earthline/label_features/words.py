"""What people write as a label: one rule for files, for points from the field and for drafts."""

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

Meant = TypeVar("Meant")
_CLOSE = 0.8
"""Likeness, 0 to 1, from which a word is offered as what somebody may have meant."""


class Words(Generic[Meant]):
    """What labels mean, as written; else without what nobody means by it: capital letters and blanks.

    Where two meanings are told apart by nothing else, both have to be written as they are known.
    """

    def __init__(self, known: Mapping[Any, Meant]) -> None:
        """Learns.

        Args:
            known: Meanings by label, texts or numbers.
        """
        self._written = {written(label): meant for label, meant in known.items()}
        loosely: dict[str, set[Meant]] = {}
        for label, meant in self._written.items():
            loosely.setdefault(plain(label), set()).add(meant)
        self._loosely = {label: found.pop() for label, found in loosely.items() if len(found) == 1}

    def __contains__(self, label: Any) -> bool:
        """Whether a label means anything."""
        return written(label) in self._written or plain(label) in self._loosely

    def __getitem__(self, label: Any) -> Meant:
        """What a label means.

        Args:
            label: Text or number.

        Raises:
            KeyError: Nothing, or more than one thing.
        """
        exact = written(label)
        return self._written[exact] if exact in self._written else self._loosely[plain(label)]


def written(label: Any) -> str:
    """A label as it stands there, equal for 7, 7.0 and "7": a shapefile keeps a class as it likes.

    Args:
        label: Text or number.
    """
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    # Of an accented letter some programs write one sign and some two, which look the same.
    return unicodedata.normalize("NFC", str(label))


def plain(label: Any) -> str:
    """The same without what nobody means by it: capital letters, blanks at the ends, more than one between words.

    Args:
        label: Text or number.
    """
    return " ".join(written(label).split()).casefold()


def bare(label: Any) -> str:
    """The same without accents as well: what is left alike may be a slip, or two words.

    Args:
        label: Text or number.
    """
    parts = unicodedata.normalize("NFKD", plain(label))
    return "".join(part for part in parts if not unicodedata.combining(part))


def near(label: Any, known: Iterable[str]) -> str | None:
    """The word that somebody may have meant; None where none is written nearly alike.

    Args:
        label: What was written.
        known: Words that mean something.
    """
    if not isinstance(label, str):
        return None
    folded = {plain(word): word for word in known}
    close = difflib.get_close_matches(plain(label), list(folded), n=1, cutoff=_CLOSE)
    return folded[close[0]] if close else None


def is_number(label: str) -> bool:
    """Whether a text reads as a number, with a point or a comma: such a name may be a value of another class.

    Args:
        label: The text.
    """
    try:
        float(label.replace(",", "."))
    except ValueError:
        return label.isnumeric()
    return True
