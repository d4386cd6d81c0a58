"""Online features of a page: what is there, brought up to now, pushed to, looked up."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from lapwise.core.clock import format_time, parse_time
from lapwise.core.errors import DataError, DeclarationError, FeatureError, NotFoundError
from lapwise.loop.describing import DescribedView
from lapwise.loop.listing import describe_page
from lapwise.loop.online import look_up, materialize_online, push_file
from tests.loop.twice import DAY, NOW
from tests.loop.worlds import AS_OF, World

BEFORE = format_time(NOW)
_HEADER = "order_id,customer,settled_at,back,fate,value"
ORDER = [
    "customer=c007",
    "shop=north",
    "channel=web",
    "amount=12.5",
    "items=2",
    "ordered_at=2024-02-14T00:00:00",
]


def materialize(world: World, as_of: str) -> int:
    with world.workshop(as_of) as opened:
        return materialize_online(opened, world.loop()).at


def vector(world: World, as_of: str, *values: str) -> dict[str, object]:
    with world.workshop(as_of) as opened:
        return look_up(opened, world.loop(), values or ORDER).features


def later_outcomes(world: World, suffix: str, name: str = "later") -> Path:
    """Write what became known of c007 from NOW on, as a file of its own."""
    rows = pl.read_parquet(world.root / "data" / "outcomes.parquet").filter(
        (pl.col("settled_at").dt.epoch("us") >= NOW) & (pl.col("customer") == "c007")
    )
    assert 1 <= rows.height < 100
    path = world.root / f"{name}{suffix}"
    if suffix == ".csv":
        rows.write_csv(path)
    else:
        rows.write_parquet(path)
    return path


def listed(world: World, as_of: str) -> DescribedView:
    with world.workshop(as_of) as opened:
        found = describe_page(opened, world.loop(), now=parse_time(as_of))
    return next(one for one in found if one.declared.kind == "view")


def test_views_are_listed_before_and_after(world: World) -> None:
    before = listed(world, BEFORE)
    said = before.declared
    assert (said.name, said.table, said.by) == ("customer", "outcomes", ("customer",))
    assert "customer_rate" in said.features
    assert (before.freshness, before.behind, before.proof) == (None, None, None)
    assert [(one.number, one.stage) for one in before.users] == [(1, "staging")]
    assert before.null_share is not None
    assert before.is_current
    assert not (world.root / ".lapwise" / "live" / "features").exists(), "looking made a store"
    assert materialize(world, BEFORE) == NOW
    now = listed(world, BEFORE)
    assert now.freshness is not None
    assert (now.freshness.latest, now.behind) == (NOW, 0)
    assert listed(world, format_time(NOW + DAY)).behind == DAY


def test_what_a_page_declares_and_how_fresh_it_is_are_kept(world: World) -> None:
    with world.workshop(BEFORE) as opened:
        brought = materialize_online(opened, world.loop(), count=True)
        (view,) = brought.views
        assert (view.view, view.table, view.rebuilt) == ("customer", "outcomes", True)
        assert view.rows == brought.rows > 1000
        (noted,) = opened.store.features.freshness("returns")
        declared = opened.store.features.list("returns")
        again = materialize_online(opened, world.loop())
    assert (noted.noted, noted.latest) == (NOW, NOW)
    assert noted.rows == view.rows
    assert 250 < (noted.entities or 0) <= 300
    assert {one.name for one in declared} >= {"customer"}
    assert (again.rows, again.views[0].rebuilt) == (0, False)


def test_materializing_again_changes_nothing_and_never_goes_back(world: World) -> None:
    materialize(world, BEFORE)
    before = vector(world, BEFORE)
    materialize(world, BEFORE)
    assert vector(world, BEFORE) == before
    materialize(world, AS_OF)
    fresh = listed(world, AS_OF).freshness
    assert fresh is not None
    assert fresh.latest == parse_time(AS_OF)


def test_a_vector_is_what_training_would_compute(world: World) -> None:
    materialize(world, BEFORE)
    found = vector(world, BEFORE)
    known = pl.read_parquet(world.root / "data" / "outcomes.parquet").filter(
        (pl.col("customer") == "c007") & (pl.col("settled_at").dt.epoch("us") < NOW)
    )
    assert found["customer_count"] == known.height
    assert found["customer_rate"] == pytest.approx(known["back"].mean())
    assert found["hour"] == 0
    assert found["many"] is False
    assert found["shop"] == "north"


def test_a_customer_that_nobody_knows_has_a_vector_too(world: World) -> None:
    materialize(world, BEFORE)
    found = vector(world, BEFORE, "customer=nobody", "shop=north")
    assert found["customer_count"] == 0
    assert found["customer_rate"] is None
    assert found["amount"] is None


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_pushed_rows_count_at_once_and_only_once(world: World, suffix: str) -> None:
    materialize(world, BEFORE)
    before = vector(world, AS_OF)
    path = later_outcomes(world, suffix)
    with world.workshop(AS_OF) as opened:
        pushed = push_file(opened, world.loop(), "outcomes", path)
        assert (
            (pushed.rows, pushed.entities) == (pl.read_parquet(path).height, 1)
            if (suffix == ".parquet")
            else (pl.read_csv(path).height, 1)
        )
    after = vector(world, AS_OF)
    assert after["customer_count"] > before["customer_count"]  # type: ignore[operator]
    with world.workshop(AS_OF) as opened:
        again = push_file(opened, world.loop(), "outcomes", path)
    assert again.rows == 0
    assert vector(world, AS_OF) == after
    # What the tables say later is the same as what was pushed.
    materialize(world, AS_OF)
    assert vector(world, AS_OF) == after


def test_a_request_of_the_past_does_not_see_what_was_pushed_since(world: World) -> None:
    materialize(world, BEFORE)
    before = vector(world, BEFORE)
    path = later_outcomes(world, ".parquet")
    soon = pl.from_epoch(pl.lit(NOW + DAY // 48), "us").dt.replace_time_zone("UTC")
    pl.read_parquet(path).head(1).with_columns(settled_at=soon).write_parquet(path)
    with world.workshop(AS_OF) as opened:
        assert push_file(opened, world.loop(), "outcomes", path).rows > 0
    assert vector(world, BEFORE) == before
    later = vector(world, format_time(NOW + DAY // 48 + 1))
    assert later["customer_count"] > before["customer_count"]  # type: ignore[operator]


def test_rows_of_the_future_are_refused_and_nothing_breaks(world: World) -> None:
    """One row with a wrong year must not make the store answer for that year alone."""
    materialize(world, BEFORE)
    before = vector(world, BEFORE)
    path = later_outcomes(world, ".parquet")
    pl.read_parquet(path).with_columns(pl.col("settled_at").dt.offset_by("20y")).write_parquet(path)
    with world.workshop(BEFORE) as opened:
        with pytest.raises(FeatureError, match="in the future") as caught:
            push_file(opened, world.loop(), "outcomes", path)
        for named in ("2044", "'outcomes'", "'customer'", "'settled_at'", "to mend:"):
            assert named in str(caught.value)
    assert vector(world, BEFORE) == before


@pytest.mark.parametrize(
    ("time", "said"), [("2999-02-28", "is a date"), ("2999-02-28T00:00:00", "has no time zone")]
)
def test_times_that_a_table_may_not_have_are_not_pushed(world: World, time: str, said: str) -> None:
    """Nor is a date of the future, after which the store would answer for that day alone."""
    materialize(world, BEFORE)
    before = vector(world, BEFORE)
    path = world.root / "one.csv"
    path.write_text(f"{_HEADER}\nx1,c007,{time},true,back,1.5\n")
    with world.workshop(BEFORE) as opened, pytest.raises(DataError, match=said):
        push_file(opened, world.loop(), "outcomes", path)
    assert vector(world, BEFORE) == before


@pytest.mark.parametrize(("value", "expected"), [("3", 3.0), ("", None)])
def test_a_csv_file_has_the_types_that_are_online(
    world: World, value: str, expected: float | None
) -> None:
    """One row with a whole number, or with none, says little of its column's type."""
    materialize(world, BEFORE)
    path = world.root / "one.csv"
    at = format_time(NOW - 1_000_000)
    path.write_text(f"{_HEADER}\n17,42,{at},true,back,{value}\n")
    with world.workshop(BEFORE) as opened:
        assert push_file(opened, world.loop(), "outcomes", path).rows == 1
    found = vector(world, BEFORE, "customer=42")
    assert (found["customer_count"], found["customer_last"]) == (1, expected)


