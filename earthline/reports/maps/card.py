"""The card of a map: what whoever is handed the map must know of it, as Markdown beside it.

Made after model cards (Mitchell et al. 2019, Model Cards for Model Reporting): data and their terms, how the map was
tested, what it is worth, what it is for and what it is not for.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from earthline import digits
from earthline.formats.evaluations import Evaluation, Measure, Metric
from earthline.formats.manifest import Manifest
from earthline.grid import GridError, ground
from earthline.reports.maps.report import Subject

FEW_BLOCKS = 10
"""With fewer, intervals are rough."""
COARSE = 1.5
"""Sides of the map's pixels from which labels are coarser than the map."""


def text(subject: Subject, mapped: Mapping[str, Any], manifest: Manifest, evaluation: Evaluation) -> str:
    """The card.

    Args:
        subject: What the map is of.
        mapped: What it shows, as the task's macro `mapped` takes it.
        manifest: Of the examples.
        evaluation: Of the model.
    """
    sections = {
        "What it shows": _shown(subject, mapped),
        "What it is for": _use(subject),
        "Data": _data(subject, manifest),
        "How it was tested": _tested(manifest, evaluation),
        "Accuracy": [*_accuracy(evaluation), "", *subject.task.card_lines(evaluation, mapped)],
        "Limits": _limits(subject, manifest, evaluation),
    }
    parts = [f"# {subject.name}"]
    for title, lines in sections.items():
        parts.append("\n".join([f"## {title}", "", *lines]).rstrip())
    return "\n\n".join(parts) + "\n"


def _shown(subject: Subject, mapped: Mapping[str, Any]) -> list[str]:
    grid, masked = subject.grid, mapped.get("masked", 0)
    lines = [
        f"{subject.data.labels.summary} ({', '.join(subject.data.labels.entries)}), {grid.shape[0]:,} x "
        f"{grid.shape[1]:,} pixels of {grid.pixel_told} in {grid.crs_name}. {subject.predicted}."
    ]
    if subject.preview_of is not None:
        lines.append("It is a preview of a model that was not deployed.")
    if masked:
        every = grid.shape[0] * grid.shape[1]
        lines.append(
            f"{masked:,} of these pixels ({100 * masked / every:.1f} %) are not mapped: they lie outside of the "
            "region, their imagery is masked, or the model gave no number. Areas and means below are of the rest."
        )
    return [*lines, "", *(f"- {name}: {value}" for name, value in subject.rows.items())]


def _use(subject: Subject) -> list[str]:
    return [
        f"To see how {subject.data.labels.KIND} are spread over this region, and to sum them up over areas of many "
        "pixels. For totals take estimates on the ground where a table below has them, not counts of pixels.",
        "",
        "Not for single pixels, for borders of plots, for another region, sensor or year, or for what labels cannot "
        f"tell: accuracy says how well the map agrees with the labels ({subject.data.labels.told}), not how true these "
        "are.",
    ]


def _data(subject: Subject, manifest: Manifest) -> list[str]:
    days = _days(subject)
    lines = []
    for source in manifest.sources:
        made = f"; {source.attribution}" if source.attribution else ""
        size = f"; pixels of {source.metres:.3g} m" if source.metres is not None else ""
        lines.append(
            f"- {source.role}: {source.asset}{days.get(source.asset, '')}{made}{size}; licence: "
            f"{source.license or 'none stated with the asset'}"
        )
    return [*lines, f"- bands: {', '.join(manifest.bands)}"]


def _days(subject: Subject) -> dict[str, str]:
    """First and last day of what is taken of each collection, by its id."""
    found: dict[str, str] = {}
    for source in subject.data.imagery.all_sources:
        if source.span is not None:
            first, after = source.span
            last = date.fromisoformat(after) - timedelta(days=1)
            found |= dict.fromkeys(source.assets, f", {first} to {last}")
    return found


def _tested(manifest: Manifest, evaluation: Evaluation) -> list[str]:
    test = evaluation.test
    counts = ", ".join(f"{summary.examples:,} {split}" for split, summary in manifest.splits.items())
    apart = (
        f"blocks of {manifest.block_shape[0]} x {manifest.block_shape[1]} pixels or more dealt to splits as a whole, "
        f"splits at least {manifest.gap} pixels apart"
        if manifest.placed
        else f"split {manifest.told}"
    )
    lines = [
        f"Patches of {manifest.patch_shape[0]} x {manifest.patch_shape[1]} pixels ({counts}), {apart}. Figures rest on "
        f"{test.pixels:,} labelled test pixels in {test.blocks} blocks, each pixel of the ground counted once.",
        "",
        f"The gate: {evaluation.gate.reason}.",
    ]
    effect = evaluation.split_effect
    if effect is not None:
        metric, measure = evaluation.gate.metric, evaluation.measure
        lines += [
            "",
            f"{effect.told(metric)}: of a forest on training pixels, {measure.title} is "
            f"{_told(effect.random[metric], measure)} where random patches are left out, and "
            f"{_told(effect.blocked[metric], measure)} where whole blocks are.",
        ]
    return lines


