"""Dates as people write them, and which labels are of the imagery's time."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from earthline.label_features.dates import NONE, Period, by_year, dates, read
from earthline.label_features.features import FeaturesError


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2021-06-15", 20210615, 20210615),
        ("2021-06-15T23:59:59+02:00", 20210615, 20210615),
        ("2021/06/15 10:00", 20210615, 20210615),
        (20210615, 20210615, 20210615),
        (20210615.0, 20210615, 20210615),
        (date(2021, 6, 15), 20210615, 20210615),
        (datetime(2021, 6, 15, 23, tzinfo=UTC), 20210615, 20210615),
        (1623715200000, 20210615, 20210615),
        ("1.6237152E12", 20210615, 20210615),
        (-157766400000, 19650101, 19650101),
        ("2021-06", 20210601, 20210631),
        (2021, 20210101, 20211231),
        ("2021.0", 20210101, 20211231),
        (" 2021 ", 20210101, 20211231),
        (None, NONE, NONE),
        ("", NONE, NONE),
        (float("nan"), NONE, NONE),
    ],
)
def test_days_months_and_years_are_read_in_every_common_spelling(value, first, last):
    assert read(value) == (first, last)


def test_what_is_no_date_for_sure_is_refused_with_counts():
    wrong = ["15/06/2021", "15/06/2021", "spring", 3, 1623715200, "2021-13-01", "2021-02-30", 21, "0021-01-01"]
    for value in wrong:
        with pytest.raises(FeaturesError):
            dates([value])
    with pytest.raises(FeaturesError, match=r"'15/06/2021' \(2 features\), '0021-01-01' \(1 feature\).*2021-06-15"):
        dates([*wrong, "2021"])


@pytest.mark.parametrize("text", ["15/06/2021", "15.6.2021", " 15-06-2021", "15/06/2021 10:00", "2021-06-15"])
def test_a_day_may_come_first_where_the_config_says_so(text):
    assert read(text, "day_first") == (20210615, 20210615)
    assert read("3/4/2021", "day_first") == (20210403, 20210403)
    assert read("3/4/2021", "month_first") == (20210304, 20210304)
    with pytest.raises(FeaturesError, match="order: month_first"):
        dates(["03/04/2021", "03/14/2021"], order="day_first")


def test_the_order_of_days_is_offered_as_far_as_the_dates_tell_it():
    for texts, told in (
        (["03/04/2021", "14/04/2021"], "order: day_first}"),
        (["03/04/2021", "04/14/2021"], "order: month_first}"),
        (["03/04/2021"], "order: day_first, or month_first}"),
    ):
        with pytest.raises(FeaturesError, match=told):
            dates(texts)
    with pytest.raises(FeaturesError) as caught:
        dates(["spring"])
    assert "order" not in str(caught.value)


def test_a_date_counts_where_a_part_of_it_lies_in_a_span():
    given = dates(["2021-03-31", "2021-04-01", "2021-09-30", "2021-10-01", "2021", "2021-03", "2020", None])
    summer = Period((("2021-04-01", "2021-10-01"),))
    assert summer.holds(given).tolist() == [False, True, True, False, True, False, False, False]
    wider = Period(summer.spans, tolerance=1)
    assert wider.holds(given).tolist() == [True, True, True, True, True, True, False, False]
    two = Period((("2020-12-01", "2021-01-01"), *summer.spans))
    assert two.holds(given).tolist() == [False, True, True, False, True, False, True, False]
    assert str(wider) == "2021-04-01 to 2021-09-30, give or take 1 day"


def test_labels_are_counted_by_year():
    assert by_year(dates(["2021-03-31", 2021, "2019-01", None])) == "2019: 1, 2021: 2, without a date: 1"
    assert by_year(dates([2021, 2020]), np.array([3, 4])) == "2020: 4, 2021: 3"