def test_a_csv_file_whose_values_are_no_such_type_is_told_with_the_column(world: World) -> None:
    materialize(world, BEFORE)
    path = world.root / "one.csv"
    path.write_text(f"{_HEADER}\nx1,c007,{BEFORE},maybe,back,1.5\n")
    with (
        world.workshop(BEFORE) as opened,
        pytest.raises(DataError, match=r"cannot be read") as told,
    ):
        push_file(opened, world.loop(), "outcomes", path)
    assert "'back'" in str(told.value)


def test_a_file_without_rows_must_still_have_the_columns(world: World) -> None:
    materialize(world, BEFORE)
    path = world.root / "none.csv"
    with world.workshop(BEFORE) as opened:
        path.write_text(f"{_HEADER}\n")
        assert push_file(opened, world.loop(), "outcomes", path).rows == 0
        path.write_text("what,ever\n")
        with pytest.raises(FeatureError, match="has no column"):
            push_file(opened, world.loop(), "outcomes", path)


def test_an_input_that_is_given_twice_is_refused(world: World) -> None:
    materialize(world, BEFORE)
    with pytest.raises(DeclarationError, match="given twice"):
        vector(world, BEFORE, "customer=c007", "customer=c008")


def test_a_table_that_no_view_reads_is_named(world: World) -> None:
    with world.workshop(BEFORE) as opened:
        with pytest.raises(DeclarationError, match="no view reads") as caught:
            push_file(opened, world.loop(), "orders", world.root / "data" / "orders.parquet")
        assert "outcomes" in str(caught.value)
        with pytest.raises(DeclarationError, match="no view reads"):
            push_file(opened, world.loop(), "nothing", world.root / "data" / "orders.parquet")


