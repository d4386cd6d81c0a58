"""The point-in-time join equals its plain reference, bit for bit, on any history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from lapwise.core.declaration import Table
from lapwise.core.errors import DataError, FeatureError
from lapwise.features import model as lw
from lapwise.features.model import Aggregate, FeatureView, Latest
from lapwise.features.offline.join import point_in_time
from tests.features.reference import EPOCH, Row, features_of

KINDS = {
    "f": ("last", "first", "sum", "mean", "min", "max", "std", "distinct"),
    "i": ("last", "first", "sum", "mean", "min", "max", "std", "distinct"),
    "b": ("last", "first", "sum", "min", "max", "rate", "distinct"),
    "s": ("last", "first", "distinct"),
}
TABLE = Table("history", "history.parquet", key="key", event="event", known="known")
SCHEMA: dict[str, Any] = {
    "key": pl.Int64,
    "event": pl.Datetime("us", "UTC"),
    "known": pl.Datetime("us", "UTC"),
    "who": pl.String,
    "f": pl.Float64,
    "i": pl.Int64,
    "b": pl.Boolean,
    "s": pl.String,
    "d": pl.Datetime("us"),
}


def view_over(*windows: str, grain: str | None = None) -> FeatureView:
    """Return a view with every aggregate of every column but times over each window."""
    name = "view"
    features: dict[str, Aggregate | Latest] = {}
    for window in windows:
        features[f"{name}_count_{window}"] = lw.count(within=window)
        for column, kinds in KINDS.items():
            for kind in kinds:
                make = getattr(lw, kind)
                features[f"{name}_{kind}_{column}_{window}"] = make(column, within=window)
        features[f"{name}_coarse_{window}"] = lw.sum("i", within=window, quantum=4.0)
        features[f"{name}_fine_{window}"] = lw.std("f", within=window, quantum=2.0**-24)
        features[f"{name}_few_f_{window}"] = lw.last_n("f", 4, within=window)
        features[f"{name}_few_s_{window}"] = lw.last_n("s", 2, within=window)
    return FeatureView(name, TABLE, by="who", features=features, grain=grain)


VIEW = view_over("5us", "30us")
GRAINED = [view_over("5us", "30us", grain=f"{grain}us") for grain in (2, 4, 5)]
OF_TIMES = FeatureView(
    "times",
    TABLE,
    by="who",
    grain="3us",
    features={
        kind: getattr(lw, kind)("d", within="7us")
        for kind in ("last", "first", "min", "max", "distinct")
    },
)
VIEWS = st.sampled_from([VIEW, *GRAINED, OF_TIMES])
MOMENT = st.integers(0, 60)
FLOAT = st.one_of(
    st.sampled_from([0.0, -0.0, 0.1, 1.5, -3.25, 2.0**-17, 3 * 2.0**-17, 1e5, -123456.789]),
    st.floats(-1e6, 1e6),
    st.just(float("nan")),
    st.none(),
)
ROW: st.SearchStrategy[Row] = st.fixed_dictionaries({
    "key": st.integers(0, 8),
    "event": st.one_of(MOMENT, MOMENT, MOMENT, st.none()),
    "known": st.one_of(MOMENT, MOMENT, MOMENT, st.none()),
    "who": st.sampled_from(["a", "a", "b", "c", None]),
    "f": FLOAT,
    "i": st.one_of(st.integers(-5, 5), st.integers(-(2**40), 2**40), st.none()),
    "b": st.sampled_from([True, False, None]),
    "s": st.sampled_from(["x", "y", "", None]),
    "d": st.one_of(st.sampled_from([-7, 0, 1]), st.integers(-(2**40), 2**40), st.none()),
})  # fmt: skip
LATE_ROW = ROW.map(lambda row: row | {"known": later(row["event"], row["known"])})
RUN = st.lists(ROW, max_size=20).map(
    lambda rows: [
        row | {"key": key, "known": (row["event"] or 0) + 3} for key, row in enumerate(rows)
    ]
)  # no corrections, always three microseconds late: what the fast path is for
PROMPT = st.lists(ROW, max_size=20).map(
    lambda rows: [row | {"key": key, "known": row["event"]} for key, row in enumerate(rows)]
)  # no corrections, known when they happen


def dense(row: Row) -> Row:
    """Make a history of one entity in which nearly every window shows several rows."""
    moments = {name: None if row[name] is None else row[name] % 20 for name in ("event", "known")}
    return row | moments | {"who": "a"}


DENSE = st.lists(ROW.map(dense), min_size=5, max_size=30)
HISTORY = st.one_of(st.lists(ROW, max_size=14), st.lists(LATE_ROW, max_size=25), DENSE, RUN, PROMPT)
EXAMPLE: st.SearchStrategy[Row] = st.fixed_dictionaries(
    {
        "who": st.sampled_from(["a", "a", "a", "b", "d", None]),
        "at": st.one_of(MOMENT, st.integers(0, 8), st.integers(9, 25)),
    }
)


def later(event: int | None, known: int | None) -> int | None:
    """Make a history in which rows become known a little after they happen."""
    return known if event is None or known is None else event + known % 7


def table_of(rows: Sequence[Row]) -> pl.DataFrame:
    """Return rows whose times are microseconds as a table."""
    as_time = {"event": instant, "known": instant, "d": naive}
    return pl.DataFrame(
        [{k: as_time[k](v) if k in as_time else v for k, v in row.items()} for row in rows],
        schema=SCHEMA,
    )


def instant(micros: int | None) -> Any:
    """Return the time some microseconds after 1970."""
    return None if micros is None else EPOCH + timedelta(microseconds=micros)


def naive(micros: int | None) -> Any:
    """Return the time some microseconds after 1970, without a zone."""
    return None if micros is None else instant(micros).replace(tzinfo=None)


def examples_of(rows: Sequence[Row]) -> pl.DataFrame:
    """Return examples whose times are microseconds."""
    return pl.DataFrame(
        {"who": [row["who"] for row in rows], "at": [instant(row["at"]) for row in rows]},
        schema={"who": pl.String, "at": pl.Datetime("us", "UTC")},
    )


def joined(
    examples: Sequence[Row], rows: pl.DataFrame, view: FeatureView = VIEW, **options: Any
) -> pl.DataFrame:
    """Join a view to examples."""
    return point_in_time(
        examples_of(examples), [view], time="at", tables={"history": rows.lazy()}, **options
    )


def expected(examples: Sequence[Row], rows: Sequence[Row], view: FeatureView) -> list[Row]:
    """Return what the reference says for each example."""
    plain: list[Row] = [
        row | {"d": naive(row.get("d"))} | ({"f": 0.0} if row.get("f") == 0.0 else {})
        for row in rows
    ]
    return [features_of(example, example["at"], view, plain, floats="f") for example in examples]


def differing(found: Row, wanted: Row) -> dict[str, tuple[str, str]]:
    """Return what differs, by ``repr``, which tells apart -0.0 and 0.0, 1 and 1.0."""
    assert list(found) == list(wanted)
    pairs = {name: (repr(found[name]), repr(wanted[name])) for name in found}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@settings(max_examples=200)
@given(
    st.lists(EXAMPLE, max_size=8),
    HISTORY,
    VIEWS,
)
def test_equals_the_reference_bit_for_bit(
    examples: list[Row], rows: list[Row], view: FeatureView
) -> None:
    """Every aggregate over every window is what the plain loop over rows says."""
    check_against_reference(examples, rows, view)


@pytest.mark.prove
@settings(max_examples=1500, suppress_health_check=list(HealthCheck))
@given(
    st.lists(EXAMPLE, max_size=12),
    HISTORY,
    VIEWS,
)
def test_equals_the_reference_on_thousands_of_histories(
    examples: list[Row], rows: list[Row], view: FeatureView
) -> None:
    """The same, for longer."""
    check_against_reference(examples, rows, view)


def test_equals_the_reference_where_everything_ties() -> None:
    """Few keys, moments and entities: rows equal in key, known, event, or any two of them."""
    for seed in range(80):
        random = Random(seed)
        rows = [
            {
                "key": random.randint(0, 4),
                "event": random.randint(0, 3),
                "known": random.randint(0, 4),
                "who": random.choice("aaab"),
                "f": random.random(),
                "i": random.randint(-5, 5),
                "b": random.choice([True, False, None]),
                "s": random.choice(["x", "y", None]),
                "d": random.choice([1, 2, None]),
            }
            for _ in range(random.randint(2, 16))
        ]
        asked = [{"who": "a", "at": random.randint(1, 8)} for _ in range(4)]
        check_against_reference(asked, rows, random.choice([VIEW, *GRAINED]))


def check_against_reference(examples: list[Row], rows: list[Row], view: FeatureView = VIEW) -> None:
    """Fail on any bit that differs from the reference."""
    frame = joined(examples, table_of(rows), view, known=True)
    found = [{k: v for k, v in row.items() if k not in ("who", "at")} for row in frame.to_dicts()]
    wanted = expected(examples, rows, view)
    assert [differing(a, b) for a, b in zip(found, wanted, strict=True)] == [{}] * len(examples)


@settings(max_examples=8)
@given(st.lists(EXAMPLE, min_size=1, max_size=8), HISTORY, st.randoms())
def test_the_order_of_rows_and_the_memory_change_no_bit(
    examples: list[Row], rows: list[Row], random: Random
) -> None:
    """Shuffled rows, and any number of partitions, give the same frame."""
    whole = joined(examples, table_of(rows), known=True)
    mixed = random.sample(rows, len(rows))
    assert_frame_equal(joined(examples, table_of(mixed), known=True), whole, check_exact=True)
    if rows:
        bytes_each = table_of(rows).estimated_size() // len(rows) + 200
        for partitions in (2, 7):
            memory = max(bytes_each * len(rows) // partitions, 1)
            parted = joined(examples, table_of(mixed), known=True, memory=memory)
            assert_frame_equal(parted, whole, check_exact=True)


@settings(max_examples=25)
@given(st.lists(EXAMPLE, min_size=1, max_size=8), HISTORY, MOMENT)
def test_what_becomes_known_later_changes_nothing(
    examples: list[Row], rows: list[Row], day: int
) -> None:
    """Without the rows known at D or later, examples up to D are what they were."""
    asked = [example for example in examples if example["at"] <= day]
    past = [row for row in rows if row["known"] is not None and row["known"] < day]
    whole = joined(examples, table_of(rows), known=True)
    before = whole.filter(pl.col("at") <= instant(day))
    assert_frame_equal(joined(asked, table_of(past), known=True), before, check_exact=True)


@given(st.lists(ROW, max_size=12), st.lists(EXAMPLE, max_size=6))
@settings(max_examples=30)
def test_several_columns_name_an_entity(rows: list[Row], examples: list[Row]) -> None:
    """All columns of ``by`` must match, and a null in any of them matches nothing."""
    view = FeatureView("two", TABLE, ("who", "s"), {"n": lw.count(within="20us")})
    asked = [example | {"s": "x" if at % 2 else None} for at, example in enumerate(examples)]
    frame = examples_of(asked).with_columns(s=pl.Series([e["s"] for e in asked], dtype=pl.String))
    found = point_in_time(frame, [view], time="at", tables={"history": table_of(rows).lazy()})
    wanted = [features_of(one, one["at"], view, rows, floats="f")["n"] for one in asked]
    assert found["n"].to_list() == wanted


def test_both_ends_of_a_window_and_the_moment_of_knowing() -> None:
    """A row at t - within counts, one known at t does not, one known a microsecond before does."""
    rows = [
        {"key": 1, "event": 5, "known": 14, "who": "a"},
        {"key": 2, "event": 4, "known": 4, "who": "a"},
        {"key": 3, "event": 15, "known": 14, "who": "a"},
        {"key": 4, "event": 10, "known": 15, "who": "a"},
        {"key": 5, "event": 16, "known": 3, "who": "a"},
    ]
    view = FeatureView("v", TABLE, "who", {"n": lw.count(within="10us")})
    found = joined([{"who": "a", "at": 15}], table_of(rows), view)
    assert found["n"].to_list() == [2]  # keys 1 and 3


def test_a_correction_replaces_the_row_and_may_retract_it() -> None:
    """A new value, entity or event counts from when it is known; without an event it retracts."""
    first = {"key": 1, "event": 1, "known": 1, "who": "a", "i": 10}
    history = [first, first | {"known": 5, "i": 20}, first | {"known": 9, "who": "b"}]
    history.append(first | {"known": 13, "event": None})
    view = FeatureView("v", TABLE, "who", {"sum": lw.sum("i", within="1s")})
    times = (1, 2, 5, 6, 9, 10, 13, 14)
    for who, sums in (
        ("a", [None, 10, 10, 20, 20, None, None, None]),
        ("b", [None, None, None, None, None, 10, 10, None]),
    ):
        asked = [{"who": who, "at": at} for at in times]
        assert joined(asked, table_of(history), view)["sum"].to_list() == sums


def test_rows_stay_in_order_and_an_empty_table_gives_empty_windows() -> None:
    """Examples keep their columns and order; count and distinct are 0, the rest null."""
    asked = [{"who": who, "at": at} for who, at in [("b", 9), ("a", 3), (None, 5), ("a", 3)]]
    found = joined(asked, table_of([]))
    assert_frame_equal(found.select("who", "at"), examples_of(asked))
    features = found.drop("who", "at")
    numbers = [name for name in features.columns if "count" in name or "distinct" in name]
    assert features.select(pl.col(numbers).eq(0).all()).row(0) == (True,) * len(numbers)
    assert features.drop(numbers).null_count().row(0) == (4,) * (features.width - len(numbers))


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_times_of_any_unit_and_zone_are_instants(unit: Any) -> None:
    """A time in New York and the same instant in UTC see the same rows."""
    rows = table_of([{"key": 1, "event": 1000, "known": 1000, "who": "a"}])
    moved = rows.with_columns(
        pl.col("event", "known")
        .cast(pl.Datetime(unit, "UTC"))
        .dt.convert_time_zone("America/New_York")
    )
    view = FeatureView("v", TABLE, "who", {"n": lw.count(within="1h")})
    asked = [{"who": "a", "at": 1000}, {"who": "a", "at": 1001}]
    assert joined(asked, moved, view)["n"].to_list() == [0, 1]


def without(column: str) -> pl.DataFrame:
    """Return a table that lacks a column."""
    return table_of([{"key": 1, "event": 1, "known": 1, "who": "a", "f": 1.0}]).drop(column)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (without("f"), "view 'view': table 'history' has no column: 'f'"),
        (without("who"), "table 'history' has no column: 'who'"),
        (without("known"), "has no column: 'known'"),
        (without("event").with_columns(event=1), "column 'event' does not hold times"),
        (without("who").with_columns(who=1), "'who' is Int32 in table 'history' and String in"),
        (
            without("b").with_columns(b=1),
            "'b' of table 'history' has a type it cannot use: 'Int32'",
        ),
        (without("i").with_columns(i=pl.lit("x")), "a number, Boolean or duration, for sum"),
        (without("key").with_columns(key=None), "1 rows of table 'history' have no key: 'key'"),
        (
            without("s").with_columns(s=[[1]]),
            "'s' of table 'history' has a type it cannot use: 'List",
        ),
        (without("f").with_columns(f=float("inf")), "does not fit 64-bit fixed point.*: inf"),
        (without("f").with_columns(f=2.0**24), "std of column 'f'.*: 16777216.0\n.*\n.*2\\*\\*-22"),
    ],
)
def test_an_error_names_view_column_and_mend(rows: pl.DataFrame, words: str) -> None:
    """Each bad table is one FeatureError."""
    with pytest.raises(FeatureError, match=f"(?s){words}"):
        joined([{"who": "a", "at": 9}], rows)


def test_bad_examples_are_refused() -> None:
    """A missing or null time, a missing table or entity, a name that is taken."""
    asked = examples_of([{"who": "a", "at": 9}])
    tables = {"history": table_of([]).lazy()}
    view = FeatureView("v", TABLE, "who", {"n": lw.count(within="1s")})
    bad: list[tuple[pl.DataFrame, list[FeatureView], str, dict[str, pl.LazyFrame], str]] = [
        (asked, [view], "when", tables, "no time column: 'when'"),
        (asked.with_columns(at=None).cast({"at": pl.Date}), [view], "at", tables, "is null in 1"),
        (asked, [view], "at", {}, "a table that was not given: 'history'"),
        (asked.drop("who"), [view], "at", tables, "the examples have no column: 'who'"),
        (asked.rename({"who": "n"}), [view], "at", tables, "taken by a column of the examples"),
        (asked, [view, view], "at", tables, "taken by view 'v'"),
    ]
    for frame, views, time, given_tables, words in bad:
        with pytest.raises(FeatureError, match=words):
            point_in_time(frame, views, time=time, tables=given_tables)


def test_a_corrupt_file_is_a_data_error(tmp_path: Path) -> None:
    """A Parquet file that cannot be read names its table."""
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no longer PAR1")
    view = FeatureView("v", TABLE, "who", {"n": lw.count(within="1s")})
    with pytest.raises(DataError, match="table 'history' cannot be read"):
        point_in_time(
            examples_of([{"who": "a", "at": 9}]),
            [view],
            time="at",
            tables={"history": pl.scan_parquet(tmp_path / "x.parquet")},
        )
