"""What the card of a map says of its value, as Markdown."""

from collections.abc import Mapping
from typing import Any

from earthline import digits
from earthline.task.regression.errors import ErrorDetails
from earthline.task.regression.estimates import GroundErrors, GroundFigure
from earthline.task.regression.intervals import IntervalDetails


def card_lines(details: ErrorDetails, intervals: IntervalDetails | None, mapped: Mapping[str, Any]) -> list[str]:
    """What is true of all ground where that is known, what was mapped, and where the map is not to be believed.

    Args:
        details: Of the model.
        intervals: How often they hold the label; None where the model gives none.
        mapped: What the map shows, as its coverage gives it.
    """
    unit = f" {mapped['unit']}" if mapped["unit"] else ""
    lines = _of_all_ground(details.estimated, unit)
    if intervals is not None:
        told = intervals.told(unit)
        lines += [
            "",
            f"{told[0].upper()}{told[1:]}: {100 * intervals.below:.1f} % of the labels lie below, "
            f"{100 * intervals.above:.1f} % above.",
        ]
    known = [part for part in details.parts if part.bias is not None]
    if len(known) > 1:
        listed = ", ".join(
            f"{part.bias:+.4g}{unit} where labels are {part.low:g} to {part.high:g} ({part.pixels:,} pixels)"
            for part in (known[0], known[-1])
        )
        lines += ["", f"Map minus label at the ends: {listed}."]
    low, high = mapped["ends"]
    lines += [
        "",
        f"Mapped, errors included: mean {mapped['mean']:.4g}{unit}, std {mapped['std']:.4g}{unit}, from "
        f"{mapped['least']:.4g} to {mapped['most']:.4g}{unit}.",
    ]
    for count, where in ((mapped["below"], "below"), (mapped["above"], "above")):
        if count:
            share = f"{100 * count / mapped['pixels']:.1f} %"
            lines.append(
                f"- {count:,} of {mapped['pixels']:,} mapped pixels ({share}) lie {where} the range of labels, "
                f"{low:g} to {high:g}{unit}: the model guesses there."
            )
    return lines


def _of_all_ground(estimated: GroundErrors | None, unit: str) -> list[str]:
    if estimated is None:
        return [
            "Nobody knows with what chance test patches were drawn, so that only test pixels can be told of, and no "
            "mean without the map's errors."
        ]
    figures = {
        "root mean square error": estimated.rmse,
        "bias (map minus label)": estimated.bias,
        "mean of the labels": estimated.label_mean,
        "mean of the map": estimated.map_mean,
    }
    lines = [
        f"On all ground, {100 * estimated.confidence:g} % intervals from {estimated.blocks} test blocks:",
        "",
        "| | estimate |",
        "|---|---|",
        *(f"| {title} | {_figure(figure, unit)} |" for title, figure in figures.items()),
    ]
    if estimated.unsampled:
        lines += ["", f"On the test ground, but in no test patch: {', '.join(estimated.unsampled)}."]
    return lines


def _figure(figure: GroundFigure, unit: str) -> str:
    ends = (figure.interval.low, figure.interval.high) if figure.interval else ()
    value, *bounds = digits.alike(figure.value, *ends)
    return f"{value}{unit} ({' to '.join(bounds)})" if bounds else f"{value}{unit}"
