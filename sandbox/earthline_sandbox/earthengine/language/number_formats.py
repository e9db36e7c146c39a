"""Numbers as text by the patterns of Java's `Formatter`, which are much like those of printf.

https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/Formatter.html; halves are rounded up, from the
shortest decimal that tells a number from all others.
"""

import math
import re
from decimal import ROUND_HALF_UP, Context, Decimal

from earthline_sandbox.earthengine import computation
from earthline_sandbox.errors import invalid

_SPECIFIER = re.compile(
    r"%(?P<flags>[-+ 0,(#]*)(?P<width>\d{0,3})(?:\.(?P<precision>\d{1,2}))?(?P<kind>[dfeEgGxXos%n])"
)
_PRECISION = 6
_LONG = 2**64


def formatted(number: float, pattern: str, name: str) -> str:
    """A number by a pattern such as `%,.2f`.

    Args:
        number: Whole or not.
        pattern: Text with specifiers; each of them gets the number.
        name: Of the function, for messages.

    Raises:
        ApiError: INVALID_ARGUMENT: a specifier that is none, or does not fit the number.
    """
    pieces, place, length = [], 0, len(pattern)
    for found in _SPECIFIER.finditer(pattern):
        piece = _specified(number, found, name)
        length += len(piece)
        computation.expect(length)
        pieces += [_literal(pattern[place : found.start()], name), piece]
        place = found.end()
    return "".join([*pieces, _literal(pattern[place:], name)])


def _literal(text: str, name: str) -> str:
    if "%" in text:
        raise invalid(f"{name}: Unknown format '{text[:50]}'.")
    return text


def _specified(number: float, found: re.Match[str], name: str) -> str:
    flags, kind, width = found["flags"], found["kind"], int(found["width"] or 0)
    if kind in "%n":
        return "%" if kind == "%" else "\n"
    if kind == "s":
        return _filled(_shown(number), "", width, flags.replace("0", ""))
    if kind in "dxXo" and (not math.isfinite(number) or found["precision"]):
        raise invalid(f"{name}: the format '{found[0]}' does not fit {number}.")
    if kind in "xXo":
        digits = format(int(number) % _LONG, kind)
        prefix = {"x": "0x", "X": "0X", "o": "0"}[kind] if "#" in flags else ""
        return _filled(digits, prefix, width, flags)
    if not math.isfinite(number):
        digits, flags = ("NaN" if math.isnan(number) else "Infinity"), flags.replace("0", "")
    elif kind == "d":
        digits = str(abs(int(number)))
    else:
        digits = _decimal(abs(number), kind, int(found["precision"] or _PRECISION))
    whole, point, rest = digits.partition(".")
    if "," in flags and whole.isdigit():
        whole = f"{int(whole):,}"
    negative = number < 0 or (number == 0 and kind != "d" and math.copysign(1, number) < 0)
    body = whole + point + rest
    if negative and "(" in flags:
        return _filled(f"{body})", "(", width, flags)
    return _filled(body, "-" if negative else "+" if "+" in flags else " " if " " in flags else "", width, flags)


def _decimal(number: float, kind: str, precision: int) -> str:
    exact = Decimal(repr(number))
    if kind in "gG":
        precision = precision or 1
        exact = Context(prec=precision, rounding=ROUND_HALF_UP).plus(exact)
        if exact == 0 or Decimal("1e-4") <= exact < Decimal(10) ** precision:
            places = precision - 1 - (exact.adjusted() if exact else 0)
            return f"{exact:.{max(places, 0)}f}"
        precision, kind = precision - 1, "e" if kind == "g" else "E"
    if kind == "f":
        return f"{exact.quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP, Context(prec=400)):f}"
    exact = Context(prec=precision + 1, rounding=ROUND_HALF_UP).plus(exact)
    power = exact.adjusted() if exact else 0
    return f"{exact.scaleb(-power):.{precision}f}{kind}{power:+03d}"


def _filled(text: str, sign: str, width: int, flags: str) -> str:
    if "-" in flags:
        return f"{sign}{text}".ljust(width)
    return sign + text.rjust(width - len(sign), "0") if "0" in flags else f"{sign}{text}".rjust(width)


def _shown(number: float) -> str:
    return str(int(number)) if math.isfinite(number) and float(number).is_integer() else str(number)
