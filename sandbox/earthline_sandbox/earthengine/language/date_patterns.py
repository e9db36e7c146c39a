"""Joda-Time's patterns, such as `yyyy-MM-dd'T'HH:mm:ss`: dates written by them, and read by them.

Letters and rules: https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html, which Earth Engine's
`Date.format` and `Date.parse` name as theirs.
"""

import calendar
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from earthline_sandbox.earthengine.language.time_zones import name_of, placed, zone_of
from earthline_sandbox.errors import invalid

_PIECE = re.compile(r"''|'(?P<text>(?:[^']|'')+)'|(?P<letters>(?P<letter>[A-Za-z])(?P=letter)*)|[^A-Za-z']")
_LETTERS = frozenset("GCYxweEyDMdaKhHkmsSzZ")
# Fields that are read as text from so many letters on.
_TEXT = {"M": 3, "E": 1, "a": 1, "G": 1, "z": 1, "Z": 1}
_MOST_DIGITS = {"D": 3, "e": 1}
_MOST_WIDTH = 1_000
_YEARS = frozenset("yYx")
_FIRST_DAY = date(1970, 1, 1)
# Joda reads a year of two digits as the one that is at most 80 years ago and at most 19 ahead.
_YEARS_AGO = 80
_DEFAULT_YEAR = 2000
_ZONES = {"UT": 0, "UTC": 0, "GMT": 0} | {
    f"{letter}{kind}T": hours + (kind == "D")
    for letter, hours in {"E": -5, "C": -6, "M": -7, "P": -8}.items()
    for kind in "SD"
}


@dataclass(frozen=True)
class _Piece:
    """A run of one letter, or text that stands for itself.

    Attributes:
        letter: The field; empty for text.
        width: Letters of the run.
        text: What stands for itself.
    """

    letter: str
    width: int
    text: str = ""

    @property
    def numeric(self) -> bool:
        """Whether it is written in digits."""
        return bool(self.letter) and self.width < _TEXT.get(self.letter, math.inf)


