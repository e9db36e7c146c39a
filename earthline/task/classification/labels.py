"""Labels of classes: encoded, looked at, balanced and counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import ee
import numpy as np

from earthline.config import Labels, RasterLabels, VectorLabels
from earthline.config.sections.labels import ClassLabels, FeatureClass, VectorClassLabels
from earthline.config.sections.labels.class_rules import unknown_told
from earthline.label_features.files import is_empty
from earthline.label_features.floors import LEAST_TRAINING, joined
from earthline.task.classification.classes import UNLABELLED, Classes
from earthline.task.labels import OF_A_REGION, LabelError, LabelFindings, LabelSide, LabelStatistics, Ways

Array = np.ndarray[Any, Any]

LEAST_TRAINING_PIXELS = 30
"""Fewer pixels of the ground tell nothing of a class: five would be learned by heart."""
PIXELS = "class_pixels"
"""Key of the counts among the statistics of labels in a manifest."""
_LABEL_PIXELS = 65_536
"""Most label pixels that one pixel of the grid is made of: Earth Engine's limit, 256 a side."""
_LISTED = 12
"""Label values that an error lists in full."""
_VALUE = "value"


def most_frequent(image: Any) -> Any:
    """An `ee.Image` that, on a grid coarser than its own, gives the value that most of a pixel has; never a mean."""
    return image.reduceResolution(ee.Reducer.mode(), False, _LABEL_PIXELS)


def counts_of(answer: Any) -> dict[float, float]:
    """Pixels by value of a label raster, NaN left out.

    Args:
        answer: To the `survey` of any classes.
    """
    counts = {float(value): float(count) for value, count in (answer.get(_VALUE) or {}).items()}
    return {value: count for value, count in counts.items() if value == value}


@dataclass(frozen=True)
class ClassCounts(LabelStatistics):
    """Pixels of each class.

    Attributes:
        names: By class id.
        counts: By class id, (classes,).
    """

    names: tuple[str, ...]
    counts: Array

    @property
    def pixels(self) -> int:
        """Pixels of a known class."""
        return int(self.counts.sum())

    @property
    def by_stratum(self) -> tuple[int, ...]:
        """Pixels of each class."""
        return tuple(self.counts.tolist())

    def __add__(self, other: Self) -> Self:
        """As `LabelStatistics.__add__`."""
        return type(self)(self.names, self.counts + other.counts)

    def to_json(self) -> dict[str, Any]:
        """Pixels by class name."""
        return {PIXELS: {name: int(count) for name, count in zip(self.names, self.counts, strict=True)}}

    def differences(self, claimed: Mapping[str, Any]) -> list[str]:
        """As `LabelStatistics.differences`."""
        said = claimed.get(PIXELS, {})
        return [
            f"{count:,} pixels of '{name}', the manifest says {said.get(name, 0):,}"
            for name, count in self.to_json()[PIXELS].items()
            if count != said.get(name, 0)
        ]


