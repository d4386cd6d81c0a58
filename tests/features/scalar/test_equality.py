"""One row in plain Python, one row by Polars, and many rows by Polars: the same bits."""

from __future__ import annotations

from itertools import product
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from lapwise.core.errors import DeclarationError, FeatureError
from lapwise.features.expressions.demand import OnDemand, on_demand
from lapwise.features.expressions.scalar import translate
from lapwise.features.expressions.scalar.kinds import is_same
from lapwise.features.request import in_microseconds, input_frame
from tests.features.scalar.expressions import cases
from tests.features.scalar.values import FLOATS, TYPES

Row = dict[str, Any]


def declared(expression: pl.Expr, names: list[str]) -> OnDemand:
    """Return a feature "out" of an expression."""
    scope: dict[str, Any] = {"made": expression}
    exec(f"def feature({', '.join(names)}):\n    return {{'out': made}}", scope)
    return on_demand(scope["feature"])


def answered(function: Any) -> Any:
    """Return what a computation gives; an error is a value too."""
    try:
        return function()
    except FeatureError:
        return FeatureError


def is_equal(first: Any, second: Any) -> bool:
    """Return whether two answers are the same bits, or both are errors."""
    return first is second or is_same(first, second)


def check(expression: pl.Expr, rows: list[Row]) -> bool:
    """Compare the three ways; return whether there was anything to compare."""
    names = sorted(set(expression.meta.root_names()))
    types = {name: TYPES[name] for name in names}
    try:
        feature = declared(expression, names)
        evaluator = translate(feature, types)
    except (DeclarationError, FeatureError):
        return False  # no column, types that do not fit, or no form for one row
    frame = input_frame({name: [row[name] for row in rows] for name in names}, types)
    alone: list[Any] = []
    for place, row in enumerate(rows):
        one = answered(lambda at=place: in_microseconds(feature.compute(frame[at])["out"])[0])
        made = answered(lambda of=row: evaluator([of[name] for name in names])[0])
        assert is_equal(made, one), f"{expression} of {row}: {made!r} without Polars, {one!r} with"
        alone.append(one)
    whole = answered(lambda: feature.compute(frame)["out"])
    if whole is FeatureError:
        assert FeatureError in alone, f"{expression} of {rows} fails only among many"
        return True
    assert (whole.dtype,) == evaluator.types, str(expression)
    for row, one, many in zip(rows, alone, in_microseconds(whole).to_list(), strict=True):
        assert is_equal(one, many), f"{expression} of {row}: {one!r} alone, {many!r} among many"
    return True


QUIET = list(HealthCheck)


@given(case=cases(depth=2))
@settings(max_examples=150, deadline=None, suppress_health_check=QUIET)
def test_one_row_is_what_it_is_among_many(case: tuple[pl.Expr, list[Row]]) -> None:
    check(*case)


F, G = pl.col("f"), pl.col("g")
EDGES = {
    "least": pl.min_horizontal(F, G),
    "greatest": pl.max_horizontal(F, G),
    "clip": F.clip(-1.0, 1.0),
    "floor": F.floor(),
    "ceil": F.ceil(),
    "truncate": F.truncate(),
    "to even": F.round(0),
    "away": F.round(0, mode="half_away_from_zero"),
    "away in decimals": F.round(2, mode="half_away_from_zero"),
}


@pytest.mark.parametrize("expression", EDGES.values(), ids=EDGES)
def test_edges_of_floats(expression: pl.Expr) -> None:
    """Halves, zeros with a sign, infinities, NaN and nothing, each beside some of the others."""
    pairs = product([*FLOATS, None], [0.0, -0.0, 1.5, float("nan"), None])
    assert check(expression, [{"f": first, "g": second} for first, second in pairs])


@pytest.mark.prove
@given(case=cases(depth=1))
@settings(max_examples=4000, deadline=None, suppress_health_check=QUIET)
def test_thousands_of_single_operations(case: tuple[pl.Expr, list[Row]]) -> None:
    check(*case)


@pytest.mark.prove
@given(case=cases(depth=2))
@settings(max_examples=4000, deadline=None, suppress_health_check=QUIET)
def test_thousands_of_short_expressions(case: tuple[pl.Expr, list[Row]]) -> None:
    check(*case)


@pytest.mark.prove
@given(case=cases(depth=3))
@settings(max_examples=4000, deadline=None, suppress_health_check=QUIET)
def test_thousands_of_long_expressions(case: tuple[pl.Expr, list[Row]]) -> None:
    check(*case)
