"""What a row gives does not depend on whether all rows of a batch choose the same constant."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest

from lapwise.features.expressions.demand import OnDemand
from lapwise.features.expressions.scalar import translate
from lapwise.features.expressions.scalar.kinds import is_same
from tests.features.scalar.test_equality import declared

B, X, N = pl.col("b"), pl.col("x"), pl.col("n")
EACH = {
    "divided by a choice": X / pl.when(B).then(3.0).otherwise(7.0),
    "divided by what is known": X / pl.coalesce(N, pl.lit(3.0)),
    "divided by what is filled": X / N.fill_null(3.0),
    "a constant filled": X / pl.lit(3.0).fill_null(N),
    "modulus": X % pl.when(B).then(0.3).otherwise(X),
    "compared with a constant": pl.lit(5.0) != pl.when(B).then(X).otherwise(5.0),
    "one or nothing": pl.when(B).then(1).otherwise(0) == 1,
    "between constants": pl.when(B).then(1).otherwise(0).is_between(0, 1),
    "text": pl.when(B).then(pl.lit("a")).otherwise(pl.lit("b")).str.to_uppercase() == "A",
    "null": pl.when(B).then(None).otherwise(X).is_null(),
    "nested": X // pl.when(B).then(pl.when(X > 0).then(0.7).otherwise(3)).otherwise(X + 1),
}


def rows(size: int) -> pl.DataFrame:
    """Return rows of all kinds."""
    draw = random.Random(1)
    return pl.DataFrame(
        {
            "b": [draw.choice([True, False, None]) for _ in range(size)],
            "x": [draw.uniform(-100, 100) for _ in range(size)],
            "n": [draw.choice([None, 2.5]) for _ in range(size)],
        }
    )


def values(feature: OnDemand, frame: pl.DataFrame) -> list[Any]:
    return feature.compute(frame)["out"].to_list()


@pytest.mark.parametrize("expression", EACH.values(), ids=EACH)
def test_a_batch_that_agrees_gives_what_a_mixed_one_gives(expression: pl.Expr) -> None:
    names = sorted(set(expression.meta.root_names()))
    feature, frame = declared(expression, names), rows(240).select(names)
    many = values(feature, frame)
    alone = [values(feature, frame[place])[0] for place in range(frame.height)]
    assert all(map(is_same, many, alone))
    evaluator = translate(feature, dict(frame.schema))
    assert all(map(is_same, many, [evaluator(row)[0] for row in frame.rows()]))
    for name in set(names) & {"b", "n"}:
        for chosen in (True, False):
            kept = (frame[name].is_null() == chosen) | (frame[name] == chosen).fill_null(
                value=False
            )
            agreed = [value for value, keep in zip(many, kept, strict=True) if keep]
            assert all(map(is_same, values(feature, frame.filter(kept)), agreed))
    assert values(feature, frame.clear()) == []


def test_polars_itself_depends_on_the_batch() -> None:
    """If this fails, Polars was mended, and the columns of constants may go."""
    expression = X / pl.when(B).then(3.0).otherwise(7.0)
    frame = rows(240)
    mixed = frame.select(o=expression).filter(frame["b"])["o"]
    agreed = frame.filter(pl.col("b")).select(o=expression)["o"]
    assert mixed.to_list() != agreed.to_list()
