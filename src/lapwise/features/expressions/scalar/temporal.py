"""Parts of instants, dates, times of day and durations."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import polars as pl

from lapwise.features.expressions.scalar.calendar import (
    civil,
    days_from_civil,
    is_leap,
    iso_week,
    month_length,
    ordinal,
    weekday,
)
from lapwise.features.expressions.scalar.kinds import LEAST, MOST, per_second
from lapwise.features.expressions.scalar.node import Call, Defer, Inexact, Node, Run, lift
from lapwise.features.expressions.scalar.zone import Zone, zone_of

__all__ = [
    "FIRST_DAY",
    "FUNCTIONS",
    "LAST_DAY",
    "day_and_time",
    "local_of",
    "local_run",
    "microseconds",
    "zone_named",
]

FIRST_DAY, LAST_DAY = days_from_civil(1, 1, 1), days_from_civil(9999, 12, 31)
"""The years 1 to 9999. What lies outside is left to Polars, whose answers there are its own."""

_SECONDS = 86_400
_DAYS = 1024


def zone_named(name: str | None) -> Zone | None:
    """Return a zone, None where local time is UTC."""
    return None if name in (None, "UTC") else zone_of(name or "")


def local_of(dtype: Any) -> Callable[[int], int] | None:
    """Return what makes local time of an instant, in the instant's unit; None if nothing is to do."""
    zone = zone_named(dtype.time_zone)
    if zone is None:
        return None
    scale, factor = microseconds(dtype)

    def local(x: int) -> int:
        return x + zone.offset(x * scale // factor) * factor // scale

    return local


def microseconds(dtype: Any) -> tuple[int, int]:
    """Return by what an instant is to multiply and then to divide for microseconds."""
    units = per_second(dtype)
    return (1_000_000 // units, 1) if units <= 1_000_000 else (1, units // 1_000_000)


def local_run(node: Node) -> Run:
    """Return a node's local time, null where it is null."""
    local = local_of(node.dtype)
    return node.run if local is None else lift(local, node.run)


def day_and_time(node: Node) -> tuple[Run, int]:
    """Return an instant's or a date's local time, and how many of its units a day has."""
    if isinstance(node.dtype, pl.Date):
        return node.run, 1
    if isinstance(node.dtype, pl.Datetime):
        return local_run(node), _SECONDS * per_second(node.dtype)
    raise Inexact(f"a day of {node.dtype}")


def _of_day(function: Callable[[int], Any], call: Call) -> Run:
    run, day = day_and_time(call.nodes[0])
    first, last = FIRST_DAY * day, (LAST_DAY + 1) * day
    remembered = lru_cache(_DAYS)(function)  # requests of one time share their days

    def of_day(x: int) -> Any:
        if first <= x < last:
            return remembered(x // day)
        raise Defer

    return lift(of_day, run)


def _of_time(seconds: int, size: int, call: Call) -> Run:
    """Return a part of the time of day: whole ``seconds``, less than ``size`` of them."""
    node = call.nodes[0]
    unit = seconds * _per_second(node)
    run = local_run(node) if isinstance(node.dtype, pl.Datetime) else node.run
    first, last = _range(node)

    def part(x: int) -> int:
        if first <= x < last:
            return x // unit % size
        raise Defer

    return lift(part, run)


def _of_second(parts: int, call: Call) -> Run:
    """Return the fraction of a second in ``parts`` to the second."""
    node = call.nodes[0]
    units = _per_second(node)
    first, last = _range(node)

    def fraction(x: int) -> int:
        if first <= x < last:
            return x % units * parts // units
        raise Defer

    run = local_run(node) if isinstance(node.dtype, pl.Datetime) else node.run
    return lift(fraction, run)


def _per_second(node: Node) -> int:
    if isinstance(node.dtype, pl.Time):
        return 1_000_000_000
    if isinstance(node.dtype, pl.Datetime):
        return per_second(node.dtype)
    raise Inexact(f"a time of {node.dtype}")


def _range(node: Node) -> tuple[int, int]:
    if isinstance(node.dtype, pl.Time):
        return 0, _SECONDS * 1_000_000_000
    day = _SECONDS * _per_second(node)
    return FIRST_DAY * day, (LAST_DAY + 1) * day


def _date(call: Call) -> Run:
    return _of_day(lambda days: days, call)


def _time(call: Call) -> Run:
    if not isinstance(call.nodes[0].dtype, pl.Datetime):
        raise Inexact(f"dt.time of {call.nodes[0].dtype}")
    return _of_second_of_day(call)


def _of_second_of_day(call: Call) -> Run:
    run, day = day_and_time(call.nodes[0])
    scale = 1_000_000_000 * _SECONDS // day
    first, last = FIRST_DAY * day, (LAST_DAY + 1) * day

    def time(x: int) -> int:
        if first <= x < last:
            return x % day * scale
        raise Defer

    return lift(time, run)


def _local(call: Call) -> Run:
    if not isinstance(call.nodes[0].dtype, pl.Datetime):
        raise Inexact(f"dt.datetime of {call.nodes[0].dtype}")
    return local_run(call.nodes[0])


_TOTALS = {
    "TotalDays": (86_400, 1),
    "TotalHours": (3_600, 1),
    "TotalMinutes": (60, 1),
    "TotalSeconds": (1, 1),
    "TotalMilliseconds": (1, 1_000),
    "TotalMicroseconds": (1, 1_000_000),
    "TotalNanoseconds": (1, 1_000_000_000),
}


def _total(call: Call) -> Run:
    """Return a duration in units: whole ones, the rest cut off toward zero, or with the rest."""
    node = call.nodes[0]
    if not isinstance(node.dtype, pl.Duration):
        raise Inexact(f"{call.name} of {node.dtype}")
    seconds, parts = _TOTALS[call.name]
    units = per_second(node.dtype)
    divisor = seconds * units // parts
    if call.options["fractional"]:
        factor = 1 / (seconds * units / parts)
        return lift(lambda x: float(x) * factor, node.run)

    def total(x: int) -> int:
        return x // divisor if x >= 0 else -(-x // divisor)

    def multiplied(x: int) -> int:
        return _checked(x * (parts // units))

    return lift(total if divisor else multiplied, node.run)


def _time_stamp(call: Call) -> Run:
    node = call.nodes[0]
    if not isinstance(node.dtype, pl.Datetime | pl.Date):
        raise Inexact(f"dt.timestamp of {node.dtype}")
    old = per_second(node.dtype) if isinstance(node.dtype, pl.Datetime) else 0
    new = {"Milliseconds": 1_000, "Microseconds": 1_000_000, "Nanoseconds": 1_000_000_000}[
        call.options
    ]
    if not old:
        return lift(lambda x: _checked(x * _SECONDS * new), node.run)
    return _in_units(node.run, old, new)


def _in_units(run: Run, old: int, new: int) -> Run:
    if new == old:
        return run
    if new > old:
        return lift(lambda x: _checked(x * (new // old)), run)
    return lift(lambda x: x // (old // new), run)


def _cast_unit(call: Call) -> Run:
    node = call.nodes[0]
    new = {"Milliseconds": 1_000, "Microseconds": 1_000_000, "Nanoseconds": 1_000_000_000}[
        call.options
    ]
    if isinstance(node.dtype, pl.Datetime):
        return _in_units(node.run, per_second(node.dtype), new)
    if not isinstance(node.dtype, pl.Duration) or new < per_second(node.dtype):
        raise Inexact(f"dt.cast_time_unit of {node.dtype}")
    return _in_units(node.run, per_second(node.dtype), new)


def _checked(x: int) -> int:
    if LEAST <= x <= MOST:
        return x
    raise Defer


def _convert_zone(call: Call) -> Run:
    if not isinstance(call.nodes[0].dtype, pl.Datetime):
        raise Inexact(f"dt.convert_time_zone of {call.nodes[0].dtype}")
    return call.nodes[0].run


def _replace_zone(call: Call) -> Run:
    """Return the instant at which clocks of a zone show what they show now in another."""
    node, ambiguous = call.nodes
    name, missing = call.options
    if not isinstance(node.dtype, pl.Datetime) or not ambiguous.constant:
        raise Inexact("dt.replace_time_zone with ambiguous= that is no constant")
    zone = zone_named((name or {}).get("inner"))
    run = local_run(node)
    if zone is None:
        return run
    fold = {"earliest": 0, "latest": 1, "null": None}.get(ambiguous.value, "raise")
    scale, factor = microseconds(node.dtype)

    def instant(x: int) -> int | None:
        local, rest = divmod(x * scale, factor)
        found = zone.instants(local)
        if len(found) == 1:
            made = found[0]
        elif (not found and missing == "Null") or (found and fold is None):
            return None
        elif len(found) == 2 and isinstance(fold, int):
            made = found[fold]
        else:
            raise Defer
        return (made * factor + rest) // scale

    return lift(instant, run)


def _utc_offset(call: Call) -> Run:
    return _offset(call, lambda zone, place: zone.standard[place])


def _dst_offset(call: Call) -> Run:
    return _offset(call, lambda zone, place: zone.offsets[place] - zone.standard[place])


def _offset(call: Call, function: Callable[[Zone, int], int]) -> Run:
    """Return an offset of a zone; Polars gives it in milliseconds."""
    node = call.nodes[0]
    zone = zone_named(getattr(node.dtype, "time_zone", None))
    if zone is None or call.dtype != pl.Duration("ms"):
        raise Inexact(f"an offset of {node.dtype}")
    scale, factor = microseconds(node.dtype)
    return lift(lambda x: function(zone, zone.place(x * scale // factor)) // 1000, node.run)


def _quarter(days: int) -> int:
    return (civil(days)[1] + 2) // 3


FUNCTIONS: dict[str, Callable[[Call], Run]] = {
    "BaseUtcOffset": _utc_offset,
    "CastTimeUnit": _cast_unit,
    "Century": partial(_of_day, lambda days: (civil(days)[0] + 99) // 100),
    "ConvertTimeZone": _convert_zone,
    "DSTOffset": _dst_offset,
    "Date": _date,
    "Datetime": _local,
    "Day": partial(_of_day, lambda days: civil(days)[2]),
    "DaysInMonth": partial(_of_day, lambda days: month_length(*civil(days)[:2])),
    "Hour": partial(_of_time, 3600, 24),
    "IsLeapYear": partial(_of_day, lambda days: is_leap(civil(days)[0])),
    "IsoYear": partial(_of_day, lambda days: iso_week(days)[0]),
    "Microsecond": partial(_of_second, 1_000_000),
    "Millennium": partial(_of_day, lambda days: (civil(days)[0] + 999) // 1000),
    "Millisecond": partial(_of_second, 1_000),
    "Minute": partial(_of_time, 60, 60),
    "Month": partial(_of_day, lambda days: civil(days)[1]),
    "Nanosecond": partial(_of_second, 1_000_000_000),
    "OrdinalDay": partial(_of_day, ordinal),
    "Quarter": partial(_of_day, _quarter),
    "ReplaceTimeZone": _replace_zone,
    "Second": partial(_of_time, 1, 60),
    "Time": _time,
    "TimeStamp": _time_stamp,
    **dict.fromkeys(_TOTALS, _total),
    "Week": partial(_of_day, lambda days: iso_week(days)[1]),
    "WeekDay": partial(_of_day, weekday),
    "Year": partial(_of_day, lambda days: civil(days)[0]),
}
