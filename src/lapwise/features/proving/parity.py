"""Proves that what was served is what the dataset tables say: logged vectors, computed again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from lapwise.core.errors import FeatureError
from lapwise.core.feature import CauseKind
from lapwise.core.model import Column
from lapwise.core.protocols import Progress, SilentProgress
from lapwise.features.expressions.demand import OnDemand
from lapwise.features.frame import Feature, compute
from lapwise.features.model import FeatureView
from lapwise.features.offline.join import MEMORY
from lapwise.features.proving.bits import unequal
from lapwise.features.proving.blame import demand_cause, view_cause
from lapwise.features.proving.cause import Served, Traces
from lapwise.features.proving.suspects import Request
from lapwise.features.request import input_series, type_of
from lapwise.features.rows import microseconds

__all__ = ["Difference", "Parity", "compare"]

_LATER = 8
NO_TRACES = Traces()


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that was logged and is not what the tables say.

    Attributes:
        feature: its name.
        row: the row that was asked for.
        entity: the columns that the feature is made for, with their values.
        at: the time of the request in microseconds.
        logged: what was served.
        offline: what the tables say.
        kind: of the cause.
        cause: why, in a sentence.
    """

    feature: str
    row: Any
    entity: dict[str, Any]
    at: int
    logged: Any
    offline: Any
    kind: CauseKind = "unknown"
    cause: str = ""

    def __str__(self) -> str:
        """Return a sentence with the feature, the entity and both values."""
        entity = ", ".join(f"{name} {value!r}" for name, value in self.entity.items())
        told = f"{self.feature} of {entity} (row {self.row}): {self.logged!r} was served, "
        return told + f"{self.offline!r} is right" + (f"; {self.cause}" if self.cause else "")


