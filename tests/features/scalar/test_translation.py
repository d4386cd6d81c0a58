"""Every operation on the list has a form for one row, and what has none says so."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lapwise.core.errors import FeatureError
from lapwise.features.expressions import elementwise
from lapwise.features.expressions.scalar import translate
from lapwise.features.expressions.scalar.kinds import is_same
from lapwise.features.expressions.scalar.node import Defer
from lapwise.features.expressions.scalar.translation import FAMILIES, OPERATORS
from lapwise.features.request import in_microseconds, input_frame
from tests.features.scalar.test_equality import declared

X, Y, S, T, B, W, D = (pl.col(name) for name in ("x", "y", "s", "t", "b", "w", "d"))
TYPES: dict[str, pl.DataType] = {
    "x": pl.Float64(),
    "y": pl.Int64(),
    "s": pl.String(),
    "t": pl.Datetime("us", "UTC"),
    "b": pl.Boolean(),
    "w": pl.Datetime("us", "America/New_York"),
    "d": pl.Duration("us"),
}
NOON = 1_373_112_930_123_456  # 2013-07-06 12:15:30.123456
ROWS: list[dict[str, Any]] = [
    {"x": 2.345, "y": 7, "s": " Ab1 ", "t": NOON, "b": True, "w": NOON, "d": 90_061_000_001},
    {"x": -0.5, "y": -3, "s": "b-2", "t": -NOON, "b": False, "w": NOON // 2, "d": -90_061_000_001},
    dict.fromkeys("xystbwd"),
]

# One expression for each operation of the list, by the name that it has in the serialised form.
PLAIN: dict[str, pl.Expr] = {
    "Eq": X == Y, "NotEq": X != 1.5, "Lt": S < "b", "LtEq": X <= Y, "Gt": Y > 2, "GtEq": datetime(2013, 1, 1, tzinfo=UTC) <= T,
    "EqValidity": X.eq_missing(None), "NotEqValidity": S.ne_missing("a"),
    "Plus": X + Y, "Minus": T - datetime(2013, 1, 1, tzinfo=UTC), "Multiply": Y * 3, "TrueDivide": X / 3, "FloorDivide": Y // 2,
    "Modulus": Y % 4, "And": B & (X > 0), "Or": B | (Y > 0), "Xor": B ^ (Y > 0),
    "LogicalAnd": B.and_(X > 0), "LogicalOr": B.or_(X > 0),
    "Abs": X.abs(), "Negate": -Y, "Sign": X.sign(), "Round": X.round(1), "Truncate": X.truncate(1),
    "Floor": X.floor(), "Ceil": X.ceil(), "Clip": X.clip(0, 1), "Exp": X.exp(), "Log": X.log10(),
    "Log1p": X.log1p(), "Pow": X**2, "Coalesce": pl.coalesce(X, Y), "FillNull": Y.fill_null(0),
    "Atan2": pl.arctan2(X, X), "MinHorizontal": pl.min_horizontal(X, Y),
    "MaxHorizontal": pl.max_horizontal(X, Y), "SumHorizontal": pl.sum_horizontal(X, Y),
    "MeanHorizontal": pl.mean_horizontal(X, X), "Trigonometry": X.sin(),
    "IsNull": X.is_null(), "IsNotNull": S.is_not_null(), "IsFinite": X.is_finite(),
    "IsInfinite": X.is_infinite(), "IsNan": X.is_nan(), "IsNotNan": X.is_not_nan(),
    "IsIn": S.is_in(["b-2", "c"]), "IsBetween": X.is_between(0, 3), "Not": ~B,
    "AllHorizontal": pl.all_horizontal(B, X > 0), "AnyHorizontal": pl.any_horizontal(B, X > 0),
}  # fmt: skip
TIMES: dict[str, pl.Expr] = {
    "Millennium": W.dt.millennium(), "Century": W.dt.century(), "Year": W.dt.year(),
    "IsoYear": T.dt.iso_year(), "Quarter": T.dt.quarter(), "Month": T.dt.month(),
    "DaysInMonth": T.dt.days_in_month(), "Week": T.dt.week(), "WeekDay": W.dt.weekday(),
    "Day": T.dt.day(), "OrdinalDay": T.dt.ordinal_day(), "Time": W.dt.time(), "Date": W.dt.date(),
    "Hour": W.dt.hour(), "Minute": T.dt.minute(), "Second": T.dt.second(),
    "Millisecond": T.dt.millisecond(), "Microsecond": T.dt.microsecond(),
    "Nanosecond": T.dt.nanosecond(), "IsLeapYear": T.dt.is_leap_year(),
    "TotalDays": D.dt.total_days(), "TotalHours": D.dt.total_hours(),
    "TotalMinutes": D.dt.total_minutes(), "TotalSeconds": D.dt.total_seconds(),
    "TotalMilliseconds": D.dt.total_milliseconds(), "TotalMicroseconds": D.dt.total_microseconds(),
    "TotalNanoseconds": D.dt.total_nanoseconds(), "TimeStamp": T.dt.timestamp("ms"),
    "Truncate": W.dt.truncate("1d"), "OffsetBy": W.dt.offset_by("1mo"), "Round": T.dt.round("1h"),
    "MonthStart": T.dt.month_start(), "MonthEnd": T.dt.month_end(),
    "ConvertTimeZone": T.dt.convert_time_zone("Asia/Tokyo").dt.hour(),
    "ReplaceTimeZone": W.dt.replace_time_zone(None), "CastTimeUnit": T.dt.cast_time_unit("ms"),
    "BaseUtcOffset": W.dt.base_utc_offset(), "DSTOffset": W.dt.dst_offset(),
    "Datetime": W.dt.replace_time_zone(None),
}  # fmt: skip
TEXTS: dict[str, pl.Expr] = {
    "Lowercase": S.str.to_lowercase(), "Uppercase": S.str.to_uppercase(),
    "LenBytes": S.str.len_bytes(), "LenChars": S.str.len_chars(), "Contains": S.str.contains(r"b\d"),
    "StartsWith": S.str.starts_with("b"), "EndsWith": S.str.ends_with("2"),
    "Slice": S.str.slice(1, 2), "Head": S.str.head(2), "Tail": S.str.tail(2),
    "Replace": S.str.replace("b", "c"), "StripChars": S.str.strip_chars(),
    "StripCharsStart": S.str.strip_chars_start(), "StripCharsEnd": S.str.strip_chars_end(),
    "StripPrefix": S.str.strip_prefix("b"), "StripSuffix": S.str.strip_suffix("2"),
    "ConcatHorizontal": pl.concat_str(S, Y, separator="-"), "Format": pl.format("{}/{}", S, Y),
    "PadStart": S.str.pad_start(6), "PadEnd": S.str.pad_end(6, "."), "ZFill": S.str.zfill(6),
}  # fmt: skip
EACH = {
    **{f"plain {name}": one for name, one in PLAIN.items()},
    **{f"time {name}": one for name, one in TIMES.items()},
    **{f"text {name}": one for name, one in TEXTS.items()},
    "when": pl.when(X > 1).then(pl.lit("a")).when(B).then(None).otherwise(S),
    "cast": X.cast(pl.Float32).cast(pl.String),
    "date": (W.dt.date() - date(2013, 1, 1)).dt.total_days(),
    "literal times": (T - datetime(2013, 1, 1, tzinfo=UTC)) > timedelta(days=3),
    "epoch": T.dt.epoch("d"),
    "fraction": D.dt.total_hours(fractional=True),
    "fill_nan": X.fill_nan(0.0),
}


def test_the_list_is_what_has_a_form_for_one_row() -> None:
    assert elementwise.OPERATORS == OPERATORS
    assert frozenset(FAMILIES[""]) == elementwise.FUNCTIONS
    for family, names in elementwise.FAMILIES.items():
        assert frozenset(FAMILIES[family]) | ({"IsIn"} if family == "Boolean" else set()) == names
    assert elementwise.OPERATORS | elementwise.FUNCTIONS | elementwise.FAMILIES["Boolean"] == set(
        PLAIN
    )
    assert elementwise.FAMILIES["TemporalExpr"] == set(TIMES)
    assert elementwise.FAMILIES["StringExpr"] == set(TEXTS)


@pytest.mark.parametrize("expression", EACH.values(), ids=EACH)
def test_ordinary_values_need_no_polars(expression: pl.Expr) -> None:
    """Nothing is deferred, and the bits are those of many rows."""
    names = sorted(set(expression.meta.root_names()))
    types = {name: TYPES[name] for name in names}
    feature = declared(expression, names)
    evaluator = translate(feature, types)
    frame = input_frame({name: [row[name] for row in ROWS] for name in names}, types)
    wanted = in_microseconds(feature.compute(frame)["out"]).to_list()
    found = [evaluator.scalar([row[name] for name in names])[0] for row in ROWS]
    assert all(map(is_same, found, wanted)), (found, wanted)
    again = [evaluator.by_polars([row[name] for name in names])[0] for row in ROWS]
    assert all(map(is_same, again, wanted)), (again, wanted)


def test_the_example_of_each_operation_holds_it() -> None:
    """Otherwise the test above would not prove what its names say."""
    for names, family in ((PLAIN, ""), (TIMES, "TemporalExpr"), (TEXTS, "StringExpr")):
        for name, expression in names.items():
            text = json.dumps(json.loads(expression.meta.serialize(format="json")))
            if name not in ("LogicalAnd", "LogicalOr", "Datetime"):  # names of other releases
                assert f'"{name}"' in text, (family, name, text)


REFUSED = {
    "wide": (pl.col("u") + pl.col("y"), "Int128"),
    "exp of a single": (pl.col("f").exp(), "exp of Float32"),
    "three floats": (pl.sum_horizontal(X, X + 1, X + 2), "more than two floats"),
    "computed constant": (X + (pl.lit(1.0) + 2.0), "a constant that is computed"),
    "zones": (pl.col("n").cast(pl.Datetime("us", "UTC")), "a cast from"),
    "types": (S.dt.hour(), "cannot be computed"),
}


@pytest.mark.parametrize(("expression", "words"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_form_is_refused_with_its_name(expression: pl.Expr, words: str) -> None:
    types = {**TYPES, "u": pl.UInt64(), "f": pl.Float32(), "n": pl.Datetime("us")}
    names = sorted(set(expression.meta.root_names()))
    with pytest.raises(FeatureError, match=f"(?i){words}"):
        translate(declared(expression, names), types)


def test_a_missing_type_and_a_type_that_no_request_carries_are_named() -> None:
    feature = declared(X + Y, ["x", "y"])
    with pytest.raises(FeatureError, match="unknown type: 'y'"):
        translate(feature, {"x": pl.Float64()})
    with pytest.raises(FeatureError, match="Int128"):
        translate(declared(X.is_null(), ["x"]), {"x": pl.Int128()})


@pytest.mark.parametrize("value", ["7", 7.5, True, 2**63])
def test_a_value_of_another_type_is_the_error_that_many_rows_give(value: object) -> None:
    evaluator = translate(declared(Y + 1, ["y"]), {"y": pl.Int64()})
    with pytest.raises(Defer):
        evaluator.scalar([value])
    try:
        wanted = evaluator.by_polars([value])
    except FeatureError as error:
        with pytest.raises(FeatureError, match=re.escape(error.thing)):
            evaluator([value])
    else:
        assert evaluator([value]) == wanted


def test_a_cast_that_fails_is_the_error_that_many_rows_give() -> None:
    evaluator = translate(declared(Y.cast(pl.Int8), ["y"]), {"y": pl.Int64()})
    assert evaluator([7]) == (7,)
    with pytest.raises(FeatureError, match=r"cannot be computed.*300"):
        evaluator([300])
    lenient = translate(declared(Y.cast(pl.Int8, strict=False), ["y"]), {"y": pl.Int64()})
    assert lenient([300]) == (None,)


SPOKEN = {
    "WeekDay": "weekday", "Lowercase": "to_lowercase", "Uppercase": "to_uppercase",
    "ZFill": "zfill", "ConcatHorizontal": "concat_str", "Atan2": "arctan2", "TimeStamp": "timestamp",
    "DSTOffset": "dst_offset", "Pow": "**", "Negate": "-x", "Not": "~", "Eq": "==", "NotEq": "!=",
    "Lt": "<", "LtEq": "<=", "Gt": ">", "GtEq": ">=", "EqValidity": "eq_missing",
    "NotEqValidity": "ne_missing", "Plus": "+", "Minus": "-", "Multiply": "*", "TrueDivide": "/",
    "FloorDivide": "//", "Modulus": "%", "And": "&", "LogicalAnd": "&", "Xor": "^",
    "Trigonometry": "sin", "Datetime": "replace_time_zone",
}  # fmt: skip


def test_the_table_of_the_page_is_the_list() -> None:
    """Every operation stands in docs/features.md, and nothing else does."""
    page = (Path(__file__).parents[3] / "docs" / "features.md").read_text()
    table = page[page.index("| family | operations |") : page.index("Patterns of `contains`")]
    told = set(re.findall(r"`([^`]+)`", table)) | {"|"}
    names = {
        name
        for one in (elementwise.OPERATORS, elementwise.FUNCTIONS, *elementwise.FAMILIES.values())
        for name in one
    } - {"Or", "LogicalOr"}  # written as an entity, for the table's sake
    spoken = {SPOKEN.get(name, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()) for name in names}
    assert spoken <= told, sorted(spoken - told)
    curves = {name.lower() for name in elementwise.KINDS["Trigonometry"]}
    more = {"cast", "when/then/otherwise", "sqrt", "log10", "fill_nan", "epoch", "replace_all", "|"}
    assert told - spoken - curves - more == {"dt.", "str."}, sorted(told - spoken - curves - more)
    assert curves <= told
