"""Dates as Earth Engine's reference pages show them: texts, time zones, patterns and ranges."""

import ee
import pytest

from earthline_sandbox.errors import ApiError

MOMENT = "1975-07-23T21:13:59"


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2020", None, "2020-01-01T00:00:00"),
        ("2020-06", None, "2020-06-01T00:00:00"),
        ("2017-6-24", None, "2017-06-24T00:00:00"),
        ("2017-6-24T00:14:46", None, "2017-06-24T00:14:46"),
        ("1996-060", None, "1996-02-29T00:00:00"),
        ("2004-W53-7", None, "2005-01-02T00:00:00"),
        ("1996-01-01T08:00", None, "1996-01-01T08:00:00"),
        ("1996-01-01T8.5", None, "1996-01-01T08:30:00"),
        ("2017-06-24T12:00:00Z", "Asia/Tokyo", "2017-06-24T12:00:00"),
        ("2017-06-24T12:00:00-05:30", None, "2017-06-24T17:30:00"),
        ("2020", "US/Mountain", "2020-01-01T07:00:00"),
        ("2020-7-1T12", "America/New_York", "2020-07-01T16:00:00"),
        # Clocks are set back: of two moments that they show, the first.
        ("2020-11-01T01:30", "America/New_York", "2020-11-01T05:30:00"),
    ],
)
def test_texts_are_read_as_joda_time_reads_them(world, text, zone, expected):
    assert world.compute(ee.Date(text, zone).format()) == expected
    assert world.compute(ee.DateRange(text, "2999", zone).start().format()) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("YYYY MM dd", "2021 4 30", "2021-04-30T00:00:00"),
        ("MM/dd/YY", "4/30/21", "2021-04-30T00:00:00"),
        ("M/d/yy", "6/4/2017", "2017-06-04T00:00:00"),
        ("MMM. dd, YYYY", "apr. 30, 2021", "2021-04-30T00:00:00"),
        ("d MMMM yyyy", "1 June 2021", "2021-06-01T00:00:00"),
        ("yyyyMMddHHmmss", "20170624010203", "2017-06-24T01:02:03"),
        ("'s'yyyy_DDD", "s2020_060", "2020-02-29T00:00:00"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2017-06-24T01:02:03.456Z", "2017-06-24T01:02:03"),
        ("EEE MMM dd HH:mm:ss z yyyy", "Sat Jun 24 01:02:03 PDT 2017", "2017-06-24T08:02:03"),
        ("yyyy-MM-dd hh:mm a", "2017-06-24 12:05 AM", "2017-06-24T00:05:00"),
        ("yyyy-MM-dd HH:mm Z", "2017-06-24 12:05 +0200", "2017-06-24T10:05:00"),
        ("xxxx-'W'ww-e", "2004-W53-7", "2005-01-02T00:00:00"),
    ],
)
def test_patterns_read_what_they_describe(world, pattern, text, expected):
    assert world.compute(ee.Date.parse(pattern, text).format()) == expected


@pytest.mark.parametrize(
    ("pattern", "zone", "expected"),
    [
        ("YYYY GG", None, "1975 AD"),
        ("CC YY", None, "19 75"),
        ("xxxx ww", None, "1975 30"),
        ("yy DDD MM dd", None, "75 204 07 23"),
        ("e E EEEE MMM MMMM", None, "3 Wed Wednesday Jul July"),
        ("a K KK h hh k kk", None, "PM 9 09 9 09 21 21"),
        ("H m s SSS", None, "21 13 59 000"),
        ("z zzzz Z ZZ ZZZ", None, "UTC Coordinated Universal Time +0000 +00:00 UTC"),
        ("HH z Z ZZ ZZZ", "PST8PDT", "14 PDT -0700 -07:00 PST8PDT"),
        ("HH ZZ", "+05:30", "02 +05:30"),
        ("YY 'yada' ''MM''", None, "75 yada '07'"),
        (None, "Etc/GMT-10", "1975-07-24T07:13:59"),
    ],
)
def test_patterns_write_every_letter(world, pattern, zone, expected):
    assert world.compute(ee.Date(MOMENT).format(pattern, zone)) == expected