@dataclass(frozen=True, slots=True)
class Parity:
    """What a comparison found.

    Attributes:
        rows: how many vectors were compared.
        equal: how many of them are equal to the bit.
        by_feature: for each feature with differences the number of rows that differ.
        differences: the first of them, in order of time.
        features: all that were compared.
    """

    rows: int
    equal: int
    by_feature: dict[str, int]
    differences: tuple[Difference, ...]
    features: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The share of equal vectors; 1 if there was none."""
        return self.equal / self.rows if self.rows else 1.0


def compare(
    logged: pl.DataFrame,
    features: Sequence[Feature],
    *,
    time: str,
    row: str,
    tables: Mapping[str, pl.LazyFrame],
    columns: Sequence[Column] = (),
    most: int = 20,
    memory: int = MEMORY,
    traces: Traces = NO_TRACES,
    progress: Progress | None = None,
) -> Parity:
    """Compute logged vectors again from tables alone, and compare them bit by bit.

    NaN equals NaN, null equals null, -0.0 does not equal 0.0. An input that is itself a feature is
    what it is, and takes no part. A cause is told only if it gives what was served, to the bit.

    Args:
        logged: one row a logged vector: the request's columns, the time, the row's id, and the
            features as they were served; times may be microseconds.
        features: what was served.
        time: the column of the requests' times.
        row: the column that names a row.
        tables: for each table's name all its rows.
        columns: the types of the request's columns; those not named stay as they are.
        most: how many differences to describe.
        memory: as in :func:`~lapwise.features.offline.join.point_in_time`.
        traces: what causes are looked for in, beside the log and the tables.
        progress: where to show how far it has come.

    Raises:
        FeatureError: a column is missing or of a type that cannot be used.
        DataError: a table cannot be read.
    """
    made = [feature for feature in features if not isinstance(feature, str)]
    names = tuple(name for feature in made for name in _names(feature))
    missing = [name for name in names if name not in logged.columns]
    if missing:
        raise FeatureError("a feature was not logged", value=missing[0])
    examples = _examples(logged, made, time, columns)
    offline = compute(examples, made, time=time, tables=tables, memory=memory, progress=progress)
    differing = {name: unequal(logged[name], offline[name]) for name in names}
    differing = {name: found for name, found in differing.items() if found.any()}
    if not differing:
        return Parity(logged.height, logged.height, {}, (), names)
    wrong = pl.DataFrame(differing).select(pl.any_horizontal(pl.all())).to_series()
    times = examples.select(microseconds(time, examples.schema, "the log")).to_series()
    frame = pl.DataFrame({"place": pl.int_range(logged.height, eager=True), "at": times})
    places = frame.filter(wrong).sort("at", "place")["place"][:most].to_list()
    log = _Log(logged, offline, examples, times, row, differing)
    task = (progress or SilentProgress()).task("causes", total=len(made))
    described: list[Difference] = []
    for feature in made:
        described += _described(log, feature, places, tables, traces)
        task.advance()
    task.done()
    described.sort(key=lambda difference: difference.at)
    return Parity(
        rows=logged.height,
        equal=logged.height - int(wrong.sum()),
        by_feature={name: int(found.sum()) for name, found in differing.items()},
        differences=tuple(described[:most]),
        features=names,
    )


@dataclass(frozen=True, slots=True)
class _Log:
    """What was served and what is right, row by row."""

    logged: pl.DataFrame
    offline: pl.DataFrame
    examples: pl.DataFrame
    times: pl.Series
    row: str
    differing: Mapping[str, pl.Series]

    def served(self, view: FeatureView, place: int) -> Served:
        """Return one vector of a view."""
        return Served(
            Request(view, self.examples[place], int(self.times[place])),
            self.logged[place].select(view.names),
            self.offline[place].select(view.names),
        )

    def later(self, view: FeatureView, place: int) -> Iterator[Served]:
        """Yield the right vectors of the same entity that were served later, in order of time."""
        same = self.examples.select(
            pl.all_horizontal(
                pl.col(name).eq_missing(pl.lit(self.examples[name][place])) for name in view.by
            )
        ).to_series()
        found = [self.differing[name] for name in view.names if name in self.differing]
        wrong = pl.DataFrame(found).select(pl.any_horizontal(pl.all())).to_series()
        after = pl.DataFrame({"at": self.times}).with_row_index("place")
        after = after.filter(same & ~wrong & (self.times > self.times[place])).sort("at", "place")
        for other in after["place"][:_LATER]:
            yield self.served(view, other)


def _names(feature: FeatureView | OnDemand) -> tuple[str, ...]:
    return feature.names if isinstance(feature, FeatureView) else feature.outputs


def _entity(feature: FeatureView | OnDemand) -> tuple[str, ...]:
    return feature.by if isinstance(feature, FeatureView) else feature.inputs


def _examples(
    logged: pl.DataFrame,
    features: Sequence[FeatureView | OnDemand],
    time: str,
    columns: Sequence[Column],
) -> pl.DataFrame:
    """Return the columns that features are made of, with their types."""
    types = {column.name: type_of(column) for column in columns}
    examples = []
    computed = {name for feature in features for name in _names(feature)}
    asked = (name for feature in features for name in _entity(feature) if name not in computed)
    for name in dict.fromkeys((time, *asked)):
        if name not in logged.columns:
            raise FeatureError(
                "the log lacks a column",
                value=name,
                expected=f"one of {', '.join(logged.columns)[:160]}",
            )
        series, wanted = logged[name], types.get(name)
        if name == time and series.dtype == pl.Int64:
            series = series.cast(pl.Datetime("us", "UTC"))
        elif wanted is not None and series.dtype != wanted:
            if series.dtype.is_temporal() or not wanted.is_temporal():
                series = series.cast(wanted)
            else:
                series = input_series(name, series.to_list(), wanted)
        examples.append(series)
    return pl.DataFrame(examples)


def _described(
    log: _Log,
    feature: FeatureView | OnDemand,
    places: list[int],
    tables: Mapping[str, pl.LazyFrame],
    traces: Traces,
) -> Iterator[Difference]:
    """Describe the differences of one feature's columns at some places."""
    # What is derived may read features alone: they are told as they were served.
    entity = pl.DataFrame(
        [(log.examples if name in log.examples else log.logged)[name] for name in _entity(feature)]
    )
    for place in places:
        names = [name for name in _names(feature) if _at(log.differing, name, place)]
        if not names:
            continue
        if isinstance(feature, FeatureView):
            later = list(log.later(feature, place))
            served, table = log.served(feature, place), tables[feature.table.name]
            cause = view_cause(served, table, traces, later)
        else:
            cause = demand_cause(
                feature,
                log.logged[place],
                log.offline[place],
                typed=log.examples[place],
                others=traces.others,
            )
        for name in names:
            yield Difference(
                feature=name,
                row=log.logged[log.row][place],
                entity=entity.row(place, named=True),
                at=int(log.times[place]),
                logged=log.logged[name][place],
                offline=log.offline[name][place],
                kind=cause.kind,
                cause=cause.sentence,
            )


def _at(differing: Mapping[str, pl.Series], name: str, place: int) -> bool:
    return name in differing and bool(differing[name][place])