def _pieces(pattern: str, name: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    place = 0
    while place < len(pattern):
        found = _PIECE.match(pattern, place)
        if found is None:
            raise invalid(f"{name}: the pattern '{pattern[:100]}' has a quotation mark that nothing closes.")
        place = found.end()
        if found["letter"] is None:
            text = found["text"].replace("''", "'") if found["text"] else "'" if found[0] == "''" else found[0]
            pieces.append(_Piece("", 0, text))
        elif found["letter"] in _LETTERS:
            pieces.append(_Piece(found["letter"], len(found["letters"])))
        else:
            raise invalid(f"{name}: Illegal pattern component: {found['letters'][:50]}")
    return pieces


def written(moment: datetime, pattern: str, name: str) -> str:
    """A moment as text, in its own time zone.

    Args:
        moment: With a time zone.
        pattern: Joda-Time's.
        name: Of the function, for messages.

    Raises:
        ApiError: INVALID_ARGUMENT: the pattern has a letter that means nothing.
    """
    return "".join(piece.text or _field(moment, piece, name) for piece in _pieces(pattern, name))


def _field(moment: datetime, piece: _Piece, name: str) -> str:
    letter, width = piece.letter, piece.width
    if letter == "M" and width > 2:
        return (calendar.month_abbr if width == 3 else calendar.month_name)[moment.month]
    if letter == "E":
        return (calendar.day_abbr if width < 4 else calendar.day_name)[moment.weekday()]
    if letter == "S":
        return f"{moment.microsecond // 1000:03d}".ljust(width, "0")[:width]
    if letter in "GaZz":
        return _words(moment, letter, width, name)
    if letter in _YEARS and width == 2:
        return f"{_NUMBERS[letter](moment) % 100:02d}"
    return f"{_NUMBERS[letter](moment):0{width}d}"


_NUMBERS: dict[str, Callable[[datetime], int]] = {
    "C": lambda moment: moment.year // 100,
    "y": lambda moment: moment.year,
    "Y": lambda moment: moment.year,
    "x": lambda moment: moment.isocalendar().year,
    "w": lambda moment: moment.isocalendar().week,
    "e": lambda moment: moment.isoweekday(),
    "D": lambda moment: moment.timetuple().tm_yday,
    "M": lambda moment: moment.month,
    "d": lambda moment: moment.day,
    "H": lambda moment: moment.hour,
    "k": lambda moment: moment.hour or 24,
    "K": lambda moment: moment.hour % 12,
    "h": lambda moment: moment.hour % 12 or 12,
    "m": lambda moment: moment.minute,
    "s": lambda moment: moment.second,
}


def _words(moment: datetime, letter: str, width: int, name: str) -> str:
    if letter == "G":
        return "AD"
    if letter == "a":
        return "PM" if moment.hour >= 12 else "AM"
    zone = moment.tzinfo or UTC
    if letter == "z":
        if width < 4:
            return moment.tzname() or name_of(zone)
        if moment.tzname() == "UTC":
            return "Coordinated Universal Time"
        raise invalid(
            f"{name}: the sandbox knows no long names of time zones but that of UTC; 'z' and 'ZZZ' are short."
        )
    if width > 2:
        return name_of(zone)
    offset = moment.strftime("%z")[:5]
    return offset if width == 1 else f"{offset[:3]}:{offset[3:]}"


def read(text: str, pattern: str, zone: tzinfo, name: str) -> datetime:
    """The moment that a text names.

    Args:
        text: Such as `2017-6-24`.
        pattern: Joda-Time's.
        zone: Where its clock is, unless the text says so itself.
        name: Of the function, for messages.

    Raises:
        ApiError: INVALID_ARGUMENT: the pattern has a letter that means nothing.
        ValueError: The text does not follow the pattern, or there is no such date.
    """
    pieces = _pieces(pattern, name)
    fields: dict[str, int] = {}
    place = 0
    for index, piece in enumerate(pieces):
        following = pieces[index + 1] if index + 1 < len(pieces) else None
        found = _expression(piece, following).match(text, place)
        if found is None:
            raise ValueError(f"it does not go on as the pattern says at '{text[place : place + 50]}'")
        place = found.end()
        if piece.letter == "Z" or piece.letter == "z":
            zone = _zone(found[0])
        elif piece.letter:
            fields[piece.letter] = _value(piece, found[0], following)
    if place < len(text):
        raise ValueError(f"it goes on with '{text[place : place + 50]}' where the pattern ends")
    return placed(datetime.combine(_day(fields), _clock(fields)), zone)


def _expression(piece: _Piece, following: _Piece | None) -> re.Pattern[str]:
    """What may stand for a piece; digits that follow at once take none of its own."""
    letter, width = piece.letter, piece.width
    if not letter:
        return re.compile(re.escape(piece.text), re.IGNORECASE)
    if letter == "z":
        return re.compile("|".join(sorted(_ZONES, key=len, reverse=True)))
    if letter == "Z":
        return re.compile(r"Z|[+-]\d{2}:?\d{2}" if width < 3 else r"[A-Za-z0-9_/+:-]+", re.ASCII)
    if not piece.numeric:
        return re.compile("|".join(re.escape(word) for word in _WORDS[letter] if word), re.IGNORECASE)
    if letter in _YEARS:
        most = min(width, 9) if following is not None and following.numeric else 9
        return re.compile(rf"[+-]?\d{{1,{most}}}", re.ASCII)
    most = min(width, _MOST_WIDTH) if letter in "SC" else _MOST_DIGITS.get(letter, 2)
    return re.compile(rf"\d{{1,{most}}}", re.ASCII)


# Long names first: "Jun" is the beginning of "June".
_WORDS: dict[str, Sequence[str]] = {
    "M": [*calendar.month_name, *calendar.month_abbr],
    "E": [*calendar.day_name, *calendar.day_abbr],
    "a": ["AM", "PM"],
    "G": ["AD", "CE"],
}


def _value(piece: _Piece, found: str, following: _Piece | None) -> int:
    letter = piece.letter
    if letter in ("M", "E") and not piece.numeric:
        names = (calendar.month_name, calendar.month_abbr) if letter == "M" else (calendar.day_name, calendar.day_abbr)
        return next(index for words in names for index, word in enumerate(words) if word.lower() == found.lower()) + (
            letter == "E"
        )
    if letter == "a":
        return int(found.upper() == "PM")
    if letter == "G":
        return 1
    if letter == "S":
        return int(found.ljust(6, "0")[:6])
    if letter in _YEARS and piece.width == 2 and len(found) == 2 and found.isdigit():
        least = datetime.now(UTC).year - _YEARS_AGO
        return least + (int(found) - least) % 100
    return int(found)


def _zone(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    hours = _ZONES.get(text)
    return zone_of(text) if hours is None else zone_of(f"{'-' if hours < 0 else '+'}{abs(hours):02d}:00")


def _day(fields: dict[str, int]) -> date:
    """The day of all fields, of greater units first, as Joda-Time sets them."""
    year = fields.get("y", fields.get("Y"))
    if year is None and "C" in fields:
        year = 100 * fields["C"]
    if year is None and not fields.keys() & {"x", "w"} and fields.keys() & {"M", "D", "d"}:
        year = _DEFAULT_YEAR
    day = _FIRST_DAY if year is None else date(year, 1, 1)
    if fields.keys() & {"x", "w"}:
        day = date.fromisocalendar(fields.get("x", day.year), fields.get("w", 1), 1)
    if "M" in fields:
        day = day.replace(month=fields["M"])
    if "D" in fields:
        first = day.replace(month=1, day=1)
        day = first + timedelta(days=fields["D"] - 1)
        if day.year != first.year:
            raise ValueError(f"{first.year} has no day {fields['D']}")
    if "d" in fields:
        day = day.replace(day=fields["d"])
    weekday = fields.get("e", fields.get("E"))
    return day if weekday is None else day + timedelta(days=weekday - day.isoweekday())


def _clock(fields: dict[str, int]) -> time:
    hour = fields.get("H", 0)
    for letter, least, most in (("k", 1, 24), ("h", 1, 12), ("K", 0, 11)):
        if letter in fields:
            if not least <= fields[letter] <= most:
                raise ValueError(f"'{letter}' must be between {least} and {most}")
            hour = fields[letter] % (24 if letter == "k" else 12)
    if fields.get("a") and hour < 12:
        hour += 12
    return time(hour, fields.get("m", 0), fields.get("s", 0), fields.get("S", 0))
