"""Labels of a continuous value: encoded, looked at, balanced and counted."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import ee
import numpy as np

from earthline.config import Labels, RasterLabels, VectorLabels
from earthline.config.sections.labels.value_rules import outside
from earthline.task.labels import OF_A_REGION, LabelError, LabelFindings, LabelSide, LabelStatistics, Ways
from earthline.task.regression.statistics import QUANTILES, ValueStatistics
from earthline.task.regression.values import Values

Array = np.ndarray[Any, Any]

LEAST_TRAINING_PIXELS = 30
"""Fewer pixels of the ground tell nothing of how imagery and value hang together."""
FAR_APART = 1.0
"""Standard deviations of the training labels by which another split's mean may differ without a word."""
_LABEL_PIXELS = 65_536
"""Most label pixels that one pixel of the grid is made of: Earth Engine's limit, 256 a side."""
_MEAN, _LOW, _HIGH = "mean", "low", "high"
"""Bands of a survey."""


class ValueLabelSide(Values, LabelSide):
    """What regression knows of labels."""

    data_type: ClassVar[str] = "float32"
    stratum_word: ClassVar[str] = "range"

    def encoded(self, values: Any, band: str) -> Any:
        """Values in their unit; a coarser pixel has the mean of what it covers. NaN is no label."""
        return self._coarse(self._in_unit(values), ee.Reducer.mean()).rename([band]).toFloat()

    def _in_unit(self, values: Any) -> Any:
        known = values.updateMask(values.eq(values))
        for value in self._ignored_numbers:
            known = known.updateMask(values.neq(value))
        return known if self._is_plain else known.multiply(self.multiply).add(self.add)

    @staticmethod
    def _coarse(values: Any, reducer: Any) -> Any:
        return values.reduceResolution(reducer, False, _LABEL_PIXELS)

    @property
    def _is_plain(self) -> bool:
        return self.multiply == 1 and self.add == 0

    @property
    def _ignored_numbers(self) -> tuple[float, ...]:
        return tuple(value for value in self.ignored if not isinstance(value, str))

    def encoded_values(self, values: Array, labels: Labels) -> Array:
        """Values in their unit; what lies outside of the range must be ignored."""
        there = np.isfinite(values) & ~np.isin(values, self._ignored_numbers)
        found = values * self.multiply + self.add
        wrong = there & self._beyond(found)
        if wrong.any():
            low, high = self.ends
            raise LabelError(
                f"{int(wrong.sum()):,} values outside of data.labels.value.range [{low:g}, {high:g}], such as "
                f"{values[wrong][0]:g}; widen the range, or add them to data.labels.ignore where they mean no label"
            )
        return np.where(there, found, self.no_data).astype(np.float32)

    def survey(self, values: Any, over: Mapping[str, Any], draw: Mapping[str, Any] | None) -> Any:
        """Extremes of the raster's own pixels, and quantiles of the grid's."""
        known = self._in_unit(values)
        # A mean would hide a single -9999 among what one pixel of the grid covers.
        bands = {_MEAN: ee.Reducer.mean(), _LOW: ee.Reducer.min(), _HIGH: ee.Reducer.max()}
        image = ee.Image.cat([self._coarse(known, reducer).rename([name]) for name, reducer in bands.items()])
        # Quantiles by fine buckets, however many pixels there are.
        quantiles = ee.Reducer.percentile(list(QUANTILES), [f"p{each}" for each in QUANTILES])
        reducers = {_MEAN: quantiles, _LOW: ee.Reducer.min(), _HIGH: ee.Reducer.max()}
        if draw is None:
            asked = [image.select([name]).reduceRegion(reducer=each, **over) for name, each in reducers.items()]
        else:
            drawn = image.sample(**draw)
            asked = [drawn.reduceColumns(reducer=each, selectors=[name]) for name, each in reducers.items()]
        return ee.Dictionary(dict(zip(reducers, asked, strict=True)))

    def surveyed(self, answer: Any, labels: RasterLabels) -> str:
        """Whether all values lie in the range."""
        low, high = (_only(answer[name]) for name in (_LOW, _HIGH))
        if low is None or high is None:
            raise LabelError(
                f"data.labels: {labels.asset} has no value in the region; move data.region, or choose other labels"
            )
        self._require_inside(low, high, labels.told)
        quantiles = {key.rpartition("p")[2]: value for key, value in answer[_MEAN].items()}
        least, middle, most = (quantiles.get(str(percent)) for percent in (QUANTILES[0], 50, QUANTILES[-1]))
        return (
            f"values from {low:.4g} to {high:.4g}{self.in_unit}; nine in ten from {_number(least)} to "
            f"{_number(most)}, half of them below {_number(middle)}"
        )

    def _require_inside(self, low: float, high: float, told: str) -> None:
        wrong = [value for value in (low, high) if outside(value, self.ends)]
        if not wrong:
            return
        raw = [(value - self.add) / self.multiply for value in wrong]
        shown = " and ".join(f"{value:.6g}" for value in raw)
        as_is = "" if self._is_plain else ", as they are before `multiply` and `add`,"
        raise LabelError(
            f"data.labels.value.range: {told} holds values from {low:.6g} to {high:.6g}{self.in_unit}, and the range "
            f"is [{self.ends[0]:g}, {self.ends[1]:g}]; widen it, or add {shown}{as_is} to data.labels.ignore where "
            "that means no label"
        )

    def of_field(self, table: Any, labels: VectorLabels, name: str) -> Any:
        """Values of the field in their unit."""
        known = self._known(table, labels)
        return known.map(
            lambda feature: ee.Feature(feature.geometry()).set(
                name, ee.Number(feature.get(labels.field)).multiply(self.multiply).add(self.add)
            )
        )

    def _known(self, table: Any, labels: VectorLabels) -> Any:
        known = table.filter(ee.Filter.notNull([labels.field]))
        if labels.ignore:
            known = known.filter(ee.Filter.inList(labels.field, list(labels.ignore)).Not())
        return known

    def field_survey(self, table: Any, labels: VectorLabels) -> Any:
        """Lowest and highest value of the field."""
        known = self._known(table, labels)
        return ee.Dictionary(
            {_LOW: known.aggregate_min(labels.field), _HIGH: known.aggregate_max(labels.field)}
        ).combine({"count": known.size()})

    def field_surveyed(self, answer: Any, labels: VectorLabels) -> None:
        """Whether all values are numbers inside of the range."""
        if not answer.get("count"):
            raise LabelError(f"data.labels.field: no feature of {labels.table} in the region has a {labels.field}")
        ends = [answer.get(name) for name in (_LOW, _HIGH)]
        texts = [value for value in ends if not isinstance(value, int | float)]
        if texts:
            raise LabelError(
                f"data.labels.field: {labels.field} of {labels.table} holds {texts[0]!r}, which is no number; name a "
                "field of numbers"
            )
        low, high = sorted(float(value) * self.multiply + self.add for value in ends)
        self._require_inside(low, high, f"the field {labels.field} of {labels.table}")

    @property
    def strata(self) -> tuple[str, ...]:
        """Parts of the range: rare values are seen as often as common ones."""
        edges = (self.ends[0], *self.breaks, self.ends[1])
        return tuple(f"{one:g} to {other:g}{self.in_unit}" for one, other in pairwise(edges))

    @property
    def spread(self) -> tuple[float, ...]:
        """As if values were spread evenly over each part: its width over the root of 12."""
        edges = (self.ends[0], *self.breaks, self.ends[1])
        return tuple((other - one) / 12**0.5 for one, other in pairwise(edges))

    def stratum(self, labels: Any) -> Any:
        """How many of the breaks a value has reached."""
        found = labels.multiply(0)
        for value in self.breaks:
            found = found.add(labels.gte(value))
        return found.toUint8()

    def strata_of(self, labels: Array) -> Array:
        """As `stratum`."""
        return np.searchsorted(np.array(self.breaks), np.asarray(labels, np.float64), side="right")

    def label_problem(self, label: Array) -> str:
        """Values that are no numbers, or lie outside of the range."""
        values = label[label != self.no_data]
        if not np.isfinite(values).all():
            return f"{int((~np.isfinite(values)).sum()):,} values that are NaN or infinite"
        wrong = values[self._beyond(values)]
        if not len(wrong):
            return ""
        return (
            f"{len(wrong):,} values outside of {self.ends[0]:g} to {self.ends[1]:g}, such as {wrong[0]:g}; widen "
            "data.labels.value.range, or add to data.labels.ignore what means no label"
        )

    def _beyond(self, values: Array) -> Array:
        slack = 1e-6 * max(self.ends[1] - self.ends[0], *map(abs, self.ends))
        return np.asarray((values < self.ends[0] - slack) | (values > self.ends[1] + slack))

    def statistics(self, labels: Array) -> ValueStatistics:
        """Count, mean, deviation, extremes and a histogram; what is no number is left out."""
        known = labels[np.isfinite(labels)]
        return ValueStatistics.of(known, self.ends, self.strata_of(known), len(self.strata))

    def label_findings(
        self, ground: Mapping[str, LabelStatistics], features: Sequence[int] | None = None, ways: Ways = OF_A_REGION
    ) -> LabelFindings:
        """Whether there is something to learn, and whether splits are alike."""
        anomalies, warnings = [], []
        train = ground.get("train")
        assert train is None or isinstance(train, ValueStatistics)
        for split, mine in ground.items():
            assert isinstance(mine, ValueStatistics)
            if 0 < mine.pixels < (LEAST_TRAINING_PIXELS if features is None else 1) and split == "train":
                anomalies.append(
                    (
                        "few labels",
                        f"train has only {mine.pixels:,} labelled pixels of the ground, too few to learn from; give it "
                        f"more: {ways.more}",
                    )
                )
            if mine.pixels and mine.least == mine.most:
                text = f"{split}: every label is {mine.least:g}{self.in_unit}"
                if split == "train":
                    anomalies.append(
                        ("constant labels", f"{text}, so there is nothing to learn; check data.labels and data.region")
                    )
                else:
                    warnings.append(f"{text}: R\u00b2 there says nothing; {ways.others}")
            elif split != "train" and train is not None and train.std > 0 and mine.pixels:
                apart = (mine.mean - train.mean) / train.std
                if abs(apart) > FAR_APART:
                    warnings.append(
                        f"{split}: the mean label {mine.mean:.4g}{self.in_unit} is {abs(apart):.1f} standard "
                        f"deviations {'above' if apart > 0 else 'below'} train's {train.mean:.4g}: its ground is of "
                        f"another kind; {ways.mixed}"
                    )
        if isinstance(train, ValueStatistics):
            absent = [name for name, pixels in zip(self.strata, train.by_stratum, strict=True) if not pixels]
            if absent:
                warnings.append(
                    f"train has no label of {', '.join(absent)}: such values can only be guessed; set "
                    "data.labels.value.breaks where labels are, or narrow the range"
                )
        return LabelFindings(tuple(anomalies), tuple(warnings))


def _only(values: Mapping[str, Any]) -> float | None:
    found = next(iter(values.values()), None)
    return None if found is None else float(found)


def _number(value: Any) -> str:
    return "?" if value is None else f"{float(value):.4g}"
