"""Days as the config writes them."""

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field


def _as_text(value: Any) -> Any:
    # YAML reads an unquoted 2021-04-01 as a date; a time of day would not match the pattern and is refused.
    return value.isoformat() if isinstance(value, date) else value


def _is_in_calendar(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text} is no day of the calendar ({error}); write YYYY-MM-DD") from error
    return text


Date = Annotated[str, BeforeValidator(_as_text), AfterValidator(_is_in_calendar), Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
