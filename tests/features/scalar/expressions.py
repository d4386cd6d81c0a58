"""Random expressions over the whole list, and random rows for them, edges included."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
INTEGERS = (pl.Int8(), pl.Int16(), pl.Int32(), pl.Int64(), pl.UInt8(), pl.UInt32(), pl.UInt64())
TYPES: dict[str, pl.DataType] = {
    **{f"i{n}": dtype for n, dtype in enumerate(INTEGERS)},
    "f": pl.Float64(),
    "g": pl.Float64(),
    "s": pl.Float32(),
    "b": pl.Boolean(),
    "c": pl.Boolean(),
    "t": pl.String(),
    "u": pl.String(),
    "d": pl.Date(),
    "m": pl.Datetime("us"),
    "z": pl.Datetime("us", "UTC"),
    "w": pl.Datetime("ms"),
    "n": pl.Datetime("ns"),
    "l": pl.Datetime("us", "Europe/Berlin"),
    "h": pl.Time(),
    "p": pl.Duration("us"),
    "q": pl.Duration("ms"),
}
WORDS = ("", "a", "AB", "Ab1", " a b ", "é", "straße", "日本", "-12", "+3", "007", "1.5", "a-b", "\x1c")
FLOATS = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, 0.1, 3.0, -7.25, 1e-5, 1e15, 1e16, 1e308, 5e-324,
    math.nan, math.inf, -math.inf, 0.125, 123.456, 2.675,
)  # fmt: skip
SWITCHES = tuple(
    datetime(2013, month, day, hour, minute, tzinfo=UTC)
    for month, day in ((3, 31), (10, 27), (3, 10), (11, 3), (4, 6), (10, 5))
    for hour in (0, 1, 2, 6, 7, 15)
    for minute in (0, 30, 59)
)


def micro(moment: datetime) -> int:
    """Return microseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def values(dtype: pl.DataType) -> st.SearchStrategy[Any]:
    """Return plain values of a type as requests carry them, None included."""
    found: st.SearchStrategy[Any]
    if dtype.is_integer():
        signed = str(dtype).startswith("I")
        bits = int(str(dtype).rsplit("t", 1)[1])
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        found = st.sampled_from([low, high, 0, 1, 7, low // 2, high - 1]) | st.integers(
            max(low, -100), 100
        )
        found |= st.integers(low, high)
    elif dtype == pl.Float32():
        found = st.sampled_from([x for x in FLOATS if abs(x) < 1e30 or not math.isfinite(x)])
        found |= st.floats(width=32)
    elif dtype.is_float():
        found = st.sampled_from(FLOATS) | st.floats(-1e4, 1e4) | st.floats()
    elif isinstance(dtype, pl.Boolean):
        found = st.booleans()
    elif isinstance(dtype, pl.String):
        found = st.sampled_from(WORDS) | st.text(max_size=6) | st.text("ab1 .", max_size=8)
    elif isinstance(dtype, pl.Date):
        found = st.integers(-60_000, 60_000).map(lambda days: days * 86_400_000_000)
    elif isinstance(dtype, pl.Time):
        found = st.integers(0, 86_399_999_999)
    elif isinstance(dtype, pl.Duration):
        found = st.integers(-(10**9), 10**9).map(lambda x: x * 1000) | st.integers(-(10**4), 10**4).map(
            lambda x: x * 3_600_000_000
        )
    else:
        found = st.sampled_from([micro(moment) for moment in SWITCHES])
        found |= st.integers(-(10**12), 4 * 10**12).map(lambda x: x * 1000)
        found |= st.integers(-2_000_000, 2_000_000).map(lambda x: x * 3_600_000_000)
    return st.none() | found


FAMILY = {
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
_STEPS = ("1h", "15m", "1d", "1w", "2w", "1mo", "1q", "1y", "7h", "1d12h", "10s")
_OFFSETS = ("1h", "-3d", "1mo", "-2mo", "1y", "1w", "90m", "1mo1d", "1d12h")
_PATTERNS = ("a", "a.b", "^A", "b$", r"\d+", "[a-c]+1?", "a|b", "^$", "(a|b)1", r"\s", r"\bb")


@st.composite
def expressions(draw: Any, kind: str, depth: int) -> pl.Expr:
    """Draw an expression of a kind."""
    if depth <= 0 or draw(st.integers(0, 9)) == 0:
        if draw(st.integers(0, 5)) == 0:
            return draw(_literals(kind))
        return pl.col(draw(st.sampled_from(FAMILY[kind])))

    def sub(of: str) -> pl.Expr:
        return draw(expressions(of, depth - 1))

    return draw(st.sampled_from(_MAKERS[kind]))(sub, draw)


def _literals(kind: str) -> st.SearchStrategy[pl.Expr]:
    written: dict[str, st.SearchStrategy[Any]] = {
        "int": st.sampled_from([0, 1, -1, 2, 3, 60, 300, 10**10]),
        "float": st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 3.0, 60.0, 1e300]),
        "double": st.sampled_from([0.0, 1.0, 0.1, 3.0, 7.0]),
        "bool": st.booleans(),
        "text": st.sampled_from(["", "a", "Ab", "é", "1"]),
        "date": st.sampled_from([date(2013, 1, 1), date(1969, 12, 31)]),
        "instant": st.sampled_from([datetime(2013, 3, 31, 1, 30), datetime(2000, 2, 29, tzinfo=UTC)]),
        "time": st.just(time(12, 30)),
        "duration": st.sampled_from([timedelta(hours=1), timedelta(seconds=-1)]),
    }
    return written[kind].map(pl.lit)


