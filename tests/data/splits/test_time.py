"""Time splits: disjoint, in order, with a gap, and only forward."""

from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lapwise.core.clock import parse_time
from lapwise.core.errors import DataError, DeclarationError
from lapwise.core.model import Split
from lapwise.data.splits.assignment import assignment, load_split
from lapwise.data.splits.time import TimeSplit
from lapwise.store.model import Store
from tests.data.worlds import DAY, HOUR, UTC

WEEKS = TimeSplit(validation="7d", test="7d", embargo="1d")


def examples(hours: Sequence[float], delays: Sequence[float | None]) -> pl.DataFrame:
    """Return examples at hours, whose labels come after so many hours, or never."""
    pairs = list(zip(hours, delays, strict=True))
    known = [None if delay is None else int((hour + delay) * HOUR) for hour, delay in pairs]
    return pl.DataFrame(
        {
            "id": range(len(pairs)),
            "time": pl.Series([int(hour * HOUR) for hour in hours]).cast(UTC),
            "label": [None if delay is None else hour % 2 == 0 for hour, delay in pairs],
            "label_known": pl.Series(known, dtype=pl.Int64).cast(UTC),
        }
    )


def hourly(days: int, delay: float = 6) -> pl.DataFrame:
    """Return an example an hour for so many days; labels not yet known by then are missing."""
    hours = range(days * 24)
    return examples(hours, [delay if hour + delay < days * 24 else None for hour in hours])


def assign(
    split: TimeSplit, frame: pl.DataFrame, store: Store, day: int, previous: Split | None = None
) -> Split:
    return split.assign(frame, store, row="id", as_of=day * DAY, previous=previous)


def test_parts_are_absolute_and_have_gaps(store: Store) -> None:
    """Counting back from the lap: gap, test, gap, validation, gap, train."""
    split = assign(WEEKS, hourly(40), store, 40)
    assert [(part.name, part.start, part.end) for part in split.parts] == [
        ("train", None, 23 * DAY),
        ("validation", 24 * DAY, 31 * DAY),
        ("test", 32 * DAY, 39 * DAY),
    ]
    assert [part.rows for part in split.parts] == [23 * 24, 7 * 24, 7 * 24]
    assert (split.kind, split.embargo) == ("time", DAY)
    assert (split.left_out, split.unlabelled) == (3 * 24 - 6, 6)


def test_whole_days_end_at_midnight(store: Store) -> None:
    """A lap in the afternoon has the boundaries of its day, so that blocks of days are whole."""
    frame = hourly(40)
    morning = WEEKS.assign(frame, store, row="id", as_of=40 * DAY)
    afternoon = WEEKS.assign(frame, store, row="id", as_of=40 * DAY + 15 * HOUR)
    assert afternoon == morning
    hours = TimeSplit("36h", "36h", "30h").assign(frame, store, row="id", as_of=40 * DAY - HOUR)
    assert hours.parts[2].end == 40 * DAY - 31 * HOUR


def test_a_split_is_frozen_and_repeats(store: Store) -> None:
    """The same examples in any order give the same digest, and the record is kept."""
    frame = hourly(40)
    split = assign(WEEKS, frame, store, 40)
    assert assign(WEEKS, frame.sample(fraction=1, shuffle=True, seed=1), store, 40) == split
    assert load_split(split.digest, store) == split
    parted = assignment(split, store)
    assert parted.columns == ["row", "part"]
    assert parted.height == sum(part.rows for part in split.parts)
    assert assign(WEEKS, hourly(40, delay=7), store, 40).digest != split.digest


def test_a_label_that_comes_after_the_next_part_began_is_left_out(store: Store) -> None:
    """One late label among many is no reason to refuse, and may not be trained on."""
    frame = hourly(40)
    late = pl.col("id") == 22 * 24
    frame = frame.with_columns(
        pl.when(late).then(pl.lit(24 * DAY).cast(UTC)).otherwise("label_known").alias("label_known")
    )
    split = assign(WEEKS, frame, store, 40)
    assert 22 * 24 not in assignment(split, store)["row"]
    assert split.parts[0].rows == 23 * 24 - 1


