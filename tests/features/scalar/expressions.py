"""Random expressions over the whole list."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias

import polars as pl
from hypothesis import strategies as st

from tests.features.scalar.values import TYPES, values

__all__ = ["KINDS", "cases", "expressions"]

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
COLUMNS = {
    "int": [name for name, dtype in TYPES.items() if dtype.is_integer()],
    "float": ["f", "g", "s"],
    "double": ["f", "g"],
    "bool": ["b", "c"],
    "text": ["t", "u"],
    "date": ["d"],
    "instant": ["m", "z", "w", "n", "l"],
    "time": ["h"],
    "duration": ["p", "q"],
}
LITERALS: dict[str, Sequence[Any]] = {
    "int": (0, 1, -1, 2, 3, 60, 300, 10**10),
    "float": (0.0, -0.0, 1.0, -1.0, 0.1, 3.0, 60.0, 1e300),
    "double": (0.0, 1.0, 0.1, 3.0, 7.0),
    "bool": (True, False),
    "text": ("", "a", "Ab", "é", "1"),
    "date": (date(2013, 1, 1), date(1969, 12, 31)),
    "instant": (datetime(2013, 3, 31, 1, 30), datetime(2000, 2, 29, tzinfo=UTC)),  # noqa: DTZ001
    "time": (time(12, 30),),
    "duration": (timedelta(hours=1), timedelta(seconds=-1)),
}

Sub: TypeAlias = Callable[[str], pl.Expr]
Maker: TypeAlias = Callable[[Sub, Any], pl.Expr]


@st.composite
def expressions(draw: Any, kind: str, depth: int) -> pl.Expr:
    """Draw an expression of a kind."""
    if depth <= 0 or draw(st.integers(0, 9)) == 0:
        if draw(st.integers(0, 5)) == 0:
            return pl.lit(draw(st.sampled_from(LITERALS[kind])))
        return pl.col(draw(st.sampled_from(COLUMNS[kind])))

    def sub(of: str) -> pl.Expr:
        made: pl.Expr = draw(expressions(of, depth - 1))
        return made

    made: pl.Expr = draw(st.sampled_from(_MAKERS[kind]))(sub, draw)
    return made


@st.composite
def cases(draw: Any, depth: int = 3) -> tuple[pl.Expr, list[dict[str, Any]]]:
    """Draw an expression, and rows of plain values for the columns that it reads."""
    expression = draw(expressions(draw(st.sampled_from(KINDS)), depth))
    names = sorted(set(expression.meta.root_names()))
    row = st.fixed_dictionaries({name: values(TYPES[name]) for name in names})
    return expression, draw(st.lists(row, min_size=1, max_size=6))


def method(
    kind: str | Sequence[str], *paths: str, args: Sequence[Any] = ((),), **named: Any
) -> Maker:
    """Call one of some methods with some arguments on an expression of a kind."""

    def make(sub: Sub, draw: Any) -> pl.Expr:
        one = kind if isinstance(kind, str) else draw(st.sampled_from(kind))
        found: Any = sub(one)
        for part in draw(st.sampled_from(paths)).split("."):
            found = getattr(found, part)
        given = draw(st.sampled_from(args))
        options = {name: draw(st.sampled_from(choices)) for name, choices in named.items()}
        made: pl.Expr = found(*given, **options)
        return made

    return make


def pair(first: str, second: str, *names: str, **named: Any) -> Maker:
    """Call one of some methods of an expression with another."""

    def make(sub: Sub, draw: Any) -> pl.Expr:
        found: Any = sub(first)
        for part in draw(st.sampled_from(names)).split("."):
            found = getattr(found, part)
        made: pl.Expr = found(sub(second), **named)
        return made

    return make


def across(names: Sequence[str], *kinds: str, **named: Any) -> Maker:
    """Call one of some functions of Polars with several expressions."""

    def make(sub: Sub, draw: Any) -> pl.Expr:
        options = {name: draw(st.sampled_from(choices)) for name, choices in named.items()}
        function = getattr(pl, draw(st.sampled_from(names)))
        made: pl.Expr = function(*(sub(kind) for kind in kinds), **options)
        return made

    return make


def triple(kind: str, name: str, **named: Any) -> Maker:
    """Call a method with two more expressions of the kind."""

    def make(sub: Sub, draw: Any) -> pl.Expr:
        options = {one: draw(st.sampled_from(choices)) for one, choices in named.items()}
        made: pl.Expr = getattr(sub(kind), name)(sub(kind), sub(kind), **options)
        return made

    return make


def choice(kind: str) -> Maker:
    """Choose between two expressions."""
    return lambda sub, _: pl.when(sub("bool")).then(sub(kind)).otherwise(sub(kind))


def filled(kind: str) -> list[Maker]:
    """Choose, and replace nulls."""
    return [choice(kind), pair(kind, kind, "fill_null"), across(["coalesce"], kind, kind)]


def texts(*values: Any) -> list[tuple[Any, ...]]:
    """Return arguments of one value each."""
    return [(value,) for value in values]


BOTH = (True, False)
SIDES = ("left", "right", "both", "none")
COMPARED = ("eq", "ne", "lt", "le", "gt", "ge", "eq_missing", "ne_missing")
DATE_PARTS = (
    "weekday", "day", "month", "year", "quarter", "week", "iso_year", "ordinal_day", "century",
    "millennium", "days_in_month",
)  # fmt: skip
TIME_PARTS = ("hour", "minute", "second", "millisecond", "microsecond", "nanosecond")
TOTALS = ("days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds")
CURVES = (
    "exp", "log", "log10", "log1p", "sqrt", "sin", "cos", "tan", "cot", "arcsin", "arccos",
    "arctan", "arcsinh", "arccosh", "sinh", "cosh", "tanh", "degrees", "radians",
)  # fmt: skip
STEPS = ("1h", "15m", "1d", "1w", "2w", "1mo", "1q", "1y", "7h", "1d12h", "10s")
OFFSETS = ("1h", "-3d", "1mo", "-2mo", "1y", "1w", "90m", "1mo1d", "1d12h")
PATTERNS = (
    "a",
    "a.b",
    "^A",
    "b$",
    r"\d+",
    "[a-c]+1?",
    "a|b",
    "^$",
    "(a|b)1",
    r"\s",
    r"\bb",
    "[^a]b",
)
WHOLE = ("__add__", "__sub__", "__mul__", "__floordiv__", "__mod__")
PARTIAL = (*WHOLE, "__truediv__")

_MAKERS: dict[str, list[Maker]] = {
    "int": [
        pair("int", "int", *WHOLE),
        pair("int", "int", *WHOLE),
        pair("int", "int", "__and__", "__or__", "__xor__", "pow"),
        method("int", "pow", args=texts(0, 1, 2, 3, 7, 20)),
        method("int", "abs", "__neg__", "sign", "__invert__", "round", "floor", "ceil", "truncate"),
        method("int", "clip", args=[(0, 10), (None, 5), (3, 1)]),
        triple("int", "clip"),
        *filled("int"),
        across(["min_horizontal", "max_horizontal"], "int", "int", "int"),
        across(["sum_horizontal"], "int", "int", "int", ignore_nulls=BOTH),
        method(
            ["int", "float", "bool", "text"],
            "cast",
            args=texts(pl.Int64, pl.Int8, pl.UInt16, pl.Int32),
            strict=BOTH,
        ),
        method("int", "cast", args=texts(pl.Int8, pl.UInt32), wrap_numerical=[True]),
        method(["date", "instant", "duration", "time"], "cast", args=texts(pl.Int64)),
        method("instant", *(f"dt.{name}" for name in (*DATE_PARTS, *TIME_PARTS))),
        method("instant", *(f"dt.{name}" for name in (*DATE_PARTS, *TIME_PARTS))),
        method("date", *(f"dt.{name}" for name in DATE_PARTS)),
        method("time", *(f"dt.{name}" for name in TIME_PARTS)),
        method("duration", *(f"dt.total_{name}" for name in TOTALS)),
        method(["instant", "date"], "dt.epoch", args=texts("s", "ms", "us", "ns", "d")),
        method("instant", "dt.timestamp", args=texts("ms", "us", "ns")),
        method("text", "str.len_bytes", "str.len_chars"),
    ],
    "float": [
        pair("float", "float", *PARTIAL),
        pair("float", "float", *PARTIAL),
        pair("int", "int", "__truediv__"),
        pair("float", "int", *PARTIAL),
        pair("int", "float", *PARTIAL),
        method("float", "abs", "__neg__", "sign", "floor", "ceil"),
        method(
            "float", "round", args=texts(0, 1, 2, 5), mode=["half_to_even", "half_away_from_zero"]
        ),
        method("float", "truncate", args=texts(0, 1)),
        method("float", "fill_nan", args=texts(0.0)),
        method("float", "clip", args=[(0, 10), (None, 5), (0.5, None)]),
        triple("float", "clip"),
        *filled("float"),
        across(["min_horizontal", "max_horizontal"], "float", "float", "float"),
        across(["sum_horizontal", "mean_horizontal"], "double", "double", ignore_nulls=BOTH),
        across(["mean_horizontal"], "int", "int", ignore_nulls=BOTH),
        method(
            ["int", "float", "bool", "text"],
            "cast",
            args=texts(pl.Float64, pl.Float32),
            strict=BOTH,
        ),
        lambda sub, _: sub("double"),
    ],
    "double": [
        method("double", *CURVES),
        method("double", "pow", args=texts(0, 1, 2, 3, 9, 10, 0.5, -1, 1.7, -0.5, 2.0)),
        method("double", "log", args=texts(2, 0.5, 7.0)),
        method("double", "__rpow__", args=texts(2.0)),
        pair("double", "double", "pow"),
        across(["arctan2"], "double", "double"),
        method("duration", *(f"dt.total_{name}" for name in TOTALS), fractional=[True]),
        pair("duration", "duration", "__truediv__"),
        method("int", "cast", args=texts(pl.Float64)),
        pair("double", "double", *PARTIAL),
        choice("double"),
    ],
    "bool": [
        *(pair(kind, kind, *COMPARED) for kind in COLUMNS),
        pair("int", "float", *COMPARED),
        pair("float", "int", *COMPARED),
        pair("bool", "bool", "__and__", "__or__", "__xor__"),
        pair("bool", "bool", "__and__", "__or__", "__xor__"),
        method("bool", "__invert__"),
        across(["all_horizontal", "any_horizontal"], "bool", "bool", "bool"),
        method(["int", "float", "text", "instant"], "is_null", "is_not_null"),
        method("float", "is_nan", "is_not_nan", "is_finite", "is_infinite"),
        method("int", "is_in", args=texts([1, 2], [None, 7], [0]), nulls_equal=BOTH),
        method("text", "is_in", args=texts(["a", "AB"], [None, "é"]), nulls_equal=BOTH),
        method("double", "is_in", args=texts([1.0, math.nan, 0.0])),
        triple("int", "is_between", closed=SIDES),
        triple("float", "is_between", closed=SIDES),
        method("text", "str.contains", args=texts(*PATTERNS)),
        pair("text", "text", "str.contains", literal=True),
        pair("text", "text", "str.starts_with", "str.ends_with"),
        method(["instant", "date"], "dt.is_leap_year"),
        *filled("bool"),
        method(["int", "float"], "cast", args=texts(pl.Boolean)),
    ],
    "text": [
        method("text", "str.to_lowercase", "str.to_uppercase"),
        method(
            "text",
            "str.strip_chars",
            "str.strip_chars_start",
            "str.strip_chars_end",
            args=[(), ("ab",), ("é1",), ("",)],
        ),
        method("text", "str.strip_prefix", "str.strip_suffix", args=texts("a", "b", "é")),
        method("text", "str.zfill", args=texts(0, 5)),
        method("text", "str.pad_start", "str.pad_end", args=[(4, "é"), (4,), (0,)]),
        method("text", "str.slice", args=[(0, 2), (-2, 1), (-10, 5), (1, None), (3, 4), (-10, 10)]),
        method("text", "str.head", "str.tail", args=texts(0, 2, -1, -9)),
        method("text", "str.replace", "str.replace_all", args=[("a", "xy"), ("b1", "")]),
        method("text", "str.replace_all", args=[("a", "é"), ("1.", "$0")], literal=[True]),
        across(["concat_str"], "text", "text", "int", separator=["", "-"], ignore_nulls=BOTH),
        across(["concat_str"], "bool", "text", "double", separator=["-"], ignore_nulls=BOTH),
        lambda sub, _: pl.format("x{}y{}", sub("text"), sub("int")),
        pair("text", "text", "__add__"),
        method(["int", "bool", "float", "double"], "cast", args=texts(pl.String)),
        across(["min_horizontal", "max_horizontal"], "text", "text", "text"),
        *filled("text"),
    ],
    "date": [
        method("instant", "dt.date"),
        method("instant", "cast", args=texts(pl.Date)),
        method("date", "dt.truncate", args=texts("1d", "1w", "1mo", "1q", "1y")),
        method("date", "dt.offset_by", args=texts("1d", "-1w", "1mo", "-1y")),
        method("date", "dt.month_start", "dt.month_end"),
        across(["min_horizontal", "max_horizontal"], "date", "date", "date"),
        *filled("date"),
    ],
    "instant": [
        method("instant", "dt.truncate", args=texts(*STEPS)),
        method("instant", "dt.offset_by", args=texts(*OFFSETS)),
        method("instant", "dt.round", args=texts("1h", "1d", "15m")),
        method("instant", "dt.month_start", "dt.month_end"),
        method("instant", "dt.convert_time_zone", args=texts(*ZONES, "UTC")),
        method(
            "instant",
            "dt.replace_time_zone",
            args=texts(*ZONES, "UTC", None),
            ambiguous=["earliest", "latest", "null", "raise"],
            non_existent=["null", "raise"],
        ),
        method("instant", "dt.cast_time_unit", args=texts("ms", "us", "ns")),
        pair("instant", "duration", "__add__", "__sub__"),
        method("date", "cast", args=texts(pl.Datetime("us"), pl.Datetime("ms"))),
        *filled("instant"),
    ],
    "time": [method("instant", "dt.time"), *filled("time")],
    "duration": [
        pair("instant", "instant", "__sub__"),
        pair("date", "date", "__sub__"),
        pair("duration", "duration", "__add__", "__sub__"),
        method("instant", "dt.base_utc_offset", "dt.dst_offset"),
        method("duration", "cast", args=texts(pl.Duration("ms"), pl.Duration("ns"))),
        method("duration", "abs", "__neg__"),
        *filled("duration"),
    ],
}
KINDS = tuple(_MAKERS)
