"""HTML reports: one page each that needs nothing else to be shown."""

from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, FunctionLoader, StrictUndefined

from earthline import digits

FRAME = "report.html.j2"
"""The page around every report, beside this module."""
PARTS = "parts.html.j2"
"""Name by which a report imports the parts that its task shows."""


def render(template: Path, values: dict[str, Any], parts: Path) -> str:
    """Fills in a template that extends `report.html.j2`.

    Args:
        template: Its file.
        values: What it names; everything is escaped.
        parts: The file whose macros it imports by `{% import "parts.html.j2" as … %}`: a task's template.

    Returns:
        The page's text.
    """
    environment = Environment(
        loader=ChoiceLoader(
            [
                FileSystemLoader([template.parent, Path(__file__).parent]),
                FunctionLoader(lambda name: parts.read_text(encoding="utf-8") if name == PARTS else None),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    environment.filters["number"] = _number
    environment.filters["alike"] = lambda figures: digits.alike(*figures)
    return environment.get_template(template.name).render(values)


def _percent(share: float | None) -> str:
    return "\u2013" if share is None else f"{100 * share:.1f} %"


def _number(value: float | None) -> str:
    if value is None:
        return "\u2013"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"
