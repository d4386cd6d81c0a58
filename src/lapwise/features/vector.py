"""A view's features for some entities at one time, from the rows that the online store holds.

The rows of all entities are joined into one array. Those that are seen lie in order of (entity,
event, known, key), so each window of an entity is a run of them, and sums over runs are one call.
Numbers leave through the finishing functions of ``kernel.py``, as those of the frame do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lapwise.features.fixed_point import FixedPoint, check_squares, exact_window_sum, in_quanta
from lapwise.features.kernel import (
    Bools,
    Float64,
    Int64,
    UInt64,
    deviation,
    join_limbs,
    mean_of,
    square_limbs,
    total_of,
)
from lapwise.features.layout import (
    ColumnLayout,
    Space,
    ViewState,
    bound_of,
    read_kept,
    row_type,
)
from lapwise.features.model import Aggregate, FeatureView

if TYPE_CHECKING:
    import lmdb

__all__ = ["Scalars", "vectors"]

Scalars: TypeAlias = list[Any]
"""One value for each entity, None where there is none."""

_LEAST = np.iinfo(np.int64).min


def vectors(
    transaction: lmdb.Transaction,
    view: FeatureView,
    state: ViewState,
    entities: Sequence[bytes],
    at: int,
) -> list[Scalars]:
    """Return one list for each feature of a view: its values for some entities as of a time.

    Args:
        transaction: a reading transaction, whose values may be memory views.
        view: what to compute.
        state: the view's state in the same transaction.
        entities: packed entities; an empty one has no rows.
        at: microseconds.

    Raises:
        FeatureError: a number does not fit its fixed point.
    """
    seen = _Seen(transaction, view, state, entities, at)
    columns = {
        column.name: _Column(place, column, seen) for place, column in enumerate(state.columns)
    }
    windows: dict[int, _Window] = {}
    found = []
    for _, feature in view.features:
        window = windows.get(feature.within)
        if window is None:
            window = windows[feature.within] = _Window(seen, at - feature.within)
        if feature.kind == "count":
            found.append(window.rows.tolist())
        else:
            found.append(window.feature(feature, columns[feature.column]))
    return found


class _Seen:
    """The rows that the widest window shows at a time, entity after entity.

    ``start`` and ``stop`` say for each entity where its rows are.
    """

    def __init__(
        self,
        transaction: lmdb.Transaction,
        view: FeatureView,
        state: ViewState,
        entities: Sequence[bytes],
        at: int,
    ) -> None:
        self.view, self.transaction, self.space = view, transaction, Space(state.number)
        kind = row_type(state.columns)
        content, sizes = _content(transaction, self.space, entities, at - view.widest, at)
        rows = np.frombuffer(content, kind)
        stop = np.cumsum(np.array(sizes, np.int64)) // kind.itemsize
        event = rows["event"]
        shown = (rows["known"] < at) & (event <= at)
        shown &= (rows["until"] >= at) & (event >= at - view.widest)
        if not shown.all():
            before = np.zeros(len(rows) + 1, np.int64)
            np.cumsum(shown, out=before[1:])
            stop = before[stop]
            rows = rows[shown]
        self.rows, self.event, self.stop = rows, rows["event"], stop
        self.start = np.concatenate((_ZERO, stop[:-1]))


_ZERO = np.zeros(1, np.int64)


def _content(
    transaction: lmdb.Transaction, space: Space, entities: Sequence[bytes], low: int, high: int
) -> tuple[bytes, list[int]]:
    """Return the chunks that may hold events from ``low`` to ``high``, and each entity's bytes."""
    pieces: list[bytes | memoryview] = []
    sizes = []
    first, beyond = bound_of(low), bound_of(high + 1)
    with transaction.cursor() as cursor:
        for entity in entities:
            size = 0
            if entity:
                prefix = space.chunks + entity
                length = len(prefix)
                mine: list[bytes | memoryview] = []
                present = cursor.prev() if cursor.set_range(prefix + beyond) else cursor.last()
                while present:
                    key, chunk = cursor.item()
                    if key[:length] != prefix:
                        break
                    mine.append(chunk)
                    size += len(chunk)
                    if bytes(key[length:]) <= first:
                        break
                    present = cursor.prev()
                pieces.extend(mine[::-1])
            sizes.append(size)
        return b"".join(pieces), sizes


