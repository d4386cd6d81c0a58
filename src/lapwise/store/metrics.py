"""Points of metrics, packed: fast to add by the thousand, exact for NaN and infinities."""

from __future__ import annotations

import base64
import binascii
import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, starmap
from operator import le, lt
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BindParameter, Connection, bindparam, func, select, tuple_

from lapwise.core.errors import DeclarationError
from lapwise.core.model import Metric
from lapwise.core.tracked import Page
from lapwise.store.chunks import FULL, Points, joined, pack, thinned, unpack
from lapwise.store.curve import downsampled
from lapwise.store.database import Database, plain_rows, portions
from lapwise.store.schema import metric_chunk, metric_key, metric_latest

__all__ = ["SqlMetrics"]

_SMALL = 1024  # points of a call that are joined with those before
_DEEP = 13  # chunks that can be joined at once: each is at most as long as those after it together
_WHOLE = 4_000  # points of a metric that are read whole for a curve
_MOST_POINTS = 10_000  # of a curve
_MOST_AT_ONCE = 50_000  # of a page
_REMEMBERED = 100_000  # names whose ids are kept in memory
_LEAST, _MOST = -(2**63), 2**63 - 1  # of all steps
_CHUNK = metric_chunk.c


class _Chunk(NamedTuple):
    id: int
    size: int
    low: int
    high: int


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: how many points of the last step and time it and those before it had."""

    step: int
    at: int
    given: int


class SqlMetrics:
    """The part of :class:`lapwise.store.runs.SqlRuns` that keeps metrics."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[str, int] = {}
        self._add_chunk = metric_chunk.insert()
        self._grow_chunk = metric_chunk.update().where(_CHUNK.id == bindparam("which"))
        self._add_key = database.insert_once(metric_key)
        statement = database.insert(metric_latest)
        new = statement.excluded
        self._set_latest = statement.on_conflict_do_update(
            index_elements=["run", "key"],
            set_={"step": new.step, "at": new.at, "value": new.value},
            where=tuple_(new.step, new.at) >= tuple_(metric_latest.c.step, metric_latest.c.at),
        )

    def add(self, connection: Connection, number: int, metrics: Sequence[Metric]) -> dict[str, int]:
        """Add points to a run inside a transaction; return ids of names to :meth:`learn` after it.

        Raises:
            StoreError: a step or a time is beyond 64 bits.
        """
        if not metrics:
            return {}
        by_name: dict[str, list[Metric]] = {}
        for point in metrics:
            by_name.setdefault(point.name, []).append(point)
        key = {name: self._keys[name] for name in by_name if name in self._keys}
        learnt = self._intern(connection, sorted(by_name.keys() - key.keys()))
        key.update(learnt)
        names = sorted(by_name, key=lambda name: key[name])  # one order of locks everywhere
        last = {name: _last(by_name[name]) for name in names}
        packed = {name: [*_packed(by_name[name], name)] for name in names}
        # First this: it locks the rows of the metrics, so that two who add to the same metric of the
        # same run come one after the other, and each sees the chunks that the other left.
        connection.execute(
            self._set_latest,
            [
                {
                    "run": number,
                    "key": key[name],
                    "step": last[name].step,
                    "at": last[name].at,
                    "value": None if math.isnan(last[name].value) else last[name].value,
                }
                for name in names
            ],
        )
        self._add_chunks(connection, number, {key[name]: packed[name] for name in names})
        return learnt

    def learn(self, keys: dict[str, int]) -> None:
        """Remember the ids of names, once the transaction that made them is kept."""
        if len(self._keys) + len(keys) > _REMEMBERED:
            self._keys = {}
        self._keys.update(keys)

    def history(self, connection: Connection, number: int, name: str) -> tuple[Metric, ...]:
        """Return every value of a metric, by (step, at, order of logging)."""
        return tuple(_in_order(_read(connection, _chunks(connection, number, name))).of(name))

    def points(
        self, connection: Connection, number: int, name: str, *, limit: int, after: str
    ) -> Page[Metric]:
        """Return the values of a metric a page at a time, in the order of :meth:`history`.

        Only the chunks that a page needs are read.

        Raises:
            DeclarationError: the limit or the token cannot be.
        """
        if not 1 <= limit <= _MOST_AT_ONCE:
            raise DeclarationError(
                "a page cannot have so many points", value=limit, expected=f"1 to {_MOST_AT_ONCE}"
            )
        place = _opened(after) if after else None
        chunks = sorted(_chunks(connection, number, name), key=lambda one: (one.low, one.id))
        if place is not None:
            chunks = [one for one in chunks if one.high >= place.step]
        held: dict[int, Points] = {}
        while True:
            ready = _beyond(_in_order(held), place, chunks[0].low if chunks else None)
            if len(ready.steps) > limit or not chunks:
                break
            wanted, count = 1, chunks[0].size
            while count <= limit and wanted < len(chunks):
                count += chunks[wanted].size
                wanted += 1
            held.update(_read(connection, chunks[:wanted]))
            chunks = chunks[wanted:]
        if len(ready.steps) <= limit:
            return Page(tuple(ready.of(name)))
        page = ready.picked(range(limit))
        return Page(tuple(page.of(name)), _token(page, place))

    def curve(
        self,
        connection: Connection,
        number: int,
        name: str,
        *,
        points: int,
        start: int | None,
        end: int | None,
    ) -> tuple[Metric, ...]:
        """Return at most ``points`` values that look like all of them, by step.

        Of chunks that lie wholly within the steps, only what was thinned is read, where the whole
        would be too much.

        Raises:
            DeclarationError: so many points are too few for a curve, or too many.
        """
        if not 3 <= points <= _MOST_POINTS:
            raise DeclarationError(
                "a curve cannot have so many points", value=points, expected=f"3 to {_MOST_POINTS}"
            )
        chunks = [
            one
            for one in _chunks(connection, number, name)
            if (start is None or one.high >= start) and (end is None or one.low < end)
        ]
        held: dict[int, Points] = {}
        if sum(one.size for one in chunks) > max(_WHOLE, points):
            bounds = {
                "low": _LEAST if start is None else start,
                "high": _MOST if end is None else end - 1,
            }
            rows = plain_rows(connection, _THIN, {"number": number, "name": name, **bounds})
            held = {id_: unpack(thin) for id_, thin in rows}
        held.update(_read(connection, [one for one in chunks if one.id not in held]))
        found = _by_step(held)
        if start is not None or end is not None:
            steps = found.steps
            found = found.picked(
                range(
                    0 if start is None else bisect_left(steps, start),
                    len(steps) if end is None else bisect_left(steps, end),
                )
            )
        return tuple(downsampled(found, points).of(name))

    def _add_chunks(
        self, connection: Connection, number: int, new: dict[int, list[dict[str, Any]]]
    ) -> None:
        """Keep new chunks; small ones are joined with those before them.

        A chunk is joined when it is at most as long as what is added to it, so a point is moved a
        dozen times at most, and a million calls with one point each leave a few hundred chunks.
        """
        small = {
            key: int(chunks[0]["count"])
            for key, chunks in new.items()
            if chunks[0]["count"] < _SMALL
        }
        taken = _joinable(connection, number, small)
        grown = []
        packed = dict[int, bytes]()
        for some in portions([one for ids in taken.values() for one in ids]):
            packed.update((id_, one) for id_, one in connection.execute(_PACKED, {"ids": some}))
        for key, ids in taken.items():
            points = joined([*(packed[one] for one in ids), new[key][0]["points"]])
            grown.append({"which": ids[0], **_columns(unpack(points), points)})
        if grown:
            connection.execute(self._grow_chunk, grown)
        for some in portions([one for ids in taken.values() for one in ids[1:]]):
            connection.execute(_GONE, {"ids": some})
        added = [
            {"run": number, "key": key, **chunk}
            for key, chunks in new.items()
            if key not in taken
            for chunk in chunks
        ]
        if added:
            connection.execute(self._add_chunk, added)

    def _intern(self, connection: Connection, names: list[str]) -> dict[str, int]:
        if not names:
            return {}
        connection.execute(self._add_key, [{"name": name} for name in names])
        found: dict[str, int] = {}
        for some in portions(names):
            query = select(metric_key.c.name, metric_key.c.id).where(metric_key.c.name.in_(some))
            found.update((name, key) for name, key in connection.execute(query))
        return found