Sub = Callable[[str], pl.Expr]
Maker = Callable[[Sub, Any], pl.Expr]


def one_of(*values: Any) -> Callable[[Any], Any]:
    return lambda draw: draw(st.sampled_from(values))


def _comparison(kind: str) -> Maker:
    def make(sub: Sub, draw: Any) -> pl.Expr:
        a, b = sub(kind), sub(kind)
        name = draw(st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge", "eq_missing", "ne_missing"]))
        return getattr(a, name)(b)

    return make


def _choice(kind: str) -> Maker:
    return lambda sub, draw: pl.when(sub("bool")).then(sub(kind)).otherwise(sub(kind))


def _filled(kind: str) -> Maker:
    return lambda sub, draw: draw(
        st.sampled_from([lambda a, b: a.fill_null(b), lambda a, b: pl.coalesce(a, b)])
    )(sub(kind), sub(kind))


def _extremes(kind: str) -> Maker:
    return lambda sub, draw: draw(st.sampled_from([pl.min_horizontal, pl.max_horizontal]))(
        sub(kind), sub(kind), sub(kind)
    )


def _arithmetic(kind: str, other: str, *names: str) -> Maker:
    def make(sub: Sub, draw: Any) -> pl.Expr:
        return getattr(sub(kind), draw(st.sampled_from(names)))(sub(other))

    return make


def _method(kind: str, *calls: Callable[[pl.Expr], pl.Expr]) -> Maker:
    return lambda sub, draw: draw(st.sampled_from(calls))(sub(kind))


def _clip(kind: str) -> Maker:
    def make(sub: Sub, draw: Any) -> pl.Expr:
        a = sub(kind)
        return draw(
            st.sampled_from(
                [lambda: a.clip(0, 10), lambda: a.clip(lower_bound=sub(kind)), lambda: a.clip(sub(kind), sub(kind)), lambda: a.clip(upper_bound=5)]
            )
        )()

    return make


INT, FLOAT = pl.Int64(), pl.Float64()
_PARTS = [
    getattr(pl.Expr.dt, name) if False else (lambda e, name=name: getattr(e.dt, name)())
    for name in (
        "hour", "minute", "second", "millisecond", "microsecond", "nanosecond", "weekday", "day",
        "month", "year", "quarter", "week", "iso_year", "ordinal_day", "century", "millennium",
        "days_in_month",
    )
]  # fmt: skip
_DATE_PARTS = [
    (lambda e, name=name: getattr(e.dt, name)())
    for name in ("weekday", "day", "month", "year", "quarter", "week", "iso_year", "ordinal_day", "century", "millennium", "days_in_month")
]

_MAKERS: dict[str, list[Maker]] = {
    "int": [
        _arithmetic("int", "int", "__add__", "__sub__", "__mul__", "__floordiv__", "__mod__"),
        _arithmetic("int", "int", "__add__", "__sub__", "__mul__", "__floordiv__", "__mod__"),
        _arithmetic("int", "int", "__and__", "__or__", "__xor__"),
        lambda sub, draw: sub("int") ** draw(st.sampled_from([0, 1, 2, 3, 7, 20])),
        _method("int", lambda a: a.abs(), lambda a: -a, lambda a: a.sign(), lambda a: ~a, lambda a: a.round(1), lambda a: a.floor()),
        _clip("int"),
        _choice("int"),
        _filled("int"),
        _extremes("int"),
        lambda sub, draw: pl.sum_horizontal(sub("int"), sub("int"), sub("int"), ignore_nulls=draw(st.booleans())),
        lambda sub, draw: sub(draw(st.sampled_from(["int", "float", "bool", "text"]))).cast(
            draw(st.sampled_from([pl.Int64, pl.Int8, pl.UInt16, pl.Int32])), strict=draw(st.booleans())
        ),
        _method("instant", *_PARTS),
        _method("instant", *_PARTS),
        _method("date", *_DATE_PARTS),
        _method("time", *[(lambda e, name=name: getattr(e.dt, name)()) for name in ("hour", "minute", "second", "millisecond", "microsecond", "nanosecond")]),
        _method("duration", *[(lambda e, name=name: getattr(e.dt, f"total_{name}")()) for name in ("days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds")]),
        _method("instant", *[(lambda e, unit=unit: e.dt.epoch(unit)) for unit in ("s", "ms", "us", "ns")], lambda e: e.dt.timestamp("ms")),
        _method("text", lambda e: e.str.len_bytes(), lambda e: e.str.len_chars()),
        lambda sub, draw: sub(draw(st.sampled_from(["date", "instant", "duration", "time"]))).cast(pl.Int64),
        lambda sub, draw: sub("int").cast(pl.Int8, wrap_numerical=True),
    ],
    "float": [
        _arithmetic("float", "float", "__add__", "__sub__", "__mul__", "__truediv__", "__floordiv__", "__mod__"),
        _arithmetic("float", "float", "__add__", "__sub__", "__mul__", "__truediv__", "__floordiv__", "__mod__"),
        _arithmetic("int", "int", "__truediv__"),
        _arithmetic("float", "int", "__add__", "__sub__", "__mul__", "__truediv__"),
        _arithmetic("int", "float", "__add__", "__sub__", "__mul__", "__truediv__", "__mod__"),
        _method("float", lambda a: a.abs(), lambda a: -a, lambda a: a.sign(), lambda a: a.floor(), lambda a: a.ceil(), lambda a: a.round(), lambda a: a.round(2), lambda a: a.round(1, mode="half_away_from_zero"), lambda a: a.truncate(1), lambda a: a.fill_nan(0.0)),
        _clip("float"),
        _choice("float"),
        _filled("float"),
        _extremes("float"),
        lambda sub, draw: draw(st.sampled_from([pl.sum_horizontal, pl.mean_horizontal]))(sub("double"), sub("double"), ignore_nulls=draw(st.booleans())),
        lambda sub, draw: pl.mean_horizontal(sub("int"), sub("int"), ignore_nulls=draw(st.booleans())),
        lambda sub, draw: sub(draw(st.sampled_from(["int", "float", "bool", "text"]))).cast(draw(st.sampled_from([pl.Float64, pl.Float32])), strict=draw(st.booleans())),
        lambda sub, draw: sub("double"),
    ],
    "double": [
        _method("double", *[(lambda e, name=name: getattr(e, name)()) for name in ("exp", "log", "log10", "log1p", "sqrt", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "degrees", "radians")]),
        _method("double", *[(lambda e, p=p: e**p) for p in (0, 1, 2, 3, 9, 10, 0.5, -1, 1.7, -0.5, 2.0)], lambda e: e.log(2), lambda e: 2.0**e),
        lambda sub, draw: sub("double") ** sub("double"),
        lambda sub, draw: pl.arctan2(sub("double"), sub("double")),
        lambda sub, draw: sub("int").cast(pl.Float64),
        _arithmetic("double", "double", "__add__", "__sub__", "__mul__", "__truediv__", "__floordiv__", "__mod__"),
        _choice("double"),
    ],
    "bool": [
        _comparison("int"), _comparison("float"), _comparison("text"), _comparison("instant"),
        _comparison("date"), _comparison("duration"), _comparison("bool"), _comparison("time"),
        lambda sub, draw: sub("int") < sub("float"),
        lambda sub, draw: sub("float") == sub("int"),
        _arithmetic("bool", "bool", "__and__", "__or__", "__xor__"),
        _arithmetic("bool", "bool", "__and__", "__or__", "__xor__"),
        lambda sub, draw: ~sub("bool"),
        lambda sub, draw: draw(st.sampled_from([pl.all_horizontal, pl.any_horizontal]))(sub("bool"), sub("bool"), sub("bool")),
        lambda sub, draw: sub(draw(st.sampled_from(["int", "float", "text", "instant"]))).is_null(),
        lambda sub, draw: sub("int").is_not_null(),
        _method("float", lambda a: a.is_nan(), lambda a: a.is_not_nan(), lambda a: a.is_finite(), lambda a: a.is_infinite()),
        lambda sub, draw: sub("int").is_in(draw(st.sampled_from([[1, 2], [None, 7], [0]])), nulls_equal=draw(st.booleans())),
        lambda sub, draw: sub("text").is_in(draw(st.sampled_from([["a", "AB"], [None, "é"]])), nulls_equal=draw(st.booleans())),
        lambda sub, draw: sub("double").is_in([1.0, math.nan, 0.0]),
        lambda sub, draw: sub("int").is_between(sub("int"), sub("int"), closed=draw(st.sampled_from(["left", "right", "both", "none"]))),
        lambda sub, draw: sub("float").is_between(sub("float"), sub("float"), closed=draw(st.sampled_from(["left", "right", "both", "none"]))),
        lambda sub, draw: sub("text").str.contains(draw(st.sampled_from(_PATTERNS))),
        lambda sub, draw: sub("text").str.contains(sub("text"), literal=True),
        lambda sub, draw: sub("text").str.starts_with(sub("text")),
        lambda sub, draw: sub("text").str.ends_with(sub("text")),
        _method("instant", lambda a: a.dt.is_leap_year()),
        _choice("bool"), _filled("bool"),
        lambda sub, draw: sub(draw(st.sampled_from(["int", "float"]))).cast(pl.Boolean),
    ],
    "text": [
        _method("text", lambda e: e.str.to_lowercase(), lambda e: e.str.to_uppercase(), lambda e: e.str.strip_chars(), lambda e: e.str.strip_chars_start(), lambda e: e.str.strip_chars("ab"), lambda e: e.str.strip_chars_end("é1"), lambda e: e.str.strip_prefix("a"), lambda e: e.str.strip_suffix("b"), lambda e: e.str.zfill(5), lambda e: e.str.pad_start(4, "é"), lambda e: e.str.pad_end(4)),
        _method("text", *[(lambda e, o=o, n=n: e.str.slice(o, n)) for o, n in ((0, 2), (-2, 1), (-10, 5), (1, None), (3, 4))], *[(lambda e, n=n: e.str.head(n)) for n in (0, 2, -1, -9)], *[(lambda e, n=n: e.str.tail(n)) for n in (0, 2, -1, -9)]),
        _method("text", lambda e: e.str.replace("a", "xy"), lambda e: e.str.replace_all("a", "é", literal=True), lambda e: e.str.replace_all("b1", "")),
        lambda sub, draw: pl.concat_str(sub("text"), sub("text"), sub(draw(st.sampled_from(["text", "int", "bool"]))), separator="-", ignore_nulls=draw(st.booleans())),
        lambda sub, draw: pl.format("x{}y{}", sub("text"), sub("int")),
        lambda sub, draw: sub("text") + sub("text"),
        lambda sub, draw: sub(draw(st.sampled_from(["int", "bool", "float", "double"]))).cast(pl.String),
        _choice("text"), _filled("text"), _extremes("text"),
    ],
    "date": [
        _method("instant", lambda e: e.dt.date(), lambda e: e.cast(pl.Date)),
        _method("date", *[(lambda e, s=s: e.dt.truncate(s)) for s in ("1d", "1w", "1mo", "1q", "1y")], *[(lambda e, s=s: e.dt.offset_by(s)) for s in ("1d", "-1w", "1mo", "-1y")], lambda e: e.dt.month_start(), lambda e: e.dt.month_end()),
        _choice("date"), _filled("date"), _extremes("date"),
    ],
    "instant": [
        _method("instant", *[(lambda e, s=s: e.dt.truncate(s)) for s in _STEPS]),
        _method("instant", *[(lambda e, s=s: e.dt.offset_by(s)) for s in _OFFSETS]),
        _method("instant", *[(lambda e, s=s: e.dt.round(s)) for s in ("1h", "1d", "15m")], lambda e: e.dt.month_start(), lambda e: e.dt.month_end()),
        _method("instant", *[(lambda e, z=z: e.dt.convert_time_zone(z)) for z in ZONES]),
        _method("instant", *[(lambda e, z=z, a=a, m=m: e.dt.replace_time_zone(z, ambiguous=a, non_existent=m)) for z in (*ZONES, "UTC", None) for a in ("earliest", "latest", "null", "raise") for m in ("null", "raise")]),
        _method("instant", *[(lambda e, u=u: e.dt.cast_time_unit(u)) for u in ("ms", "us", "ns")]),
        _arithmetic("instant", "duration", "__add__", "__sub__"),
        _method("date", lambda e: e.cast(pl.Datetime("us")), lambda e: e.cast(pl.Datetime("ms"))),
        _choice("instant"), _filled("instant"),
    ],
    "time": [_method("instant", lambda e: e.dt.time()), _choice("time"), _filled("time")],
    "duration": [
        _arithmetic("instant", "instant", "__sub__"),
        _arithmetic("date", "date", "__sub__"),
        _arithmetic("duration", "duration", "__add__", "__sub__"),
        _method("instant", lambda e: e.dt.base_utc_offset(), lambda e: e.dt.dst_offset()),
        _choice("duration"), _filled("duration"),
    ],
}  # fmt: skip
KINDS = tuple(_MAKERS)


@st.composite
def cases(draw: Any, depth: int = 3) -> tuple[pl.Expr, list[dict[str, Any]]]:
    """Draw an expression, and rows of plain values for the columns that it reads."""
    expression = draw(expressions(draw(st.sampled_from(KINDS)), depth))
    names = sorted(set(expression.meta.root_names()))
    row = st.fixed_dictionaries({name: values(TYPES[name]) for name in names})
    return expression, draw(st.lists(row, min_size=1, max_size=6))
