"""Showing what a run costs: a table of its parts, and what the figures rest on."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.terminal import display

if TYPE_CHECKING:  # these modules load pydantic and Google's client
    from pipelines.cost.budget import Check
    from pipelines.cost.estimate import Estimate
    from pipelines.cost.figures import Figure
    from pipelines.cost.part import Part

_MARKS = {"EXACT": ("", ""), "MEASURED": ("", "cyan"), "PUBLISHED": ("*", "yellow"), "ASSUMED": ("~", "yellow")}
"""Before a figure, and its colour, by what it rests on."""
_COLUMNS = {"requests": "requests", "bytes": "data", "hours": "time", "eecu_hours": "EECU-hours", "dollars": "dollars"}
_LONG_HOURS = 24
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def show(found: "Estimate", checks: "tuple[Check, ...]", console: Console) -> None:
    """Prints the plan: parts, total, what stands afterwards, notes, and the budget.

    Args:
        found: What the run costs.
        checks: Limits of the budget.
        console: Where to write.
    """
    drawn = Table(box=None, pad_edge=False, expand=False)
    drawn.add_column("part", no_wrap=True)
    for title in _COLUMNS.values():
        drawn.add_column(title, justify="right", no_wrap=True)
    for part in found.parts:
        drawn.add_row(part.name, *_row(part))
    drawn.add_row("one run", *_row(found.total), style="bold")
    for part in found.standing:
        drawn.add_row(part.name, *_row(part))
    display.print_whole(drawn, console)
    legend = "* others measured it with other imagery, ~ by a rule, ? not known; all else by arithmetic or measured"
    for line in (legend, *found.notes, _month(found), *(f"price: {price.source}" for price in found.prices.used)):
        console.print(f"- {escape(line)}", soft_wrap=True, highlight=False)
    for check in checks:
        mark = "[bold red]✗[/]" if check.exceeded else "[yellow]?[/]" if check.uncertain else "[green]✓[/]"
        console.print(f"{mark} {escape(check.text)}", soft_wrap=True, highlight=False)


def _row(part: "Part") -> list[Text]:
    figures = dict(part.figures)
    return [_cell(name, figures.get(name)) for name in _COLUMNS]


def _cell(name: str, figure: "Figure | None") -> Text:
    if figure is None:
        return Text("")
    if figure.high is None:
        least = _shown(name, figure.low)
        return Text("?" if figure.low == 0 or least.startswith("<") else f"≥ {least}", style="yellow")
    mark, style = _MARKS.get(figure.basis.name, ("", ""))
    low, high = _shown(name, figure.low), _shown(name, figure.high)
    return Text(f"{mark}{low}" if low == high else f"{mark}{low} to {high}", style=style)


def _shown(name: str, value: float) -> str:
    if name == "requests":
        return f"{value:,.0f}"
    if name == "bytes":
        return next((f"{value / size:,.3g} {unit}" for size, unit in _UNITS if value >= size), f"{value:.0f} B")
    if name == "hours":
        return display.clock(max(1.0, 3600 * value)) if value < _LONG_HOURS else f"{value:,.0f} h"
    if name == "dollars":
        return f"{value:,.2f}" if value >= 0.005 or value == 0 else "< 0.01"
    return f"{value:,.3g}" if value >= 0.001 or value == 0 else "< 0.001"


def _month(found: "Estimate") -> str:
    """What share of each tier's month the run takes, or what it costs a commercial project."""
    from pipelines.cost.eecu import TIERS

    own = found.config.budget.earth_engine
    shares = []
    for tier, (low, high) in found.shares.items():
        least, most = _percent(low), "more" if high is None else _percent(high)
        taken = least if least == most else f"{least} to {most}"
        shares.append(f"{taken} of {tier.capitalize()}'s {TIERS[tier]:,}")
    told = f"EECU-hours of one run are {', '.join(shares)} a month (noncommercial tiers since 2026-04-27)"
    if own == "commercial":
        return (
            f"{told}; budget.earth_engine is commercial, so that dollars hold them, as if the month began with this run"
        )
    return f"{told}; they cost nothing within the month, as budget.earth_engine is {own}"


def _percent(share: float) -> str:
    if share >= 1:
        return f"{100 * share:,.0f} %"
    return f"{100 * share:.2g} %" if share >= 1e-4 else "under 0.01 %"