def test_a_file_that_is_not_there_or_not_what_it_says_is_named(world: World) -> None:
    broken = world.root / "broken.parquet"
    broken.write_bytes(b"PAR1 and then nothing")
    materialize(world, BEFORE)
    with world.workshop(BEFORE) as opened:
        for path in (world.root / "gone.parquet", world.root / "gone.csv", broken):
            with pytest.raises(DataError, match="cannot be read") as caught:
                push_file(opened, world.loop(), "outcomes", path)
            assert path.name in str(caught.value)


@pytest.mark.parametrize("how", ["missing", "type"])
def test_rows_that_do_not_fit_are_refused_and_none_is_pushed(world: World, how: str) -> None:
    materialize(world, BEFORE)
    before = vector(world, AS_OF)
    path = later_outcomes(world, ".parquet")
    rows = pl.read_parquet(path)
    if how == "missing":
        rows = rows.drop("back")
    else:
        rows = rows.with_columns(pl.lit("much").alias("value"))
    rows.write_parquet(path)
    named = "back" if how == "missing" else "value"
    with world.workshop(AS_OF) as opened, pytest.raises(FeatureError, match=named):
        push_file(opened, world.loop(), "outcomes", path)
    assert vector(world, AS_OF) == before


def test_nothing_is_online_yet(world: World) -> None:
    with pytest.raises(NotFoundError, match="no features are online yet") as caught:
        vector(world, BEFORE)
    assert caught.value.fix == "lapwise features materialize"


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("nonsense", "customer=…"),
        ("order=7", "customer=…"),
        ("items=two", "items"),
        ("items=2.5", "items"),
        ("amount=much", "amount"),
        ("ordered_at=yesterday", "ordered_at"),
    ],
)
def test_a_value_that_no_request_could_carry_is_named(world: World, word: str, named: str) -> None:
    materialize(world, BEFORE)
    with pytest.raises(DeclarationError) as caught:
        vector(world, BEFORE, word)
    assert named in str(caught.value)
    assert word.rpartition("=")[2] in str(caught.value)


def test_a_table_that_cannot_be_read_leaves_what_was_there(world: World) -> None:
    materialize(world, BEFORE)
    before = vector(world, BEFORE)
    path = world.root / "data" / "outcomes.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="outcomes"):
        materialize(world, format_time(NOW + DAY))
    assert vector(world, BEFORE) == before


def test_a_row_that_becomes_known_late_is_seen_from_then_on(world: World) -> None:
    """A row of the tables whose time has come only after the last materialization."""
    materialize(world, BEFORE)
    path = world.root / "data" / "outcomes.parquet"
    rows = pl.read_parquet(path)
    mine = rows.filter(pl.col("customer") == "c007").tail(1)
    (at,) = mine["settled_at"]
    just = format_time(parse_time(str(at + timedelta(seconds=1)).replace(" ", "T")))
    before = vector(world, just)["customer_count"]
    materialize(world, just)
    assert vector(world, just)["customer_count"] > before  # type: ignore[operator]
