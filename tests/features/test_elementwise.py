"""Only expressions that compute each row from that row alone are taken."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import polars as pl
import pytest

from lapwise.core.errors import DeclarationError
from lapwise.features.expressions.elementwise import check_elementwise, serialize

X, Y = pl.col("x"), pl.col("y")

TAKEN = {
    "arithmetic": (X + 1) * Y / 2 - X // 3 % 5 - X**2,
    "comparison": (X > 1) & (Y <= 2) | X.eq_missing(Y) ^ ~(X != Y),
    "when": pl.when(X > 1, Y < 2).then(pl.lit("a")).when(Y > 0).then(None).otherwise(pl.lit("b")),
    "in": X.is_in(["a", "b"]),
    "in series": X.is_in(pl.Series([1, 2]).implode()),
    "between": X.is_between(1, 2),
    "missing": pl.coalesce(X, Y).fill_null(0).fill_nan(0.0).is_null(),
    "rounding": X.round(2).floor().ceil().abs().clip(0, 1).sqrt().log1p().exp().sign(),
    "angles": pl.arctan2(X.sin(), X.cos()),
    "across": pl.min_horizontal(X, Y) + pl.sum_horizontal(X, Y) + pl.mean_horizontal(X, Y),
    "time": X.dt.convert_time_zone("America/New_York").dt.truncate("1h").dt.weekday(),
    "time parts": X.dt.hour() + X.dt.ordinal_day() + X.dt.epoch("s"),
    "duration": (X - datetime(2013, 1, 1, tzinfo=UTC)).dt.total_minutes(),
    "text": pl.concat_str(X.str.to_uppercase().str.slice(0, 2), pl.lit("-"), Y.str.strip_chars()),
    "cast": X.cast(pl.Float32).cast(pl.String),
}

REFUSED: dict[str, tuple[pl.Expr, str]] = {
    "shift": (X.shift(1), "shift"),
    "deep shift": (pl.when(X.shift(1) < X).then(1).otherwise(2), "shift"),
    "over": (X.mean().over("y"), "over"),
    "mean": (X - X.mean(), "mean"),
    "first": (X.first(), "first"),
    "rolling": (X.rolling_mean(3), "rolling_mean"),
    "sort": (X.sort(), "sort"),
    "rank": (X.rank(), "rank"),
    "diff": (X.diff(), "diff"),
    "cumulative": (X.cum_sum(), "cum_sum"),
    "forward": (X.fill_null(strategy="forward"), "fill_null"),
    "interpolate": (X.interpolate(), "Interpolate"),
    "filter": (X.filter(Y > 1), "filter"),
    "reverse": (X.reverse(), "Reverse"),
    "unique": (X.unique(), "Unique"),
    "length": (X / pl.len(), "len"),
    "rows": (pl.int_range(3), "Range"),
    "hash": (X.hash(), "Hash"),
    "among a column": (X.is_in(Y), "is_in"),
    "series": (X + pl.Series([1, 2, 3]), "literal"),
    "everything": (pl.all(), "Selector"),
    "structure": (pl.struct(X, Y), "AsStruct"),
    "category": (X.cast(pl.Categorical), "cast"),
    "python": (X.map_elements(repr, return_dtype=pl.String), "map_elements"),
    "python batch": (X.map_batches(lambda s: s), "map_batches"),
    "sample": (X.sample(1), "Random"),
    "cube root": (X.cbrt(), "Cbrt"),
    "hyperbolic": (X.arctanh(), "ArcTanh"),
    "figures": (X.round_sig_figs(2), "RoundSF"),
    "not a number": (X.fill_null(float("nan")), "NaN"),
    "step of a column": (X.dt.truncate(Y), "Truncate by a column"),
    "slice by a column": (X.str.slice(Y, 2), "Slice by a column"),
    "pattern of a column": (X.str.contains(Y), "Contains of a pattern"),
    "pattern": (X.str.contains(r"(a+)+$"), "regular expression"),
    "replace": (X.str.replace(r"a.", "b"), "Replace with a regular expression"),
    "group": (X.str.replace("a", "$0$0"), "Replace with a regular expression"),
    "replace by a column": (X.str.replace("a", Y), "Replace by a column"),
    "wide": (X.str.pad_start(10**12), "PadStart to more than"),
    "wide zeros": (X.str.zfill(10**12), "ZFill to more than"),
    "strftime": (X.dt.strftime("%Y"), "ToString"),
    "parse": (X.str.to_datetime("%Y"), "Strptime"),
}


@pytest.mark.parametrize("expression", TAKEN.values(), ids=TAKEN)
def test_takes_what_is_on_the_list(expression: pl.Expr) -> None:
    """Element-wise expressions pass, and come back from their serialised form as they were."""
    text = serialize(expression, "out", "here")
    check_elementwise(text, "here")
    again = pl.Expr.deserialize(io.StringIO(text), format="json")
    assert json.loads(again.meta.serialize(format="json")) == json.loads(text)


@pytest.mark.parametrize(("expression", "word"), REFUSED.values(), ids=REFUSED)
def test_refuses_the_rest_by_name(expression: pl.Expr, word: str) -> None:
    """What looks at other rows is refused, and the error names the operation."""
    with pytest.raises(DeclarationError, match=rf"(?i)element-wise.*{word}"):
        check_elementwise(serialize(expression, "out", "here"), "here")
