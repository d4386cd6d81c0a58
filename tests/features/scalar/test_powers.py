"""The C library that Python calls gives the bits of the one that Polars calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from lapwise.features.expressions.scalar import Evaluator, translate
from lapwise.features.expressions.scalar.kinds import is_same
from lapwise.features.expressions.scalar.node import Defer
from tests.features.scalar.test_equality import declared

X, Y = pl.col("x"), pl.col("y")
CURVES = (
    "exp", "log", "log10", "log1p", "sqrt", "sin", "cos", "tan", "cot", "arcsin", "arccos",
    "arctan", "arcsinh", "arccosh", "sinh", "cosh", "tanh", "degrees", "radians",
)  # fmt: skip
EACH: dict[str, pl.Expr] = {
    **{name: getattr(X, name)() for name in CURVES},
    **{f"**{power}": X**power for power in (0, 2, 3, 9, 10, 0.5, -1, 1.7, -0.5, 1 / 3)},
    "**y": X**Y, "2**": 2.0**Y, "(-8)**": pl.lit(-8.0) ** Y, "arctan2": pl.arctan2(X, Y),
    "log 2": X.log(2), "log .5": X.log(0.5), "round": X.round(2), "truncate": X.truncate(2),
    "away": X.round(3, mode="half_away_from_zero"), "%": X % Y, "% .3": X % 0.3, "//": X // Y,
    "/ 3": X / 3.0, "/": X / Y, "text": X.cast(pl.String), "single": X.cast(pl.Float32) / 3,
    "single text": X.cast(pl.Float32).cast(pl.String),
}  # fmt: skip


def numbers(size: int, seed: int) -> list[float]:
    """Return doubles of all sizes, and those that are read in features."""
    draw = np.random.default_rng(seed)
    bits = draw.integers(-(2**63), 2**63 - 1, size // 2, dtype=np.int64).view(np.float64)
    near = np.concatenate([draw.uniform(-50, 50, size // 4), draw.normal(0, 1, size // 4)])
    edges = [0.0, -0.0, math.inf, -math.inf, 1.0, -1.0, 5e-324, 2.5, -0.5]
    made = np.concatenate([bits[np.isfinite(bits)], near, edges])
    draw.shuffle(made)
    found: list[float] = made.tolist()
    return [*found, math.nan, 1.0, math.nan]


def compare(expression: pl.Expr, size: int) -> None:
    first, second = numbers(size, 5), numbers(size, 6)
    rows = list(zip(first, second, strict=False))
    feature = declared(expression, ["x", "y"])
    evaluator = translate(feature, {"x": pl.Float64(), "y": pl.Float64()})
    frame = pl.DataFrame(rows, schema={"x": pl.Float64, "y": pl.Float64}, orient="row")
    wanted = feature.compute(frame)["out"].to_list()
    found = [evaluator(row)[0] for row in rows] if size < 1000 else list(map(sure(evaluator), rows))
    unequal = [
        (row, one, many)
        for row, one, many in zip(rows, found, wanted, strict=True)
        if one is not ... and not is_same(one, many)
    ]
    assert not unequal, unequal[:3]


def sure(evaluator: Evaluator) -> Callable[[Sequence[float]], Any]:
    """Skip the rows that Polars computes in any case."""

    def run(row: Sequence[float]) -> Any:
        try:
            return evaluator.scalar(row)[0]
        except Defer:
            return ...

    return run


@pytest.mark.parametrize("expression", EACH.values(), ids=EACH)
def test_the_bits_are_those_of_polars(expression: pl.Expr) -> None:
    compare(expression, 300)


@pytest.mark.prove
@pytest.mark.parametrize("expression", EACH.values(), ids=EACH)
def test_the_bits_are_those_of_polars_for_many(expression: pl.Expr) -> None:
    compare(expression, 100_000)