class ClassLabelSide(Classes, LabelSide):
    """What classification knows of labels."""

    data_type: ClassVar[str] = "uint8"
    stratum_word: ClassVar[str] = "class"

    def encoded(self, values: Any, band: str) -> Any:
        """Class ids; a coarser pixel is of the class that covers most of it."""
        if self.ranges:
            values = self._by_ranges(values)
        known = [value for of_class in self.values for value in of_class]
        ids = [class_id for class_id, of_class in enumerate(self.values) for _ in of_class]
        return most_frequent(values.remap(known, ids).rename(band)).toUint8()

    def _by_ranges(self, values: Any) -> Any:
        """The class id of the range that each value lies in; masked outside of all. NaN lies in none."""
        ids, known = values.multiply(0).toInt16(), values.multiply(0).toInt16()
        for low, high, class_id, closed in self.ranges:
            inside = values.gte(low).And(values.lte(high) if closed else values.lt(high))
            ids, known = ids.add(inside.multiply(class_id)), known.add(inside)
        return ids.updateMask(known)

    def encoded_values(self, values: Array, labels: Labels) -> Array:
        """Class ids; every value must have a class or be ignored."""
        assert isinstance(labels, ClassLabels)
        encoded = np.full(values.shape, UNLABELLED, np.uint8)
        known = np.isnan(values) | np.isin(values, [value for value in labels.ignored if isinstance(value, int)])
        for class_id, of_class in enumerate(self.values if not self.ranges else ()):
            mine = np.isin(values, of_class)
            encoded[mine], known = class_id, known | mine
        for low, high, class_id, closed in self.ranges:
            mine = ~known & (values >= low) & ((values <= high) if closed else (values < high))
            encoded[mine], known = class_id, known | mine
        if not known.all():
            unknown, counts = np.unique(values[~known], return_counts=True)
            where = "`ranges`" if self.ranges else "`values`"
            listed = _listed(dict(zip(unknown.tolist(), counts.tolist(), strict=True)))
            raise LabelError(
                f"values of no class: {listed}; add them to the {where} of a class, or to data.labels.ignore"
            )
        return encoded

    def survey(self, values: Any, over: Mapping[str, Any], draw: Mapping[str, Any] | None) -> Any:
        """Counts of the raster's values, as a dictionary in a dictionary."""
        values = most_frequent(values).rename([_VALUE])
        if draw is None:
            return values.reduceRegion(reducer=ee.Reducer.frequencyHistogram(), **over)
        # A coarser grid would mix classes, so single pixels are drawn instead.
        return ee.Dictionary({_VALUE: values.sample(**draw).aggregate_histogram(_VALUE)})

    def surveyed(self, answer: Any, labels: RasterLabels) -> str:
        """Whether every value has a class or is ignored."""
        counts = counts_of(answer)
        if not counts:
            raise LabelError(
                f"data.labels: {labels.asset} has no value in the region; move data.region, or choose other labels"
            )
        known = set(labels.ignore)
        if not self.ranges:
            known |= {value for of_class in self.values for value in of_class}
        unknown = {value: count for value, count in counts.items() if value not in known}
        holds = f"{labels.told} holds"
        if self.ranges:
            outside = {value: count for value, count in unknown.items() if not self._has_range(value)}
            if outside:
                raise LabelError(
                    f"data.labels.classes: {holds} values outside of all ranges: {_listed(outside)}; add them to the "
                    "`ranges` of a class, or to data.labels.ignore"
                )
            return f"all values lie in a class's ranges or are ignored{self._unseen(counts)}"
        fractions = {value: count for value, count in unknown.items() if not value.is_integer()}
        if fractions:
            raise LabelError(
                f"data.labels.classes: {holds} values that are no whole numbers: {_listed(fractions)}. Classes are "
                "whole numbers: make an asset that holds some, such as image.multiply(10).round().toInt(), and name "
                "that"
            )
        if unknown:
            raise LabelError(
                f"data.labels.classes: {holds} values of no class: {_listed(unknown)}; add them to the `values` of a "
                "class, or to data.labels.ignore"
            )
        return f"all {len(counts)} values have a class or are ignored{self._unseen(counts)}"

    def _unseen(self, counts: Mapping[float, float]) -> str:
        """Says of which classes no pixel was seen: a map that can never show them is seldom meant."""
        if self.ranges:
            spans = [(class_id, low, high, closed) for low, high, class_id, closed in self.ranges]
            seen = {
                class_id
                for class_id, low, high, closed in spans
                if any(low <= value < high or (closed and value == high) for value in counts)
            }
        else:
            seen = {class_id for class_id, of_class in enumerate(self.values) if set(of_class) & set(counts)}
        unseen = [f"'{name}'" for class_id, name in enumerate(self.names) if class_id not in seen]
        if not unseen:
            return ""
        return (
            f"; no pixel of {joined(unseen)} was seen: the map cannot show what it never learned; correct "
            f"{'its' if len(unseen) == 1 else 'their'} values or data.region, or leave such classes out"
        )

    def of_field(self, table: Any, labels: VectorLabels, name: str) -> Any:
        """Class ids of the field's values, or of the ranges that they lie in."""
        if not self.ranges:
            pairs = [(value, class_id) for class_id, each in enumerate(_classes(labels)) for value in each.values]
            values, ids = ([pair[part] for pair in pairs] for part in (0, 1))
            return table.remap(values, ids, labels.field).select([labels.field], [name])
        found = ee.FeatureCollection([])
        for low, high, class_id, last in self.ranges:
            upper = ee.Filter.lte(labels.field, high) if last else ee.Filter.lt(labels.field, high)
            # `not less than` is what the client makes of gte, which features without the field pass as well.
            within = ee.Filter.And(ee.Filter.notNull([labels.field]), ee.Filter.gte(labels.field, low), upper)
            found = found.merge(table.filter(within).map(lambda feature, of=class_id: feature.set(name, of)))
        return found.select([name])

    def field_survey(self, table: Any, labels: VectorLabels) -> Any:
        """Features by the value of the field."""
        return table.aggregate_histogram(labels.field)

    def field_surveyed(self, answer: Any, labels: VectorLabels) -> None:
        """Whether every value has a class or is ignored."""
        values = [value for each in _classes(labels) for value in each.values]
        known = {str(value) for value in (*values, *labels.ignore)}
        unknown = {}
        for text, count in answer.items():
            value = _number(text)
            if is_empty(value) or text == "null" or str(value) in known or text in known:
                continue
            if self.ranges and isinstance(value, int | float) and self._has_range(value):
                continue
            unknown[value] = count
        if unknown:
            raise LabelError(
                f"data.labels.classes: the field {labels.field} of {labels.table} holds "
                f"{unknown_told(unknown, values, bool(self.ranges))}"
            )

    def _has_range(self, value: float) -> bool:
        return any(low <= value < high or (closed and value == high) for low, high, _, closed in self.ranges)

    @property
    def strata(self) -> tuple[str, ...]:
        """The classes: rare ones are seen as often as common ones."""
        return self.names

    def stratum(self, labels: Any) -> Any:
        """The class ids themselves."""
        return labels

    def strata_of(self, labels: Array) -> Array:
        """The class ids themselves."""
        return np.asarray(labels, np.int64)

    def label_problem(self, label: Array) -> str:
        """Values that are no class id."""
        unknown = np.unique(label[(label >= len(self.names)) & (label != UNLABELLED)])
        return f"{unknown.tolist()}, which are no class ids" if len(unknown) else ""

    def statistics(self, labels: Array) -> ClassCounts:
        """Pixels of each class; ids that no class has are left out."""
        return ClassCounts(self.names, np.bincount(labels, minlength=len(self.names))[: len(self.names)])

    def label_findings(
        self, ground: Mapping[str, LabelStatistics], features: Sequence[int] | None = None, ways: Ways = OF_A_REGION
    ) -> LabelFindings:
        """Whether each class has ground enough in each split; all that lack it are told in one line."""
        short, single, warnings = [], [], []
        least = LEAST_TRAINING_PIXELS if features is None else 1
        for class_id, name in enumerate(self.names):
            counts = {split: of_split.by_stratum[class_id] for split, of_split in ground.items()}
            if not any(counts.values()):
                warnings.append(f"class '{name}' has no pixel in any split: the map cannot show it")
                continue
            train = counts.get("train", 0)
            if features is not None and features[class_id] == 1:
                # What else it lacks follows from that.
                single += [] if train else [f"'{name}'"]
                continue
            if train < least:
                there = ", ".join(f"{count:,} in {split}" for split, count in counts.items() if split != "train")
                short.append(f"'{name}' has {f'only {train:,} pixels' if train else 'no pixel'} in train ({there})")
            lost = {"validation": "no epoch is chosen for its sake", "test": "its accuracy stays unknown"}
            for split, meaning in lost.items():
                if split in counts and not counts[split]:
                    warnings.append(f"class '{name}' has no pixel in {split}: {meaning}; {ways.others}")
        anomalies = [*_alone(single), *_short(short, ways)]
        return LabelFindings(tuple(("class balance", text) for text in anomalies), tuple(warnings))