class _Column:
    """A value column of the rows that are seen."""

    def __init__(self, place: int, layout: ColumnLayout, seen: _Seen) -> None:
        self.place, self.layout, self.seen = place, layout, seen
        self._fixed: dict[float | None, FixedPoint] = {}

    @cached_property
    def observed(self) -> Bools | None:
        """Where there is a value, or None if there is one everywhere."""
        observed: Bools = self.seen.rows[f"o{self.place}"]
        return None if observed.all() else observed

    @cached_property
    def places(self) -> Int64:
        """The places of the rows with a value."""
        return np.flatnonzero(self.seen.rows[f"o{self.place}"])

    @cached_property
    def numbers(self) -> NDArray[Any]:
        """The values as float64, int64 or uint64; 0 where there is none, -0.0 as 0.0."""
        stored = self.seen.rows[f"v{self.place}"]
        if stored.dtype.kind == "f":
            return stored.astype(np.float64) + 0.0
        return stored if stored.dtype == np.uint64 else stored.astype(np.int64)

    def fixed(self, feature: Aggregate) -> FixedPoint:
        """Return the values in quanta."""
        if feature.quantum not in self._fixed:
            numbers = self.numbers
            if self.layout.duration:
                numbers = _microseconds(numbers, self.layout.unit)
            self._fixed[feature.quantum] = in_quanta(numbers, feature.quantum, self.where(feature))
        return self._fixed[feature.quantum]

    def at(self, place: Int64) -> Scalars:
        """Return the values at some places, None at -1."""
        if self.layout.storage != "text":
            size = len(self.seen.rows)
            numbers = self.numbers[np.maximum(place, 0)] if size else np.zeros(len(place), np.int64)
            return self.plain(numbers, place >= 0)
        numbers = self.seen.rows["row"]
        return [None if i < 0 else self._text(int(numbers[i])) for i in place.tolist()]

    def _text(self, row: int) -> object:
        content = self.seen.transaction.get(self.seen.space.row(row))
        value: object = read_kept(content or b"").values[self.place]
        return value

    def plain(self, numbers: NDArray[Any], valid: Bools) -> Scalars:
        """Return stored numbers as the frame's ``to_list()`` gives them; times in microseconds."""
        if self.layout.storage == "time":
            numbers = _microseconds(numbers, self.layout.unit)
        elif self.layout.storage == "bool":
            numbers = numbers != 0
        values: Scalars = numbers.tolist()
        if valid.all():
            return values
        return [value if good else None for value, good in zip(values, valid.tolist(), strict=True)]

    def where(self, feature: Aggregate) -> str:
        """Return how an error names the feature."""
        return f"view '{self.seen.view.name}': {feature.kind} of column '{self.layout.name}'"


def _microseconds(numbers: NDArray[Any], unit: int) -> NDArray[Any]:
    if unit < 0:
        return numbers * np.int64(-unit)
    return numbers if unit == 1 else (numbers - np.fmod(numbers, unit)) // unit