def test_fields_and_steps_follow_the_clocks_of_a_zone(world):
    zone = "America/New_York"
    evening = ee.Date("2020-03-07T23:00:00", zone)
    assert world.compute(ee.List([evening.get("day"), evening.get("day", zone), evening.get("hour", zone)])) == [
        8,
        7,
        23,
    ]
    # The day on which clocks are set forward has 23 hours.
    assert world.compute(evening.advance(1, "day", zone).difference(evening, "hour")) == 23
    assert world.compute(evening.advance(24, "hour", zone).difference(evening, "hour")) == 24
    assert world.compute(evening.advance(1, "day").difference(evening, "hour")) == 24
    day = evening.advance(1, "day", zone).getRange("day", zone)
    assert world.compute(day.end().difference(day.start(), "hour")) == 23
    assert world.compute(evening.getRelative("hour", "day", zone)) == 23
    assert world.compute(evening.getFraction("day", zone)) == pytest.approx(23 / 24)
    assert world.compute(evening.update(hour=1, timeZone=zone).format(None, zone)) == "2020-03-07T01:00:00"
    assert world.compute(ee.Date.fromYMD(2020, 7, 1, zone).format()) == "2020-07-01T04:00:00"
    assert world.compute(ee.Date.parse("yyyy-MM-dd", "2020-01-01", zone).format()) == "2020-01-01T05:00:00"
    assert world.compute(evening.getRelative("year", "month")) == 0


def test_a_range_that_ends_before_it_begins_is_empty(world):
    whole, turned, none = (
        ee.DateRange("2020-01-01", "2020-01-03"),
        ee.DateRange("2020-01-03", "2020-01-01"),
        ee.DateRange("2020-01-02", "2020-01-02"),
    )
    assert world.compute(ee.List([item.isEmpty() for item in (whole, turned, none)])) == [False, True, True]
    assert world.compute(
        ee.List([turned.contains("2020-01-02"), turned.intersects(whole), whole.intersects(none)])
    ) == [
        False,
        False,
        False,
    ]
    assert world.compute(ee.ImageCollection("C").filterDate("2020-01-03", "2020-01-01").size()) == 0
    assert world.compute(ee.ImageCollection("C").filterDate("2020-1-1", "2020-1-3").size()) == 2


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ee.Date("2017-02-29"), "Date: Bad date/time '2017-02-29': day .*"),
        (lambda: ee.Date("2017-366"), "2017 has no day 366"),
        (lambda: ee.Date("2017-06-24 12:00:00"), "it is not ISO 8601"),
        (lambda: ee.Date("20170624"), "Bad date/time '20170624'"),
        (lambda: ee.DateRange("2017", "soon"), "DateRange: Bad date/time 'soon'"),
        (lambda: ee.Date("2020-03-08T02:30", "America/New_York"), "leave out 2020-03-08 02:30"),
        (lambda: ee.Date("2020", "Middle/Earth"), "'Middle/Earth' is not recognised"),
        (lambda: ee.Date("2020").format("YYYY", "../../etc/passwd"), "is not recognised"),
        (lambda: ee.Date("2020").format("b"), "Date.format: Illegal pattern component: b"),
        (lambda: ee.Date("2020").format("'T"), "quotation mark that nothing closes"),
        (lambda: ee.Date("2020").format("zzzz", "PST8PDT"), "no long names"),
        (lambda: ee.Date.parse("yyyy-MM-dd", "2020-1-1 x"), "goes on with ' x'"),
        (lambda: ee.Date.parse("yyyy-MM-dd", "2020/1/1"), "does not go on as the pattern says at '/1/1'"),
        (lambda: ee.Date.parse("yyyy-MM-dd", "2020-02-30"), "Cannot parse '2020-02-30'"),
        (lambda: ee.Date.parse("y" * 5_000, "x"), "Cannot parse 'x'"),
        (lambda: ee.Date.parse("hh", "13"), "'h' must be between 1 and 12"),
        (lambda: ee.Date("0001", "Asia/Tokyo"), "Bad date/time"),
        (lambda: ee.Date("9999-12-31T20").format(None, "Asia/Tokyo"), "outside the years"),
    ],
)
def test_what_is_no_date_is_said(world, build, message):
    with pytest.raises(ApiError, match=message) as caught:
        world.compute(build())
    assert caught.value.code == 400