_OF_NAME = select(metric_key.c.id).where(metric_key.c.name == bindparam("name")).scalar_subquery()
_CHUNKS = (
    select(_CHUNK.id, _CHUNK.count, _CHUNK.low, _CHUNK.high)
    .where(_CHUNK.run == bindparam("number"), _CHUNK.key == _OF_NAME)
    .order_by(_CHUNK.id)
)
_IDS: BindParameter[int] = bindparam("ids", expanding=True)
_PACKED = select(_CHUNK.id, _CHUNK.points).where(_CHUNK.id.in_(_IDS))
_THIN = select(_CHUNK.id, _CHUNK.thin).where(
    _CHUNK.run == bindparam("number"),
    _CHUNK.key == _OF_NAME,
    _CHUNK.low >= bindparam("low"),
    _CHUNK.high <= bindparam("high"),
    _CHUNK.thin.is_not(None),
)
_GONE = metric_chunk.delete().where(_CHUNK.id.in_(_IDS))
_TAIL = (
    select(
        _CHUNK.id,
        _CHUNK.key,
        _CHUNK.count,
        func.row_number().over(partition_by=_CHUNK.key, order_by=_CHUNK.id.desc()).label("place"),
    )
    .where(_CHUNK.run == bindparam("number"), _CHUNK.key.in_(bindparam("keys", expanding=True)))
    .subquery()
)
_TAILS = (
    select(_TAIL.c.id, _TAIL.c.key, _TAIL.c.count)
    .where(_TAIL.c.place <= _DEEP)
    .order_by(_TAIL.c.key, _TAIL.c.id.desc())
)