@given(
    hours=st.lists(st.integers(0, 40 * 24), min_size=60, max_size=120, unique=True),
    delays=st.lists(st.integers(1, 24), min_size=120, max_size=120),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(24, 48)),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_of_the_future_is_in_an_earlier_part(
    store: Store, hours: list[int], delays: list[int], sizes: tuple[int, int, int]
) -> None:
    """Parts are disjoint, in order, an embargo apart, and know their labels before the next."""
    validation, test, embargo = sizes
    split = TimeSplit(f"{validation}d", f"{test}d", f"{embargo}h")
    frame = examples(hours, delays[: len(hours)])
    try:
        record = assign(split, frame, store, 41)
    except DataError as error:
        if "no labelled example falls into" not in error.thing:
            raise
        return
    parted = frame.join(assignment(record, store), left_on="id", right_on="row")
    assert parted.height == parted["id"].n_unique() == sum(part.rows for part in record.parts)
    assert parted.height + record.left_out + record.unlabelled == frame.height
    spans = {name: parted.filter(part=name) for name in ("train", "validation", "test")}
    for first, second in (("train", "validation"), ("validation", "test")):
        last, start = spans[first]["time"].max(), spans[second]["time"].min()
        assert (start - last).total_seconds() >= embargo * 3_600  # type: ignore[operator, union-attr]
        assert spans[first]["label_known"].max() < start  # type: ignore[operator]


def test_an_embargo_shorter_than_the_label_delay_is_refused(store: Store) -> None:
    """The error measures the delay and says the embargo that works, which then does."""
    frame = hourly(60, delay=50)
    with pytest.raises(DeclarationError, match="2d2h until 99% of labels are known") as error:
        assign(WEEKS, frame, store, 60)
    assert error.value.expected == "at least 3d"
    assert 'embargo="3d"' in error.value.fix
    assert assign(TimeSplit("7d", "7d", "3d"), frame, store, 60).parts[2].rows == 7 * 24


def test_quick_labels_of_the_last_hours_do_not_hide_the_delay(store: Store) -> None:
    """Of the newest examples only quick labels have come; they do not count for the delay."""
    frame = hourly(40, delay=30)
    quick = examples([39.5 * 24] * 100_000, [0.1] * 100_000).with_columns(pl.col("id") + 10_000)
    with pytest.raises(DeclarationError, match="shorter than the label delay"):
        assign(WEEKS, pl.concat([frame, quick]), store, 40)


def test_an_empty_part_is_refused(store: Store) -> None:
    """The error says what was there and where the parts would have been."""
    with pytest.raises(DataError, match="no labelled example falls into train") as error:
        assign(WEEKS, hourly(16), store, 16)
    assert "384 examples from 1970-01-01" in str(error.value)
    unlabelled = hourly(40).with_columns(
        label=pl.lit(None, dtype=pl.Boolean), label_known=pl.lit(None, dtype=UTC)
    )
    with pytest.raises(DataError, match="960 without a label yet"):
        assign(WEEKS, unlabelled, store, 40)


def test_rows_move_forward_from_lap_to_lap(store: Store) -> None:
    """A later lap trains on what an earlier one tested on."""
    first = assign(WEEKS, hourly(40), store, 40)
    second = assign(WEEKS, hourly(60), store, 60, first)
    assert second.parts[0].rows > first.parts[0].rows


def test_a_row_that_moves_backward_is_refused(store: Store) -> None:
    """What an earlier lap trained or chose on cannot be tested on; counts and bounds are told."""
    second = assign(WEEKS, hourly(60), store, 60)
    before = len(list(store.blobs.digests()))
    with pytest.raises(DataError, match=r"168 rows move backward: .* train \(168\)") as error:
        assign(WEEKS, hourly(40), store, 40, second)
    assert "test part was 1970-02-22T00:00:00Z to 1970-03-01T00:00:00Z" in str(error.value)
    assert len(list(store.blobs.digests())) == before
    with pytest.raises(DataError, match=r"validation \("):
        assign(TimeSplit("7d", "14d", "1d"), hourly(60), store, 60, second)