def _alone(names: Sequence[str]) -> list[str]:
    """What is said of classes of one feature, which is not in train."""
    if not names:
        return []
    one = len(names) == 1
    return [
        f"{joined(names)} {'comes' if one else 'come'} from one point or polygon{'' if one else ' each'}, which lies "
        "in another split than train: what is known from one place alone cannot be learned and judged; collect at "
        f"least {LEAST_TRAINING}{'' if one else ' of each'}, in different places, or take such classes out of "
        "data.labels"
    ]


def _short(found: Sequence[str], ways: Ways) -> list[str]:
    """What is said of classes with too little training ground."""
    if not found:
        return []
    merge = (
        "merge it with another class or add its values to data.labels.ignore, or give it more ground"
        if len(found) == 1
        else "merge them with other classes or add their values to data.labels.ignore, or give them more ground"
    )
    return [f"{joined(found)}, too few to learn from; {merge}: {ways.more}"]


def _classes(labels: VectorLabels) -> tuple[FeatureClass, ...]:
    if not isinstance(labels, VectorClassLabels):
        raise TypeError(f"{type(labels).__name__} name no classes")
    return labels.classes


def _number(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _listed(counts: Mapping[float, float]) -> str:
    ordered = sorted(counts.items())
    listed = ", ".join(f"{value:g} ({count:,.0f} pixels)" for value, count in ordered[:_LISTED])
    return f"{listed} and {len(ordered) - _LISTED:,} more" if len(ordered) > _LISTED else listed