def _chunks(connection: Connection, number: int, name: str) -> list[_Chunk]:
    """Return the chunks of a metric, in the order in which they were logged."""
    rows = plain_rows(connection, _CHUNKS, {"number": number, "name": name})
    return list(starmap(_Chunk, rows))


def _read(connection: Connection, chunks: Sequence[_Chunk]) -> dict[int, Points]:
    """Return the points of chunks by id."""
    found: dict[int, Points] = {}
    for some in portions([one.id for one in chunks]):
        found.update(
            (id_, unpack(packed)) for id_, packed in connection.execute(_PACKED, {"ids": some})
        )
    return found


def _joinable(connection: Connection, number: int, counts: dict[int, int]) -> dict[int, list[int]]:
    """Return by key the ids of chunks that so many new points are joined to, oldest first."""
    found: dict[int, list[int]] = {}
    total = dict(counts)
    for some in portions(sorted(counts)):
        for id_, key, count in connection.execute(_TAILS, {"number": number, "keys": some}):
            if count > total[key] or count + total[key] > FULL:
                total[key] = FULL  # nothing before one that stays is joined: order is kept
                continue
            total[key] += count
            found.setdefault(key, []).insert(0, id_)
    return found


def _in_order(held: dict[int, Points]) -> Points:
    """Return the points of chunks by (step, at, order of logging)."""
    if not held:
        return Points((), (), ())
    parts = [held[id_] for id_ in sorted(held, key=lambda one: (held[one].steps[0], one))]
    whole = _whole(parts)
    moments = list(zip(whole.steps, whole.ats, strict=True))
    if all(map(lt, moments, moments[1:])):
        return whole
    whole = _whole([held[id_] for id_ in sorted(held)])
    moments = list(zip(whole.steps, whole.ats, strict=True))
    return whole.picked(sorted(range(len(moments)), key=moments.__getitem__))


def _by_step(held: dict[int, Points]) -> Points:
    """Return the points of chunks by step, and by time where that is needed to put them in order."""
    if not held:
        return Points((), (), ())
    found = _whole(sorted(held.values(), key=lambda one: (one.steps[0], one.ats[0])))
    steps, ats = found.steps, found.ats
    if steps[0] != steps[-1] and all(map(le, steps, islice(steps, 1, None))):
        return found
    return found.picked(sorted(range(len(steps)), key=lambda at: (steps[at], ats[at])))


def _whole(parts: Sequence[Points]) -> Points:
    return Points(*(list(chain.from_iterable(column)) for column in zip(*parts, strict=True)))


def _beyond(points: Points, place: _Place | None, until: int | None) -> Points:
    """Return points behind a place, as far as no chunk can still come between them."""
    steps = points.steps
    start, end = 0, len(steps) if until is None else bisect_left(steps, until)
    if place is not None:
        start = bisect_left(range(len(steps)), (place.step, place.at), key=_moment(points))
        start += place.given
    return points.picked(range(min(start, end), end))


def _moment(points: Points) -> Callable[[int], tuple[int, int]]:
    return lambda at: (points.steps[at], points.ats[at])


def _token(page: Points, before: _Place | None) -> str:
    """Return where a page ended, so that nothing is left out however its chunks are joined."""
    step, at = page.steps[-1], page.ats[-1]
    count = len(page.steps)
    given = count - bisect_left(range(count), (step, at), key=_moment(page))
    if before is not None and given == count and (before.step, before.at) == (step, at):
        given += before.given
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(_Place(step, at, given))).decode()


def _opened(token: str) -> _Place:
    try:
        place = msgspec.msgpack.decode(base64.urlsafe_b64decode(token), type=_Place)
        if place.given >= 0:
            return place
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        pass
    raise DeclarationError(
        "there is no such page",
        value=token,
        expected="what a page calls next",
        fix="start again without a token",
    )


def _packed(points: Sequence[Metric], name: str) -> Iterator[dict[str, Any]]:
    """Yield chunks of points, as columns."""
    for start in range(0, len(points), FULL):
        some = points[start : start + FULL]
        columns = Points(
            [one.step for one in some], [one.at for one in some], [one.value for one in some]
        )
        yield _columns(columns, pack(columns, name))


def _columns(points: Points, packed: bytes) -> dict[str, Any]:
    thin = thinned(points)
    return {
        "count": len(points.steps),
        "low": min(points.steps),
        "high": max(points.steps),
        "thin": None if thin is None else pack(thin, ""),
        "points": packed,
    }


def _last(points: Sequence[Metric]) -> Metric:
    last = points[0]
    for point in points:
        if (point.step, point.at) >= (last.step, last.at):
            last = point
    return last