def _accuracy(evaluation: Evaluation) -> list[str]:
    measures = evaluation.measures
    lines = [
        f"On the test pixels, {100 * evaluation.test.confidence:g} % intervals by resampling blocks (none where every "
        "resample gives the same, as with 100 %: no error among few pixels does not prove that there is none):",
        "",
        f"| | {' | '.join(measure.title for measure in measures.values())} |",
        "|" + "---|" * (len(measures) + 1),
    ]
    for name, scores in evaluation.columns.items():
        cells = (_told(scores.metrics[key], measure) for key, measure in measures.items())
        lines.append(f"| {name}{_less_ground(name, evaluation)} | {' | '.join(cells)} |")
    if evaluation.calibration is not None:
        error, ground = evaluation.calibration.error, evaluation.calibration.ground
        share = Measure(title="", short="", share=True)
        on_all = "" if ground is None else f", and by {_told(ground, share)} on all ground"
        lines += [
            "",
            f"The model's certainty and the share that is right differ by {_told(error, share)} on average on the test "
            f"pixels{on_all}.",
        ]
    if evaluation.sets is not None:
        sets, share = evaluation.sets, Measure(title="", short="", share=True)
        low = [f"{name} {_told(found, share)}" for name, found in sets.by_label.items() if _below(found, sets.coverage)]
        less = f": {', '.join(low)}" if low else ""
        lines += [
            "",
            f"Sets of what cannot be ruled out hold the label for {_told(sets.held, share)} of the test pixels, where "
            f"{100 * sets.coverage:g} % are meant{less}.",
        ]
    return lines


def _less_ground(column: str, evaluation: Evaluation) -> str:
    """Says that the champion was not asked about all pixels: the rest it knows from its own training."""
    champion = evaluation.champion
    if column != "champion" or champion is None or champion.pixels == evaluation.test.pixels:
        return ""
    return f" (on {champion.pixels:,} of {evaluation.test.pixels:,} pixels: not to be compared with the other rows)"


def _limits(subject: Subject, manifest: Manifest, evaluation: Evaluation) -> list[str]:
    lines, test = [], evaluation.test
    coarse = max((source.metres for source in manifest.sources if source.metres is not None), default=0.0)
    side = _side(subject)
    if side is not None and coarse > COARSE * side:
        lines.append(
            f"- Pixels of the labels are {coarse:.3g} m wide, those of the map {side:.3g} m: accuracy says how well "
            "the map agrees with labels of that size, and nothing of what is smaller. Along borders they are mixtures."
        )
    if manifest.caveat:
        lines.append(f"- {manifest.caveat[0].upper()}{manifest.caveat[1:]}.")
    if test.blocks < FEW_BLOCKS:
        lines.append(
            f"- There are only {test.blocks} test blocks: intervals are rough, or cannot be given, and other blocks "
            "may show other figures."
        )
    metric, measure = evaluation.gate.metric, evaluation.measure
    for part in evaluation.slices:
        found = next(iter(part.metrics.values()))[metric]
        lines.append(f"- {part.kind}, {part.name}: {measure.title} {_told(found, measure)} ({part.pixels:,} pixels).")
    lines.append(
        "- Accuracy is of ground like that of the test blocks. Where the image shows what no patch has, it is unknown."
    )
    return lines


def _side(subject: Subject) -> float | None:
    try:
        return sum(ground.sides(subject.grid)) / 2
    except GridError:
        return None


def _below(found: Metric, coverage: float) -> bool:
    """Whether a label is surely held less often than is meant; where that cannot be told, whether it seems so."""
    return (found.value if found.interval is None else found.interval.high) < coverage


def _told(metric: Metric, measure: Measure) -> str:
    figures = [metric.value, *((metric.interval.low, metric.interval.high) if metric.interval else ())]
    value, *ends = [f"{100 * each:.1f}" for each in figures] if measure.share else digits.alike(*figures)
    ending = " %" if measure.share else f" {measure.unit}".rstrip()
    return f"{value}{ending} ({' to '.join(ends)})" if ends else f"{value}{ending}"
