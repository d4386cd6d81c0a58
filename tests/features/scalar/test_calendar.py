"""Days, dates, weeks and ordinal days are those of Python's own calendar."""

from __future__ import annotations

from datetime import date, timedelta

from lapwise.features.expressions.scalar.calendar import (
    civil,
    days_from_civil,
    is_leap,
    iso_week,
    month_length,
    ordinal,
    weekday,
)

EPOCH = date(1970, 1, 1)


def test_days_of_all_years() -> None:
    for days in range((date.min - EPOCH).days, (date.max - EPOCH).days, 37):
        day = EPOCH + timedelta(days=days)
        assert civil(days) == (day.year, day.month, day.day)
        assert days_from_civil(day.year, day.month, day.day) == days
        assert (*iso_week(days), weekday(days)) == tuple(day.isocalendar())
        assert ordinal(days) == day.timetuple().tm_yday


def test_the_lengths_of_months() -> None:
    for year in (1900, 2000, 2011, 2012):
        for month in range(1, 13):
            following = days_from_civil(year + month // 12, month % 12 + 1, 1)
            assert month_length(year, month) == following - days_from_civil(year, month, 1)
        assert is_leap(year) == (month_length(year, 2) == 29)
