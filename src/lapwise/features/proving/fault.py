"""Which row of the table, or of none, makes a vector what was served: absent, otherwise, too many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.duration import format_duration
from lapwise.core.feature import CauseKind
from lapwise.features.proving.bits import normal, unequal
from lapwise.features.proving.cause import Again, Cause, Served
from lapwise.features.proving.suspects import Request, Suspect, entity_rows, suppose

__all__ = ["row_cause"]

_WORK = 150_000
"""Rows of all suppositions of one kind together: a busy entity's latest rows alone are suspected."""
_MOST = 300
_INTERVALS = 40
_OTHERWISE = 60
_LATER = 8


@dataclass(frozen=True, slots=True)
class _Scene:
    """One vector with the entity's rows, the newest last; ``live`` are places of those known by then."""

    served: Served
    rows: pl.DataFrame
    live: range
    again: Again | None
    later: Sequence[Served]

    def try_out(self, suspects: Sequence[Suspect]) -> pl.DataFrame | None:
        """Return for each supposition which features it gives as they were served."""
        if not suspects:
            return None
        found = suppose(self.served.request, self.rows, suspects)
        return None if found is None else self.served.equal(found)

    def latest(self, each: int) -> range:
        """Return the places of the latest rows, as many as can be suspected of ``each`` things."""
        most = max(_WORK // (max(self.rows.height, 1) * each), 2)
        return self.live[-min(most, _OTHERWISE) :]

    def exact(self, suspects: Sequence[Suspect]) -> list[Suspect]:
        """Return the suppositions that give the whole vector."""
        equal = self.try_out(suspects)
        if equal is None:
            return []
        whole = equal.select(pl.all_horizontal(pl.all())).to_series()
        return [one for one, fits in zip(suspects, whole, strict=True) if fits]

    def key(self, place: int) -> str:
        """Return a row's key as people read it."""
        names = self.served.request.view.table.key
        return ", ".join(f"{name}={self.rows[name][place]}" for name in names)

    def corrects(self, place: int) -> bool:
        """Return whether an earlier row has this row's key."""
        names = list(self.served.request.view.table.key)
        keys = self.rows.select(pl.struct(names)).to_series()
        return bool((keys[:place] == keys[place : place + 1]).any())


def row_cause(
    served: Served, table: pl.LazyFrame, again: Again | None, later: Sequence[Served]
) -> Cause | None:
    """Find the rows that were absent, otherwise or too many online; None if none explains it.

    Args:
        served: a vector that differs.
        table: all rows of the view's table.
        again: asks the online store now.
        later: right vectors of the same entity that were served afterwards, the earliest first.
    """
    rows = entity_rows(served.request, table)
    known = int((rows["__known"] < served.request.at).sum())
    most = min(_MOST, max(_WORK // max(rows.height, 1), 1))
    scene = _Scene(served, rows, range(max(known - most, 0), known), again, later)
    return _seen_at_the_moment(scene) or _absent(scene) or _otherwise(scene) or _too_many(scene)


def _seen_at_the_moment(scene: _Scene) -> Cause | None:
    if not (scene.rows["__known"] == scene.served.request.at).any():
        return None
    if not scene.exact([Suspect(later=1)]):
        return None
    names = [
        scene.key(place)
        for place in range(scene.rows.height)
        if scene.rows["__known"][place] == scene.served.request.at
    ]
    return Cause(
        "moment",
        f"row {' and '.join(names[:3])}, known at that very moment, was seen; known must be before",
    )


def _absences(live: range) -> Iterator[tuple[int, ...]]:
    """Yield what may have been absent: one row, the newest of them, a batch between others."""
    for place in reversed(live):
        yield (place,)
    for start in reversed(live[:-1]):
        yield tuple(range(start, live.stop))
    if len(live) <= _INTERVALS:
        for start in live:
            for stop in range(start + 2, live.stop):
                yield tuple(range(start, stop))


def _absent(scene: _Scene) -> Cause | None:
    found = scene.exact([Suspect(missing=places) for places in _absences(scene.live)])
    if not found:
        return None
    places, at = found[0].missing, scene.served.request.at
    alike = sum(len(one.missing) == 1 for one in found[1:])
    since = int(scene.rows["__known"][places[0]])
    corrections = all(scene.corrects(place) for place in places)
    came, until = _came(scene, places)
    kind = _MISSING[came]
    behind = format_duration(at - since)
    if until is not None:
        behind = f"{behind} to {format_duration(until - since)}"
    how = {
        "late": f"came online too late, behind by {behind}" + ("" if until else " or more"),
        "never_pushed": "is not online now either: it was never pushed, or otherwise",
        "missing": f"was not online; behind by {behind} or more, or never pushed",
    }[kind]
    if len(places) == 1:
        what = f"row {scene.key(places[0])}, known {format_time(since)},"
        if corrections:
            what = f"a row counted that was corrected: the correction {what[4:]}"
        told = f"{what} {how}{_alike(alike)}"
    else:
        last = format_time(int(scene.rows["__known"][places[-1]]))
        named = f"{len(places)} rows known from {format_time(since)} to {last},"
        told = f"{named} the first {scene.key(places[0])}: each {how}"
    return Cause("corrected" if corrections else kind, told)


def _alike(others: int) -> str:
    """Say that other rows would explain it as well."""
    if not others:
        return ""
    return f" (or so was {'another row' if others == 1 else f'one of {others} other rows'})"


_MISSING: dict[bool | None, CauseKind] = {True: "late", False: "never_pushed", None: "missing"}
"""What a row that was not seen is called, by whether it came later; None where nobody can tell."""


def _came(scene: _Scene, places: tuple[int, ...]) -> tuple[bool | None, int | None]:
    """Return whether absent rows came online since, if it can be told, and by when at the latest."""
    request = scene.served.request
    absent = scene.rows[list(places)].select(*request.view.table.key, "__known")
    for after in scene.later[:_LATER]:
        if _needs(scene, after, absent):
            return True, after.request.at
    told = scene.again and scene.again(request.view, request.entity, request.at)
    if not told:
        return None, None
    moment, values = told
    now = pl.DataFrame({name: list(values[name]) for name in scene.served.names}, strict=False)
    asked = Served(Request(request.view, request.entity, moment), now, now)
    rows = scene.rows.filter(pl.col("__known") < moment)
    found = suppose(asked.request, rows, [Suspect(), Suspect(missing=_places(rows, absent))])
    if found is None:
        return None, None
    there, still = asked.is_given_by(found[:1]), asked.is_given_by(found[1:])
    return (there if there != still else None), None


def _needs(scene: _Scene, after: Served, absent: pl.DataFrame) -> bool:
    """Return whether a later vector would not be what it was without some rows."""
    rows = scene.rows.filter(pl.col("__known") < after.request.at)
    without = suppose(after.request, rows, [Suspect(missing=_places(rows, absent))])
    return without is not None and not after.is_given_by(without)


def _places(rows: pl.DataFrame, wanted: pl.DataFrame) -> tuple[int, ...]:
    marked = rows.with_row_index("__place").join(
        wanted, on=wanted.columns, how="semi", maintain_order="left"
    )
    return tuple(marked["__place"].to_list())


def _otherwise(scene: _Scene) -> Cause | None:
    """Say which row was online with another event, or with another value."""
    return _with_other_value(scene) or _with_other_event(scene)


def _with_other_event(scene: _Scene) -> Cause | None:
    request = scene.served.request
    lengths = sorted({one.within for _, one in request.view.features})[:4]
    moments = [request.at, *(request.at - length for length in lengths)]
    each = 1 + len(moments)
    places = [one for one in scene.latest(each) if scene.rows["__event"][one] is not None]
    suspects = [
        one
        for place in reversed(places)
        for one in (
            Suspect(missing=(place,)),
            *(Suspect(place=place, column="__event", value=moment) for moment in moments),
        )
    ]
    equal = scene.try_out(suspects)
    if equal is None:
        return None
    right = scene.served.equal(scene.served.offline)
    for at, place in enumerate(reversed(places)):
        group = equal[at * each : (at + 1) * each]
        if all(group[name].any() or right[name][0] for name in group.columns):
            event = format_time(int(scene.rows["__event"][place]))
            return Cause(
                "otherwise",
                f"row {scene.key(place)} was online with another event than {event}",
            )
    return None


def _with_other_value(scene: _Scene) -> Cause | None:
    suspects = [
        Suspect(place=place, column=column, value=value)
        for place in reversed(scene.latest(1))
        for column, value in _values(scene, place)
    ]
    found = scene.exact(suspects[: max(_WORK // max(scene.rows.height, 1), 10)])
    if not found:
        return None
    first = found[0]
    return Cause(
        "otherwise",
        f"row {scene.key(first.place)} was online with '{first.column}' {first.value!r} and not"
        f" {scene.rows[first.column][first.place]!r}{_alike(len({one.place for one in found}) - 1)}",
    )


def _values(scene: _Scene, place: int) -> Iterator[tuple[str, Any]]:
    """Yield which values of a row would account for one feature of each column."""
    served = scene.served
    told: set[tuple[str, Any]] = set()
    for name, aggregate in served.request.view.features:
        column, logged, offline = aggregate.column, served.logged[name], served.offline[name]
        if not column or not unequal(logged, offline)[0]:
            continue
        value, own = logged[0], scene.rows[column][place]
        dtype = scene.rows.schema[column]
        if aggregate.kind in ("sum", "mean"):
            if not dtype.is_numeric() or None in (value, offline[0], own):
                continue
            if not all(map(math.isfinite, (value, offline[0], own))):
                continue
            times = scene.live.stop if aggregate.kind == "mean" else 1
            for count in range(1, times + 1):
                other = own + (value - offline[0]) * count
                other = round(other * 2**20) / 2**20 if dtype.is_float() else round(other)
                if (column, other) not in told:
                    told.add((column, other))
                    yield column, other
            continue
        if aggregate.kind not in ("last", "first", "min", "max") or dtype.is_temporal():
            continue
        if normal(logged).dtype == normal(scene.rows[column]).dtype and (column, value) not in told:
            told.add((column, value))
            yield column, value


def _too_many(scene: _Scene) -> Cause | None:
    """Say that a row counted which the table does not have, whenever known."""
    served = scene.served
    more = 0
    for name, aggregate in served.request.view.features:
        logged, offline = served.logged[name][0], served.offline[name][0]
        if aggregate.kind == "count":
            if logged is None or logged < offline:
                return None
            more = max(more, logged - offline)
    if more:
        rows = "1 row" if more == 1 else f"{more} rows"
        return Cause("not_in_table", f"online, {rows} more than the table has")
    for name, aggregate in served.request.view.features:
        if aggregate.kind not in ("last", "first", "min", "max"):
            continue
        logged = served.logged[name]
        if not unequal(logged, served.offline[name])[0] or logged.null_count():
            continue
        values = scene.rows[aggregate.column]
        if unequal(logged.gather([0] * len(values)), values).all():
            return Cause(
                "not_in_table",
                f"online, a row with '{aggregate.column}' {logged[0]!r}, which no row of the table has",
            )
    return None
