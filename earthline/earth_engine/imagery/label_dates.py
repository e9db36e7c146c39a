"""Labels of a table that are of the imagery's time: told apart in Earth Engine as `label_features.dates` does here."""

from typing import Any

import ee
import numpy as np

from earthline.config.sections.labels.date import LabelDate
from earthline.earth_engine.imagery.errors import ImageryError, answered
from earthline.label_features import dates
from earthline.label_features.features import FeaturesError

_FIRST, _LAST = "earthline_first_day", "earthline_last_day"
_YEAR, _MONTH, _DAY = 10_000, 100, 1
"""What a year, a month and a day count in the number of a day."""


def of_time(table: Any, asked: LabelDate) -> Any:
    """An `ee.FeatureCollection` of those features alone that are of the imagery's time.

    Args:
        table: `ee.FeatureCollection`.
        asked: Which field holds the date, and when labels count.
    """
    field = asked.field
    dated = table.filter(ee.Filter.notNull([field]))
    are_texts = ee.Filter.hasType(field, "String")
    texts = dated.filter(are_texts).map(lambda feature: _numbered(feature, _of_text(feature.getString(field))))
    numbers = dated.filter(are_texts.Not()).map(lambda feature: _numbered(feature, feature.getNumber(field)))
    spans = [
        ee.Filter.And(ee.Filter.lte(_FIRST, last), ee.Filter.gte(_LAST, first)) for first, last in asked.period.days
    ]
    return texts.merge(numbers).filter(ee.Filter.Or(*spans))


def told(table: Any, asked: LabelDate, key: str) -> str:
    """What is said of features that are of another time; empty where all are of the imagery's.

    Args:
        table: `ee.FeatureCollection` of those in the region.
        asked: Which field holds the date, and when labels count.
        key: Of the table in the config, for errors.

    Raises:
        ImageryError: Values that are no dates, or no label of the imagery's time.
        PixelsError: Earth Engine does not answer.
    """
    asks = ee.Dictionary({"total": table.size(), "dates": table.aggregate_histogram(asked.field)})
    found = answered(asks.getInfo, f"{key}.date")
    held = {value: int(count) for value, count in found["dates"].items()}
    held[""] = held.get("", 0) + int(found["total"]) - sum(held.values())
    try:
        days = dates.dates(list(held), list(held.values()))
    except FeaturesError as error:
        raise ImageryError(f"{key}.date: the field {asked.field} holds {error}") from error
    counts = np.array(list(held.values()))
    out = ~asked.period.holds(days) & (counts > 0)
    total, lost = int(counts.sum()), int(counts[out].sum())
    if not lost:
        return ""
    if lost == total:
        raise ImageryError("data." + dates.none_told(total, asked.period, dates.by_year(days[out], counts[out])))
    return dates.left_out(lost, total, asked.period, dates.by_year(days[out], counts[out]))


def _of_text(text: Any) -> Any:
    """The number of a text such as 2021-06-15T10:00, 2021/06 or 2021; 0 of one that is empty."""
    whole = text.trim().replace("[T ].*$", "").replace("\\.0+$", "")
    return ee.Number.parse(ee.String("0").cat(whole.replace("[^0-9]", "", "g")))


def _numbered(feature: Any, number: Any) -> Any:
    """A feature with the numbers of the first and the last day of its date."""
    moment = ee.Number.parse(ee.Date(number).format("YYYYMMdd"))
    years = number.lt(_YEAR)
    months = number.gte(_YEAR).And(number.lt(_YEAR * _MONTH))
    moments = number.abs().gte(dates.MILLISECONDS)
    days = number.gte(_YEAR * _MONTH).And(moments.Not())
    whole = moments.multiply(moment).add(days.multiply(number))

    def day(month: int, day_of_month: int) -> Any:
        of_year = years.multiply(number.multiply(_YEAR).add(month * _MONTH + day_of_month))
        return whole.add(of_year).add(months.multiply(number.multiply(_MONTH).add(day_of_month)))

    return feature.set({_FIRST: day(1, 1), _LAST: day(12, 31)})
