"""What was logged to many runs, read at once and only as far as it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import BindParameter, Connection, Table, bindparam, select

from lapwise.core.errors import DeclarationError
from lapwise.core.model import Metric, Param, Run, Scalar, Tag
from lapwise.core.tracked import RunInput, RunSummary
from lapwise.store import schema
from lapwise.store.database import plain_rows, portions
from lapwise.store.encoding import decode

__all__ = [
    "Columns",
    "inputs_of",
    "metrics_of",
    "params_of",
    "summaries",
    "tags_of",
]

R = TypeVar("R")

_SCALARS: type[list[Scalar]] = list[Scalar]
_KINDS = ("params", "metrics", "tags", "inputs")


class Columns(msgspec.Struct, frozen=True):
    """Which columns come with a run: of each kind all (None), or the names."""

    params: frozenset[str] | None = None
    metrics: frozenset[str] | None = None
    tags: frozenset[str] | None = None
    inputs: frozenset[str] | None = None

    @classmethod
    def of(cls, names: Sequence[str] | None) -> Columns:
        """Return what ``params.NAME``, ``metrics`` and so on ask for; None asks for everything.

        Raises:
            DeclarationError: a column is of no kind that there is.
        """
        if names is None:
            return cls()
        wanted: dict[str, set[str] | None] = {kind: set() for kind in _KINDS}
        for column in names:
            kind, dot, name = column.partition(".")
            if kind not in wanted or (dot and (kind == "inputs" or not name)):
                raise DeclarationError(
                    "there is no such column of a run",
                    value=column,
                    expected="params, metrics, tags, inputs, or params.NAME, metrics.NAME, tags.NAME",
                )
            some = wanted[kind]
            if not dot:
                wanted[kind] = None
            elif some is not None:
                some.add(name[1:-1] if len(name) > 2 and name[0] == name[-1] == "`" else name)
        return cls(
            **{kind: None if got is None else frozenset(got) for kind, got in wanted.items()}
        )


def summaries(
    connection: Connection, runs: Sequence[tuple[int, Run]], columns: Columns
) -> tuple[RunSummary, ...]:
    """Return runs, given with their numbers, and what was asked for of each."""
    numbers = [number for number, _ in runs]
    params = params_of(connection, numbers, columns.params)
    metrics = metrics_of(connection, numbers, columns.metrics)
    tags = tags_of(connection, numbers, columns.tags)
    inputs = inputs_of(connection, numbers) if columns.inputs is None else {}
    return tuple(
        RunSummary(
            run=run,
            params=params.get(number, ()),
            metrics=metrics.get(number, ()),
            tags=tags.get(number, ()),
            inputs=inputs.get(number, ()),
        )
        for number, run in runs
    )


def params_of(
    connection: Connection, numbers: Sequence[int], names: frozenset[str] | None = None
) -> dict[int, tuple[Param, ...]]:
    """Return parameters by number of the run, sorted by name."""

    def made(rows: Sequence[Any]) -> Iterable[tuple[int, Param]]:
        # One text decoded at once costs a tenth of as many small ones.
        values = decode("[" + ",".join([row[2] for row in rows]) + "]", _SCALARS)
        return [
            (row[0], Param(name=row[1], value=value))
            for row, value in zip(rows, values, strict=True)
        ]

    return _read(connection, _PARAMS, schema.param, numbers, names, made)


def metrics_of(
    connection: Connection, numbers: Sequence[int], names: frozenset[str] | None = None
) -> dict[int, tuple[Metric, ...]]:
    """Return the last value of each metric by number of the run, sorted by name."""

    def made(rows: Sequence[Any]) -> Iterable[tuple[int, Metric]]:
        nan = math.nan
        return [
            (run, Metric(name=name, value=nan if value is None else value, step=step, at=at))
            for run, name, value, step, at in rows
        ]

    return _read(connection, _METRICS, schema.metric_key, numbers, names, made)


def tags_of(
    connection: Connection, numbers: Sequence[int], names: frozenset[str] | None = None
) -> dict[int, tuple[Tag, ...]]:
    """Return tags by number of the run, sorted by name."""

    def made(rows: Sequence[Any]) -> Iterable[tuple[int, Tag]]:
        return [(run, Tag(name=name, value=value)) for run, name, value in rows]

    return _read(connection, _TAGS, schema.tag, numbers, names, made)


def inputs_of(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[RunInput, ...]]:
    """Return inputs by number of the run, in the order in which they were logged."""
    found: dict[int, list[RunInput]] = {}
    for some in portions(numbers):
        for run, body in connection.execute(_INPUTS, {"runs": some}):
            found.setdefault(run, []).append(decode(body, RunInput))
    return {run: tuple(inputs) for run, inputs in found.items()}


def _read(
    connection: Connection,
    query: Any,
    named: Table,
    numbers: Sequence[int],
    names: frozenset[str] | None,
    made: Callable[[Sequence[Any]], Iterable[tuple[int, R]]],
) -> dict[int, tuple[R, ...]]:
    if names is not None:
        if not names:
            return {}
        query = query.where(named.c.name.in_(bindparam("names", expanding=True)))
    found: dict[int, list[R]] = {}
    for some in portions(numbers):
        values: dict[str, Any] = {"runs": some}
        if names is not None:
            values["names"] = sorted(names)
        for run, record in made(plain_rows(connection, query, values)):
            found.setdefault(run, []).append(record)
    return {run: tuple(sorted(got, key=_by_name)) for run, got in found.items()}


def _by_name(record: Any) -> str:
    name: str = record.name
    return name


_RUNS: BindParameter[int] = bindparam("runs", expanding=True)
_PARAM, _TAG, _LATEST = schema.param.c, schema.tag.c, schema.metric_latest.c
_PARAMS = select(_PARAM.run, _PARAM.name, _PARAM.value).where(_PARAM.run.in_(_RUNS))
_TAGS = select(_TAG.run, _TAG.name, _TAG.value).where(_TAG.run.in_(_RUNS))
_METRICS = (
    select(_LATEST.run, schema.metric_key.c.name, _LATEST.value, _LATEST.step, _LATEST.at)
    .join_from(schema.metric_latest, schema.metric_key)
    .where(_LATEST.run.in_(_RUNS))
)
_INPUTS = (
    select(schema.run_input.c.run, schema.run_input.c.body)
    .where(schema.run_input.c.run.in_(_RUNS))
    .order_by(schema.run_input.c.run, schema.run_input.c.position)
)