class _Window:
    """One length of window: a run of the seen rows for each entity."""

    def __init__(self, seen: _Seen, low: int) -> None:
        self.seen, self.stop = seen, seen.stop
        inside = seen.event >= low
        if inside.all():
            self.start = seen.start
        else:
            before = np.zeros(len(inside) + 1, np.int64)
            np.cumsum(inside, out=before[1:])
            self.start = self.stop - (before[self.stop] - before[seen.start])
        self.rows: Int64 = self.stop - self.start
        self._counts: dict[str, Int64] = {}
        self._sums: dict[tuple[str, float | None], Int64] = {}

    @cached_property
    def most(self) -> int:
        """The greatest number of rows of an entity."""
        return int(self.rows.max())

    @cached_property
    def ends(self) -> Int64:
        """Start and stop of each entity's run, in turn."""
        ends = np.empty(2 * len(self.stop), np.int64)
        ends[::2], ends[1::2] = self.start, self.stop
        return ends

    def sum(self, values: Int64) -> Int64:
        """Sum one int64 a row over each run, modulo 2**64."""
        return np.where(self.rows > 0, self._reduce(np.add.reduceat, values), 0)

    def _reduce(self, reduceat: Callable[..., Any], values: NDArray[Any]) -> NDArray[Any]:
        """Reduce each run; a run may end at the end, so one value more than there is is needed."""
        padded = np.empty(len(values) + 1, values.dtype)
        padded[:-1], padded[-1] = values, 0
        result: NDArray[Any] = reduceat(padded, self.ends)[::2]
        return result

    def feature(self, feature: Aggregate, column: _Column) -> Scalars:
        """Compute a feature of a column."""
        match feature.kind:
            case "last":
                return column.at(self._last(column))
            case "first":
                return column.at(self._first(column))
            case "min" | "max":
                return self._extreme(feature, column)
        s1, n, quantum = (
            self._sum(feature, column),
            self._count(column),
            column.fixed(feature).quantum,
        )
        match feature.kind:
            case "sum" if column.layout.code[1] == "f" or quantum != 1.0:
                return _floats(np.where(n > 0, total_of(s1, quantum), np.nan))
            case "sum":
                return [v if m else None for v, m in zip(s1.tolist(), n.tolist(), strict=True)]
            case "std":
                return _floats(deviation(n, s1, self._square(feature, column), quantum))
        return _floats(mean_of(n, s1, quantum))

    def _count(self, column: _Column) -> Int64:
        if column.observed is None:
            return self.rows
        name = column.layout.name
        if name not in self._counts:
            until, before = np.searchsorted(column.places, (self.stop, self.start))
            self._counts[name] = until - before
        return self._counts[name]

    def _last(self, column: _Column) -> Int64:
        if column.observed is None:
            return np.where(self.rows > 0, self.stop - 1, -1)
        place = np.searchsorted(column.places, self.stop) - 1
        return self._at(column, place)

    def _first(self, column: _Column) -> Int64:
        if column.observed is None:
            return np.where(self.rows > 0, self.start, -1)
        return self._at(column, np.searchsorted(column.places, self.start))

    def _at(self, column: _Column, place: Int64) -> Int64:
        if not len(column.places):
            return np.full(len(place), -1, np.int64)
        bounded = np.clip(place, 0, len(column.places) - 1)
        return np.where(self._count(column) > 0, column.places[bounded], -1)

    def _sum(self, feature: Aggregate, column: _Column) -> Int64:
        slot = (column.layout.name, feature.quantum)
        if slot not in self._sums:
            fixed, where = column.fixed(feature), column.where(feature)
            self._sums[slot] = exact_window_sum(self.sum, fixed, self.most, where)
        return self._sums[slot]

    def _square(self, feature: Aggregate, column: _Column) -> tuple[UInt64, UInt64]:
        fixed = column.fixed(feature)
        check_squares(fixed, column.where(feature))
        if fixed.largest**2 * self.most < 1 << 63:
            low = self.sum(fixed.values**2)
            return np.zeros_like(low, np.uint64), low.view(np.uint64)
        return join_limbs(tuple(self.sum(limb) for limb in square_limbs(fixed.values)))

    def _extreme(self, feature: Aggregate, column: _Column) -> Scalars:
        numbers = column.numbers
        if column.observed is not None:
            info: Any = np.finfo if numbers.dtype.kind == "f" else np.iinfo
            limits = info(numbers.dtype)
            floating = numbers.dtype.kind == "f"
            worst = limits.max if feature.kind == "min" else limits.min
            if floating:
                worst = np.inf if feature.kind == "min" else -np.inf
            numbers = np.where(column.observed, numbers, worst)
        reduceat = np.minimum.reduceat if feature.kind == "min" else np.maximum.reduceat
        best = self._reduce(reduceat, numbers)
        valid = self._count(column) > 0
        return column.plain(np.where(valid, best, 0).astype(numbers.dtype), valid)


def _floats(values: Float64) -> Scalars:
    """Return floats as plain values, None for NaN."""
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124
