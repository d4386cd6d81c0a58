"""One row in plain Python, one row by Polars, and many rows by Polars: the same bits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings

from lapwise.core.errors import DeclarationError, FeatureError
from lapwise.features.demand import OnDemand, on_demand
from lapwise.features.request import in_microseconds, input_frame
from lapwise.features.scalar import Evaluator, translate
from lapwise.features.scalar.kinds import is_same
from lapwise.features.scalar.node import Defer
from tests.features.scalar.expressions import cases
from tests.features.scalar.values import TYPES

COUNTS: Counter[str] = Counter()


def declared(expression: pl.Expr, names: list[str]) -> OnDemand | None:
    """Return a feature "out" of an expression, None if it is refused."""
    code = f"def feature({', '.join(names)}):\n    return {{'out': made}}"
    scope: dict[str, Any] = {"made": expression}
    exec(code, scope)
    try:
        return on_demand(scope["feature"])
    except DeclarationError as error:
        COUNTS[f"refused: {error.value}"] += 1
        return None


def answer(function: Any) -> Any:
    """Return what a computation gives; an error is a value too."""
    try:
        return function()
    except FeatureError:
        return FeatureError


def check(expression: pl.Expr, rows: list[dict[str, Any]]) -> None:
    names = sorted(set(expression.meta.root_names()))
    if not names:
        return
    feature = declared(expression, names)
    if feature is None:
        return
    types = {name: TYPES[name] for name in names}
    evaluator = answer(lambda: translate(feature, types))
    if evaluator is FeatureError:
        try:
            translate(feature, types)
        except FeatureError as error:
            COUNTS[f"inexact: {error.value}"] += 1
        return
    assert isinstance(evaluator, Evaluator)
    frame = input_frame({name: [row[name] for row in rows] for name in names}, types)
    COUNTS["examples"] += 1
    alone: list[Any] = []
    for place, row in enumerate(rows):
        one = answer(lambda place=place: in_microseconds(feature.compute(frame[place])["out"])[0])
        plain = [row[name] for name in names]
        try:
            made = evaluator.scalar(plain)[0]
            COUNTS["scalar"] += 1
        except Defer:
            COUNTS["deferred"] += 1
            made = answer(lambda plain=plain: evaluator(plain)[0])
        assert made is one or is_same(made, one), (
            str(expression),
            row,
            f"scalar {made!r}",
            f"alone {one!r}",
        )
        alone.append(one)
    whole = answer(lambda: feature.compute(frame)["out"])
    if whole is FeatureError:
        assert FeatureError in alone, str(expression)
        return
    COUNTS["batches"] += 1
    assert whole.dtype == evaluator.types[0], (str(expression), whole.dtype, evaluator.types)
    for one, many in zip(alone, in_microseconds(whole).to_list(), strict=True):
        assert is_same(one, many), (str(expression), rows, f"alone {one!r}", f"many {many!r}")


@given(case=cases())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_one_row_is_what_it_is_among_many(case: tuple[pl.Expr, list[dict[str, Any]]]) -> None:
    check(*case)
