"""Proves that on-demand features of one row are what they are among many, by Polars or without."""

from __future__ import annotations

from typing import Any

import polars as pl

from lapwise.core.errors import FeatureError
from lapwise.features.expressions.demand import OnDemand, differs
from lapwise.features.expressions.probe import plain_rows, probe, request_types
from lapwise.features.expressions.scalar import translate
from lapwise.features.expressions.scalar.kinds import is_same
from lapwise.features.request import in_microseconds, input_frame

__all__ = ["prove_elementwise"]


def prove_elementwise(feature: OnDemand, sample: pl.DataFrame) -> None:
    """Compute a probe at once, row by row, and row by row without Polars; require the same bits.

    The probe is the sample, and edge values of every input's type: null, NaN, both zeros, extremes,
    leap days, changes of clocks, text that is empty or not ASCII.

    Args:
        feature: what to prove.
        sample: rows with the input columns, or none; each row costs about a millisecond.

    Raises:
        FeatureError: names the feature, the inputs and both results; or a request cannot carry an
            input, an expression has no form for one row, or the sample itself cannot be computed.
    """
    given = feature.compute(sample)
    types = request_types(sample.schema, feature.inputs)
    rows = plain_rows(sample.select(feature.inputs))
    carried = feature.compute(_frame(rows, types))
    _compare(feature, carried, given, rows, "as a request carries it")
    alone: list[pl.DataFrame | None] = []
    good: list[int] = []
    rows = probe(rows, types, feature.serialized)
    frame = _frame(rows, types)
    for place in range(len(rows)):
        try:
            one = feature.compute(frame[place])
        except FeatureError:
            alone.append(None)  # an edge that a cast refuses; it must be refused everywhere
        else:
            alone.append(one)
            good.append(place)
    singles = [one for one in alone if one is not None]
    if singles:
        _compare(
            feature,
            pl.concat(singles),
            feature.compute(frame[good]),
            [rows[place] for place in good],
            "alone",
        )
    _without_polars(feature, types, rows, alone)


def _frame(rows: list[tuple[Any, ...]], types: dict[str, pl.DataType]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) or [()] * len(types)
    return input_frame(dict(zip(types, map(list, columns), strict=True)), types)


def _compare(
    feature: OnDemand,
    one: pl.DataFrame,
    many: pl.DataFrame,
    rows: list[tuple[Any, ...]],
    how: str,
) -> None:
    for name in feature.outputs:
        if one.schema[name] != many.schema[name]:
            raise FeatureError(
                f"on-demand feature '{feature.name}.{name}' has another type for one row than for many",
                value=str(one.schema[name]),
                expected=str(many.schema[name]),
            )
        unequal = differs(one[name], many[name])
        if unequal.any():
            place = unequal.arg_max() or 0
            raise FeatureError(
                f"on-demand feature '{feature.name}.{name}' depends on other rows: "
                f"{_told(feature, rows[place])} {how} gives {one[name][place]!r}",
                value=many[name][place],
                expected="the same bits for one row as for many",
                fix="compute it in a table's build function, or as a feature view",
            )


def _without_polars(
    feature: OnDemand,
    types: dict[str, pl.DataType],
    rows: list[tuple[Any, ...]],
    alone: list[pl.DataFrame | None],
) -> None:
    evaluator = translate(feature, types)
    for row, frame in zip(rows, alone, strict=True):
        wanted: tuple[Any, ...] | None = None
        if frame is not None:
            wanted = tuple(in_microseconds(column)[0] for column in frame.get_columns())
        try:
            found: tuple[Any, ...] | None = evaluator(row)
        except FeatureError:
            found = None
        if found is None and wanted is None:
            continue
        for place, name in enumerate(feature.outputs):
            one = "an error" if found is None else found[place]
            many = "an error" if wanted is None else wanted[place]
            if not is_same(one, many):
                raise FeatureError(
                    f"on-demand feature '{feature.name}.{name}' is not the same without Polars: "
                    f"{_told(feature, row)} gives {one!r}",
                    value=many,
                    expected="the same bits for one row as for many",
                    fix="please report the expression; another one may do the same",
                )
        if found is not None and evaluator.types != tuple(_types(frame)):
            raise FeatureError(
                f"on-demand feature '{feature.name}' is of another type without Polars",
                value=str(evaluator.types),
                expected=str(_types(frame)),
            )


def _types(frame: pl.DataFrame | None) -> list[pl.DataType]:
    return [] if frame is None else frame.dtypes


def _told(feature: OnDemand, row: tuple[Any, ...]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(feature.inputs, row, strict=True))
