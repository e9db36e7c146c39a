"""What the labels of a draft mean: classes, or a continuous value."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cli.drafts import classes, features, provisional, survey, values
from cli.drafts.answers import Answers
from cli.drafts.classes import DraftClass
from cli.drafts.provisional import Said
from cli.drafts.sources import LabelsSeen
from cli.drafts.values import DraftValue, Spread
from earthline.config import RasterLabels
from earthline.grid import Grid

_KEY = "data.labels.classes"
STAND_INS = [{"name": name, "color": "#000000", "values": [value]} for value, name in enumerate(("a", "b"))]
"""Classes while nobody knows them yet."""
_ANY_VALUE = {"name": "value", "range": [-1e30, 1e30]}
"""A value while nobody knows its range."""


def of_labels(
    answers: Answers,
    seen: LabelsSeen,
    labels: Mapping[str, Any],
    place: Mapping[str, Any],
    folder: Path,
    grid: Grid | None,
    said: Said,
) -> tuple[DraftClass, ...] | DraftValue:
    """What labels mean: a value where somebody said so or fractions are there, else classes.

    Args:
        answers: What was said.
        seen: What is known of the labels' asset.
        labels: Section `data.labels`, without what they mean.
        place: The other keys of `data`: region and grid.
        folder: Of the config.
        grid: Of the patches; None where Earth Engine cannot be asked.
        said: Takes what is to be said of it.

    Raises:
        DraftError: They can be neither.
        ImageryError: Earth Engine refuses.
        PixelsError: It does not answer.
    """
    name, where, spread = answers.value or answers.field or answers.label_band, "the labels", None
    counts: Mapping[Any, float] | None = None
    if "file" in labels or ("table" in labels and grid is not None):
        where = f"the field {answers.field} of {answers.labels_file or answers.labels}"
        counts = (
            features.values(Path(answers.labels_file), answers.field, answers.layer)
            if "file" in labels
            else survey.field_counts(answers.labels, answers.field)
        )
        if answers.value or values.have_fractions(counts):
            spread = values.spread_of(counts, where)
    elif grid is not None and (answers.value or answers.label_band in seen.fractions):
        where = f"the band {answers.label_band} of {answers.labels}"
        spread = _raster_spread(answers, labels, place, folder, grid)
        if spread.is_of_few_whole and not answers.value:
            spread = None
    elif grid is None and answers.value:
        said.to_do.append("data.labels.value: the range of your labels; the one here only holds its place")
        said.remarks["data.labels.value"] = "EDIT: the range of your labels"
        return values.placeholder(name, answers.unit)
    if spread is None:
        if counts is not None:
            return _remarked(classes.drafted(counts, classes.Known(), where), labels, said)
        return _classes(answers, labels, place, folder, grid, said)
    if not answers.unit:
        said.to_do.append(f"data.labels.value: add the `unit` of {name}, such as m, for axes and legends, if any")
    said.remarks["data.labels.value"] = "a continuous value: the model learns numbers, not classes"
    said.remarks["data.labels.value.range"] = f"labels hold {spread.low:.6g} to {spread.high:.6g}; none may lie outside"
    said.remarks["data.labels.value.breaks"] = (
        "quantiles of the labels: patches are taken of each part in equal numbers"
    )
    if spread.ignore:
        said.remarks["data.labels.ignore"] = "taken for no label; remove what is one"
    else:
        said.notes.append("data.labels: where one number means no label, such as -9999, write `ignore: [-9999]` there")
    if spread.far:
        shown = ", ".join(f"{number:.10g}" for number in spread.far[:5]) + (" …" if len(spread.far) > 5 else "")
        said.to_do.append(
            f"data.labels: {shown} lies far from all other labels (half of them from {spread.quantiles[0]:.6g} to "
            f"{spread.quantiles[2]:.6g}). If it is a slip, such as a wrong unit, correct it or add it to `ignore`, and "
            "bring `range` to the others"
        )
    return values.drafted(name, answers.unit, spread, where)


def _raster_spread(
    answers: Answers, labels: Mapping[str, Any], place: Mapping[str, Any], folder: Path, grid: Grid
) -> Spread:
    """The spread of a raster's labels, without a number that stands for no label."""

    def spread(ignore: list[float]) -> Spread:
        section = {**labels, "value": _ANY_VALUE, **({"ignore": ignore} if ignore else {})}
        return survey.label_spread(provisional.config(answers, section, place, folder).data, grid)

    found = spread([])
    if values.may_be_fill(found.low) and found.low < found.high:
        others = spread([found.low])
        if values.is_fill(found.low, others.low):
            low = int(found.low) if found.low.is_integer() else found.low
            return replace(others, ignore=(low,))
    return found


def _classes(
    answers: Answers,
    labels: Mapping[str, Any],
    place: Mapping[str, Any],
    folder: Path,
    grid: Grid | None,
    said: Said,
) -> tuple[DraftClass, ...]:
    """The classes that a raster holds; two that stand for them where nobody can look."""
    if grid is None:
        said.to_do.append(f"{_KEY}: names, colours and label values; the two here only hold their place")
        said.remarks[_KEY] = "EDIT: the classes of your labels"
        return classes.placeholders()
    data = provisional.config(answers, {**labels, "classes": STAND_INS}, place, folder).data
    assert isinstance(data.labels, RasterLabels)
    counts, every = survey.label_counts(data, grid)
    known = classes.known(survey.properties(data.labels), answers.label_band)
    found = classes.drafted(counts, known, f"the band {answers.label_band} of {answers.labels}")
    if not every:
        said.notes.append(
            f"{_KEY}: of so large a region some {sum(counts.values()):,.0f} pixels were looked at; rare values may "
            "be missing, and `earthline check` would name them"
        )
    return _remarked(found, labels, said)


def _remarked(found: tuple[DraftClass, ...], labels: Mapping[str, Any], said: Said) -> tuple[DraftClass, ...]:
    """Classes that were found, and what is to be said of them."""
    said.remarks[_KEY] = "in maps and metrics; several values may mean one class: values: [2, 3]"
    spelled = [each for each in found if each.also]
    if spelled:
        shown = ", ".join(str(value) for value in spelled[0].values)
        said.notes.append(
            f"{_KEY}: words that differ by capital letters alone are one class ({shown}); part those that mean two"
        )
    for few, many in classes.near(found):
        said.notes.append(
            f"{_KEY}: '{few.value}' is written nearly as '{many.value}'; if it means the same, write it among the "
            f"`values` of {many.name}, and remove its own class"
        )
    unnamed = [each.name for each in found if each.name == f"class {each.value}"]
    if unnamed:
        said.to_do.append(f"{_KEY}: words instead of {', '.join(unnamed[:4])}{' …' if len(unnamed) > 4 else ''}")
    if any(each.value == 0 for each in found) and "band" in labels:
        said.notes.append(f"{_KEY}: where 0 means no label, remove its class and write `ignore: [0]`")
    return found


def sections_of(known: Sequence[DraftClass]) -> list[dict[str, Any]]:
    """Section `data.labels.classes`.

    Args:
        known: The classes.
    """
    return [each.section for each in known]
