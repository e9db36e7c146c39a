"""What the card of a map says of its classes, as Markdown."""

from collections.abc import Mapping
from typing import Any

from earthline.formats.evaluations import Interval
from earthline.task.classification.accuracy import ClassDetails
from earthline.task.classification.estimates import Estimate


def card_lines(details: ClassDetails, mapped: Mapping[str, Any]) -> list[str]:
    """A table of classes: how right they are, and how much ground they have.

    Args:
        details: Of the model.
        mapped: What the map shows: `areas`, and `ground` without the map's errors, which may be empty.
    """
    estimated, ground = details.estimated, mapped["ground"]
    if estimated is None:
        lines = [
            "Nobody knows with what chance test patches were drawn, so that only test pixels can be told of, and no "
            "area without the map's errors.",
            "",
            "| class | test pixels | blocks | precision | recall | F1 | mapped |",
            "|---|---|---|---|---|---|---|",
        ]
        for mine, area in zip(details.classes, mapped["areas"], strict=True):
            cells = (
                _percent(mine.precision, mine.precision_interval),
                _percent(mine.recall, mine.recall_interval),
                _percent(mine.f1, mine.f1_interval),
            )
            lines.append(
                f"| {_cell(mine.name)} | {mine.pixels:,} | {mine.blocks} | {' | '.join(cells)} | {_mapped(area)} |"
            )
        return lines
    lines = [
        f"On all ground, {100 * estimated.confidence:g} % intervals from {estimated.blocks} test blocks: overall "
        f"accuracy {_estimate(estimated.overall)}.",
        "",
        "| class | user's accuracy | producer's accuracy | blocks | mapped | on the ground |",
        "|---|---|---|---|---|---|",
    ]
    for place, (mine, of_ground, area) in enumerate(
        zip(details.classes, estimated.classes, mapped["areas"], strict=True)
    ):
        told = "-"
        if ground:
            one = ground[place]
            told = (
                _hectares(one.hectares, one.low, one.high)
                if one.hectares is not None
                else _percent(one.share, one.interval)
            )
        lines.append(
            f"| {_cell(mine.name)} | {_estimate(of_ground.user)} | {_estimate(of_ground.producer)} | {mine.blocks} | "
            f"{_mapped(area)} | {told} |"
        )
    if estimated.unsampled:
        lines += ["", f"On the test ground, but in no test patch: {', '.join(estimated.unsampled)}."]
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _mapped(area: Any) -> str:
    return _percent(area.share) if area.hectares is None else _hectares(area.hectares, None, None)


def _estimate(estimate: Estimate | None) -> str:
    return "-" if estimate is None else _percent(estimate.value, estimate.interval)


def _percent(value: float | None, interval: Interval | None = None) -> str:
    if value is None:
        return "-"
    bounds = "" if interval is None else f" ({100 * interval.low:.1f} to {100 * interval.high:.1f})"
    return f"{100 * value:.1f} %{bounds}"


def _hectares(value: float, low: float | None, high: float | None) -> str:
    bounds = "" if low is None or high is None else f" ({low:,.0f} to {high:,.0f})"
    return f"{value:,.0f} ha{bounds}"
