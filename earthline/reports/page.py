"""HTML reports: one page each that needs nothing else to be shown."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

FRAME = "report.html.j2"
"""The page around every report, beside this module."""


def render(template: Path, values: dict[str, Any]) -> str:
    """Fills in a template that extends `report.html.j2`.

    Args:
        template: Its file.
        values: What it names; everything is escaped.

    Returns:
        The page's text.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    environment.filters["number"] = _number
    return environment.get_template(template.name).render(values)


def _percent(share: float | None) -> str:
    return "\u2013" if share is None else f"{100 * share:.1f} %"


def _number(value: float | None) -> str:
    if value is None:
        return "\u2013"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"
