"""Which columns may say when, and how they become UTC microseconds."""

from __future__ import annotations

import polars as pl

from lapwise.core.errors import DataError

__all__ = ["in_utc", "require_instant"]

_UTC = pl.Datetime("us", "UTC")


def in_utc(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Cast datetimes with a zone to UTC microseconds, rounding down; others to microseconds.

    Rounding down keeps ``known < t`` as it was for every t in whole microseconds.
    """
    casts = []
    for name, dtype in frame.collect_schema().items():
        if isinstance(dtype, pl.Datetime):
            target = pl.Datetime("us", "UTC" if dtype.time_zone else None)
            if dtype != target:
                casts.append(pl.col(name).cast(target))
    return frame.with_columns(casts) if casts else frame


def require_instant(table: str, role: str, name: str, dtype: pl.DataType) -> None:
    """Raise DataError unless a column can say an instant.

    A datetime without a zone is refused, because guessing UTC would shift what was known; a date is
    refused, because as a known time midnight would pretend that the whole day was known before it
    began, and as an event time it would say the same of what happened.
    """
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return
    column = f'pl.col("{name}")'
    if isinstance(dtype, pl.Datetime):
        problem = "has no time zone"
        fix = f'with_columns({column}.dt.replace_time_zone("UTC")), or the zone it was written in'
    elif dtype == pl.Date:
        problem = "is a date, which does not say from which instant on"
        fix = f'with_columns({column}.cast(pl.Datetime("us", "UTC")) + pl.duration(days=1)), if the day was over'
    else:
        problem = "is not a datetime"
        fix = f'with_columns({column}.str.to_datetime(time_zone="UTC"))'
    raise DataError(
        f"the {role} time '{name}' of table '{table}' {problem}",
        value=str(dtype),
        expected="a datetime with a time zone",
        fix=f"in the table's build function, or where the file is written: {fix}",
    )
