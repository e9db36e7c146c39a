"""Numbers of texts, and texts of numbers."""

from earthline_sandbox.earthengine.functions.scalar.number.operations import Number
from earthline_sandbox.earthengine.language.number_formats import formatted
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.errors import invalid


@function("Number.parse")
def parse(input: str, radix: int) -> Number:
    """The number that a text holds."""
    try:
        parsed = int(input.strip(), radix) if radix != 10 else _decimal(input.strip())
    except ValueError as error:
        raise invalid(f"Number.parse: Cannot parse '{input[:100]}' as a number.") from error
    if radix != 10 and not -(2**63) <= parsed < 2**63:
        raise invalid(f"Number.parse: '{input[:100]}' is larger than 64 bits hold.")
    return parsed


def _decimal(text: str) -> Number:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


@function("Number.format")
def format_number(number: Number, pattern: str) -> str:
    """A text by a pattern such as `%.2f`."""
    return formatted(number, pattern, "Number.format")
