"""What people write into the cells of a table: numbers with a point or a comma, and degrees, minutes and seconds."""

import re
from collections.abc import Sequence
from typing import Any

_CODE = re.compile(r"\s*[-+]?0[0-9]")
"""A code such as 007, of which a number would lose its zeros."""
_WITH_COMMA = re.compile(r"\s*[-+]?\d+(,\d+)?\s*")
_THOUSANDS = re.compile(r"\s*[-+]?[1-9]\d{0,2}(,\d{3})*\s*")
"""May be 692 thousand as well as 692 and some thousandths."""
_NUMBER = r"\d+(?:[.,]\d+)?"
_PRIME = r"['\u2032\u2019\u00b4]"
_ANGLE = re.compile(
    rf"""\s* (?P<sign>[-+\u2212]?) \s* (?P<before>[NSEW]?) \s* (?P<degrees>{_NUMBER}) \s* (?P<mark>[°º˚]?)
    (?: \s* (?P<minutes>{_NUMBER}) \s* {_PRIME} (?: \s* (?P<seconds>{_NUMBER}) \s* (?:["″”]|{_PRIME}{{2}}) )? )?
    \s* (?P<after>[NSEW]?) \s*""",
    re.VERBOSE | re.IGNORECASE,
)


def numbers_or_texts(cells: Sequence[str | None]) -> list[Any]:
    """The numbers of a column, where every cell is one or empty; else its texts. None for an empty cell.

    A comma is a decimal comma where the column can be read in no other way: in `692,340` it may part thousands.

    Args:
        cells: Texts of a column.
    """
    held = [None if cell is None or not cell.strip() else cell for cell in cells]
    written = [cell for cell in held if cell is not None]
    if any(_CODE.match(cell) for cell in written):
        return held
    commas = any("," in cell for cell in written) and all(_WITH_COMMA.fullmatch(cell) for cell in written)
    decimal = commas and not all(_THOUSANDS.fullmatch(cell) for cell in written)
    try:
        return [None if cell is None else float(cell.replace(",", ".") if decimal else cell) for cell in held]
    except ValueError:
        return held


def degrees(text: str) -> float | None:
    """The angle in degrees of a text such as `2°24'34.5"S`, `S 2° 24.575'` or `2.4096 S`; None where it is none.

    Args:
        text: A longitude or a latitude.
    """
    found = _ANGLE.fullmatch(text)
    if found is None or not (found["mark"] or found["before"] or found["after"]):
        return None
    whole, minutes, seconds = (
        float((found[part] or "0").replace(",", ".")) for part in ("degrees", "minutes", "seconds")
    )
    sign, side = found["sign"], (found["before"] + found["after"]).upper()
    if len(side) > 1 or (sign and side) or minutes >= 60 or seconds >= 60:
        return None
    value = whole + minutes / 60 + seconds / 3600
    return -value if sign in ("-", "\u2212") or side in ("S", "W") else value
