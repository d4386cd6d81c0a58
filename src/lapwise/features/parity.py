"""Proves that what was served is what the dataset tables say: logged vectors, computed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from lapwise.core.errors import FeatureError
from lapwise.core.model import Column
from lapwise.features.demand import OnDemand, differs
from lapwise.features.frame import Feature, compute
from lapwise.features.join import MEMORY, point_in_time
from lapwise.features.model import FeatureView
from lapwise.features.request import in_microseconds, input_series, type_of
from lapwise.features.rows import microseconds

__all__ = ["Difference", "Parity", "compare"]


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
        cause: why, where it can be told; else empty.
    """

    feature: str
    row: Any
    entity: dict[str, Any]
    at: int
    logged: Any
    offline: Any
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
    """

    rows: int
    equal: int
    by_feature: dict[str, int]
    differences: tuple[Difference, ...]

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
) -> Parity:
    """Compute logged vectors again from tables alone, and compare them bit by bit.

    NaN equals NaN, null equals null, -0.0 does not equal 0.0. An input that is itself a feature is
    what it is, and takes no part.

    Args:
        logged: one row a logged vector: the request's columns, the time, the row's id, and the
            features as they were served; times may be microseconds.
        features: what was served.
        time: the column of the requests' times.
        row: the column that names a row.
        tables: for each table's name all its rows.
        columns: the types of the request's columns; those not named stay as they are.
        most: how many differences to describe.
        memory: as in :func:`~lapwise.features.join.point_in_time`.

    Raises:
        FeatureError: a column is missing or of a type that cannot be used.
        DataError: a table cannot be read.
    """
    made = [feature for feature in features if not isinstance(feature, str)]
    examples = _examples(logged, made, time, columns)
    offline = compute(examples, made, time=time, tables=tables, memory=memory)
    unequal: dict[str, pl.Series] = {}
    for feature in made:
        for name in _names(feature):
            if name not in logged.columns:
                raise FeatureError("a feature was not logged", value=name)
            found = _unequal(logged[name], offline[name])
            if found.any():
                unequal[name] = found
    if not unequal:
        return Parity(logged.height, logged.height, {}, ())
    wrong = pl.DataFrame(unequal).select(pl.any_horizontal(pl.all())).to_series()
    times = examples.select(microseconds(time, examples.schema, "the log")).to_series()
    frame = pl.DataFrame({"place": pl.int_range(logged.height, eager=True), "at": times})
    places = frame.filter(wrong).sort("at", "place")["place"][:most].to_list()
    described = [
        difference
        for feature in made
        for difference in _described(
            feature, places, unequal, logged, offline, examples, time, row, tables, times
        )
    ]
    described.sort(key=lambda difference: difference.at)
    return Parity(
        rows=logged.height,
        equal=logged.height - int(wrong.sum()),
        by_feature={name: int(found.sum()) for name, found in unequal.items()},
        differences=tuple(described[:most]),
    )


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
    for name in dict.fromkeys((time, *(n for feature in features for n in _entity(feature)))):
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


def _normal(series: pl.Series) -> pl.Series:
    """Return values as a log holds them: widest number, text, microseconds."""
    series, dtype = in_microseconds(series), series.dtype
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return series.cast(pl.String)
    if dtype.is_float():
        return series.cast(pl.Float64)
    return series.cast(pl.Int64) if dtype.is_integer() and dtype != pl.UInt64 else series


def _unequal(logged: pl.Series, offline: pl.Series) -> pl.Series:
    """Return where a logged column is not the computed one, to the bit."""
    found, wanted = _normal(logged), _normal(offline)
    if found.dtype != wanted.dtype:
        numbers = found.dtype.is_numeric() and wanted.dtype.is_numeric()
        if found.dtype != pl.Null and not numbers:
            return found.is_not_null() | wanted.is_not_null()
        cast = found.cast(wanted.dtype, strict=False)
        lossy = cast.cast(found.dtype, strict=False).ne_missing(found)
        return differs(cast, wanted) | lossy
    return differs(found, wanted)


def _described(
    feature: FeatureView | OnDemand,
    places: list[int],
    unequal: Mapping[str, pl.Series],
    logged: pl.DataFrame,
    offline: pl.DataFrame,
    examples: pl.DataFrame,
    time: str,
    row: str,
    tables: Mapping[str, pl.LazyFrame],
    times: pl.Series,
) -> list[Difference]:
    """Describe the differences of one feature's columns at some places."""
    names = [name for name in _names(feature) if name in unequal]
    mine = [place for place in places if any(unequal[name][place] for name in names)]
    if not mine:
        return []
    causes = [""] * len(mine)
    if isinstance(feature, FeatureView):
        causes = _causes(feature, logged[mine], offline[mine], examples[mine], time, tables)
    entity = examples.select(_entity(feature))
    return [
        Difference(
            feature=name,
            row=logged[row][place],
            entity=entity.row(place, named=True),
            at=times[place],
            logged=logged[name][place],
            offline=offline[name][place],
            cause=cause,
        )
        for place, cause in zip(mine, causes, strict=True)
        for name in names
        if unequal[name][place]
    ]


def _causes(
    view: FeatureView,
    logged: pl.DataFrame,
    offline: pl.DataFrame,
    examples: pl.DataFrame,
    time: str,
    tables: Mapping[str, pl.LazyFrame],
) -> list[str]:
    """Say for each row what explains that a view's features differ.

    The numbers of rows differ; the vector is right if the latest row is left out; it is right as
    of the moment after the request.
    """
    plain = examples.select(time, *view.by)
    latest = point_in_time(plain, [view], time=time, tables=tables, known=True)
    moment = plain.select(microseconds(time, plain.schema, "the log")).to_series() + 1
    after = plain.with_columns(moment.cast(pl.Datetime("us", "UTC")).alias(time))
    ahead = point_in_time(after, [view], time=time, tables=tables)
    causes: list[list[str]] = [[] for _ in range(logged.height)]
    for name, aggregate in view.features:
        if aggregate.kind == "count":
            for told, found, wanted in zip(causes, logged[name], offline[name], strict=True):
                if found is not None and found != wanted and not told:
                    number = abs(found - wanted)
                    rows = "row" if number == 1 else "rows"
                    told.append(
                        f"online, {number} {rows} {'more' if found > wanted else 'missing'}"
                    )
    for place, told in enumerate(causes):
        behind = _without(view, plain[place], time, tables, latest[f"{view.name}__known"][place])
        if behind is not None and _same(view, logged[place], behind):
            told.append("right without the latest row")
        if _same(view, logged[place], ahead[place]):
            told.append("right as of just after: a row known at that very moment was seen")
    return ["; ".join(told) for told in causes]


def _without(
    view: FeatureView,
    example: pl.DataFrame,
    time: str,
    tables: Mapping[str, pl.LazyFrame],
    latest: int | None,
) -> pl.DataFrame | None:
    """Return an example's features as if nothing were known from some moment on."""
    if latest is None:
        return None
    table = tables[view.table.name]
    known = microseconds(view.table.known, table.collect_schema(), f"view '{view.name}'")
    earlier = {view.table.name: table.filter(known < latest)}
    return point_in_time(example, [view], time=time, tables=earlier)


def _same(view: FeatureView, logged: pl.DataFrame, other: pl.DataFrame) -> bool:
    return not any(_unequal(logged[name], other[name]).any() for name in view.names)
