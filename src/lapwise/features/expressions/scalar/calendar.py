"""Days since 1970 as dates of the Gregorian calendar, in integers."""

from __future__ import annotations

__all__ = ["civil", "days_from_civil", "is_leap", "iso_week", "month_length", "ordinal", "weekday"]

# The calendar repeats every 400 years, which have 146,097 days; it is counted from March of the
# year 0, so that the leap day comes last. See Howard Hinnant, "chrono-compatible low-level date
# algorithms".
_ERA = 146_097
_EPOCH = 719_468
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day.

    >>> civil(0), civil(-1)
    ((1970, 1, 1), (1969, 12, 31))
    """
    era, day = divmod(days + _EPOCH, _ERA)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day = day - (153 * month + 2) // 5 + 1
    return (
        (year + era * 400, month + 3, day) if month < 10 else (year + era * 400 + 1, month - 9, day)
    )


def days_from_civil(year: int, month: int, day: int) -> int:
    """Return the days since 1970.

    >>> days_from_civil(2000, 2, 29)
    11016
    """
    year -= month <= 2
    era, year = divmod(year, 400)
    month = (month + 9) % 12
    return (
        era * _ERA
        + year * 365
        + year // 4
        - year // 100
        + (153 * month + 2) // 5
        + day
        - 1
        - _EPOCH
    )


def is_leap(year: int) -> bool:
    """Return whether a year has a 29 February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(year: int, month: int) -> int:
    """Return the number of days of a month."""
    return 29 if month == 2 and is_leap(year) else _LENGTHS[month - 1]


def weekday(days: int) -> int:
    """Return 1 for Monday to 7 for Sunday."""
    return (days + 3) % 7 + 1


def ordinal(days: int) -> int:
    """Return the day of the year, from 1."""
    return days - days_from_civil(civil(days)[0], 1, 1) + 1


def iso_week(days: int) -> tuple[int, int]:
    """Return the year and the week of ISO 8601: the year that the week's Thursday is in.

    >>> iso_week(days_from_civil(2012, 1, 1))
    (2011, 52)
    """
    thursday = days - (days + 3) % 7 + 3
    return civil(thursday)[0], (ordinal(thursday) - 1) // 7 + 1