def test_times_of_real_days() -> None:
    """Boundaries of the first lap of the flights example."""
    from lapwise.data.splits.time import boundaries

    train, validation, test = boundaries(WEEKS, parse_time("2013-04-01"))
    assert train == (None, parse_time("2013-03-15"))
    assert validation == (parse_time("2013-03-16"), parse_time("2013-03-23"))
    assert test == (parse_time("2013-03-24"), parse_time("2013-03-31"))


@pytest.mark.parametrize("sizes", [("0s", "7d"), ("7d", "0d"), ("week", "7d")])
def test_a_part_must_last(sizes: tuple[str, str]) -> None:
    """A part without length, or not a duration, is refused when declared."""
    with pytest.raises(DeclarationError):
        TimeSplit(*sizes)


WINDOW = TimeSplit(validation="7d", test="7d", embargo="1d", train="10d")


def test_a_longest_training_part_leaves_the_older_past_out(store: Store) -> None:
    """With ``train=`` the newest days before validation train, and parts still start at midnight."""
    split = assign(WINDOW, hourly(40), store, 40)
    assert [(part.name, part.start, part.end) for part in split.parts] == [
        ("train", 13 * DAY, 23 * DAY),
        ("validation", 24 * DAY, 31 * DAY),
        ("test", 32 * DAY, 39 * DAY),
    ]
    assert [part.rows for part in split.parts] == [10 * 24, 7 * 24, 7 * 24]
    assert (split.left_out, split.unlabelled) == (3 * 24 - 6, 6)
    short = TimeSplit(validation="7d", test="7d", embargo="1d", train="36h")
    afternoon = short.assign(hourly(40), store, row="id", as_of=40 * DAY - HOUR)
    assert afternoon.parts[0].start == afternoon.parts[0].end - 36 * HOUR  # type: ignore[operator]
    assert afternoon.parts[2].end == 39 * DAY - HOUR


@given(days=st.integers(1, 30), day=st.integers(30, 40))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_examples_before_the_split_looks_change_nothing(days: int, day: int, store: Store) -> None:
    """The split is the same, whether the examples before ``since`` are given or not."""
    split = TimeSplit(validation="7d", test="7d", embargo="1d", train=f"{days}d")
    since = split.since(day * DAY)
    assert since is not None
    frame = hourly(day)
    newer = frame.filter(pl.col("time").to_physical() >= since)
    assert assign(split, newer, store, day) == assign(split, frame, store, day)
    assert WEEKS.since(day * DAY) is None


def test_old_delays_do_not_refuse_a_window(store: Store) -> None:
    """Labels that came slowly before the window are not of it, given or not."""
    frame = hourly(60).with_columns(
        label_known=pl.when(pl.col("id") < 20 * 24)
        .then(pl.col("time") + pl.duration(days=5))
        .otherwise("label_known")
    )
    with pytest.raises(DeclarationError, match="embargo is shorter than the label delay"):
        assign(WEEKS, frame, store, 60)
    assert assign(WINDOW, frame, store, 60).parts[0].rows == 10 * 24
    slow = TimeSplit(validation="7d", test="7d", embargo="1h", train="10d")
    with pytest.raises(DeclarationError, match="embargo is shorter") as refused:
        assign(slow, frame, store, 60)
    assert 'train="10d"' in str(refused.value)


def test_what_trained_before_the_window_is_not_tested(store: Store) -> None:
    """Rows older than the last window trained earlier laps, though its split does not hold them."""
    frame = hourly(60)
    before = assign(WINDOW, frame, store, 50)
    assign(WINDOW, frame, store, 51, before)
    longer = TimeSplit(validation="1d", test="45d", embargo="1d", train="5d")
    with pytest.raises(DataError, match=r"move backward: .* train \(\d+"):
        assign(longer, frame, store, 60, before)
    held = assignment(before, store)
    assert held["row"].min() == 23 * 24
