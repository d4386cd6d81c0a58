"""Key and group splits: a row's part depends on its name alone."""

import subprocess
import sys
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lapwise.core.errors import DataError, DeclarationError
from lapwise.core.model import Split
from lapwise.data.splits.assignment import assignment
from lapwise.data.splits.group import GroupSplit
from lapwise.data.splits.hashing import parts_of
from lapwise.data.splits.key import KeySplit
from lapwise.store.model import Store
from tests.data.worlds import UTC

SPLITS: list[KeySplit | GroupSplit] = [
    KeySplit(0.3, 0.3),
    GroupSplit("tail", 0.3, 0.3),
    GroupSplit(("tail", "day"), 0.3, 0.3),
]
AnySplit = KeySplit | GroupSplit

PROMISED = ["train", "train", "test", "train", "train", "test", "train", "train"]


def examples(ids: Any, tails: Any = None) -> pl.DataFrame:
    ids = list(ids)
    return pl.DataFrame(
        {
            "id": ids,
            "time": pl.Series(range(len(ids)), dtype=pl.Int64).cast(UTC),
            "tail": tails
            if tails is not None
            else [f"N{index * 7 % 97}" for index in range(len(ids))],
            "day": [index % 3 for index in range(len(ids))],
            "label": [index % 2 == 0 for index in range(len(ids))],
        }
    )


def assign(
    split: AnySplit,
    frame: pl.DataFrame,
    store: Store,
    previous: Split | None = None,
    salt: str = "s",
) -> Split:
    return split.assign(frame, store, row="id", as_of=0, salt=salt, previous=previous)


def parts(split: Split, store: Store) -> dict[Any, str]:
    return dict(assignment(split, store).iter_rows())


@given(
    first=st.integers(60, 200),
    more=st.integers(0, 200),
    seed=st.integers(0, 9),
    split=st.sampled_from(SPLITS),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_row_moves_when_data_grows(
    store: Store, first: int, more: int, seed: int, split: AnySplit
) -> None:
    """Whatever comes later and in whichever order, each row stays in its part."""
    grown = examples(range(first + more), [f"N{index * 7 % 53}" for index in range(first + more)])
    before = assign(split, grown.head(first), store)
    after = assign(split, grown.sample(fraction=1, shuffle=True, seed=seed), store, before)
    now = parts(after, store)
    assert all(now[row] == part for row, part in parts(before, store).items())


@given(extra=st.lists(st.integers(0, 60), max_size=60))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_group_is_in_one_part(store: Store, extra: list[int]) -> None:
    """All rows of a group, and all rows without one, are together."""
    tails = [*range(61), *extra]
    names = [None if tail == 0 else f"N{tail}" for tail in tails]
    frame = examples(range(len(tails)), names)
    split = assign(GroupSplit("tail", 0.3, 0.3), frame, store)
    parted = frame.join(assignment(split, store), left_on="id", right_on="row")
    assert parted.group_by("tail").agg(pl.col("part").n_unique())["part"].max() == 1
    assert parted.height == frame.height


def test_the_part_of_a_name_is_written_down() -> None:
    """The hash is a promise to all versions: these parts may never change."""
    names = [f"{len(name)}:{name}" for name in ("N14228", "N619AA", "1", "2", "3", "4", "5", "6")]
    assert parts_of(names, "flight-delay", 0.15, 0.15) == PROMISED
    code = (
        "from lapwise.data.splits.hashing import parts_of;"
        f"print(parts_of({names!r}, 'flight-delay', 0.15, 0.15))"
    )
    for seed in ("1", "2"):
        result = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.strip() == str(PROMISED)


def test_a_wider_integer_is_the_same_name(store: Store) -> None:
    """A column that becomes 64 bits wide, or categorical, moves no row."""
    frame = examples(range(100))
    narrow = frame.with_columns(pl.col("id").cast(pl.Int16), pl.col("tail").cast(pl.Categorical))
    for split in SPLITS[:2]:
        assert parts(assign(split, frame, store), store) == parts(
            assign(split, narrow, store), store
        )


def test_shares_are_about_what_was_asked_for(store: Store) -> None:
    """Of twenty thousand rows, the parts differ from their shares by less than a per cent."""
    split = assign(KeySplit(0.2, 0.1), examples(range(20_000)), store)
    shares = {part.name: part.rows / 20_000 for part in split.parts}
    assert shares == pytest.approx({"train": 0.7, "validation": 0.2, "test": 0.1}, abs=0.01)


def test_another_loop_parts_otherwise(store: Store) -> None:
    """The salt makes the splits of two loops independent."""
    frame = examples(range(200))
    assert parts(assign(KeySplit(), frame, store, salt="a"), store) != parts(
        assign(KeySplit(), frame, store, salt="b"), store
    )


def test_changed_shares_that_move_rows_into_test_are_refused(store: Store) -> None:
    """Another share of validation leaves the test alone; another share of test does not."""
    frame = examples(range(500))
    before = assign(KeySplit(0.2, 0.2), frame, store)
    assign(KeySplit(0.3, 0.2), frame, store, before)
    with pytest.raises(DataError, match="rows move backward"):
        assign(KeySplit(0.2, 0.4), frame, store, before)


def test_rows_without_a_label_are_in_no_part(store: Store) -> None:
    """They are counted, and take their part once their label comes."""
    frame = examples(range(200))
    some = frame.with_columns(pl.when(pl.col("id") >= 20).then("label").alias("label"))
    before = assign(KeySplit(), some, store)
    assert (before.unlabelled, before.left_out) == (20, 0)
    assert sum(part.rows for part in before.parts) == 180
    assert parts(before, store).items() <= parts(assign(KeySplit(), frame, store), store).items()


def test_two_columns_do_not_run_together(store: Store) -> None:
    """("ab", "c") and ("a", "bc") are different groups."""
    frame = pl.concat([examples(range(300))] * 2).with_columns(
        id=pl.int_range(600),
        tail=pl.Series(
            [f"{index}a" for index in range(300)] + [str(index) for index in range(300)]
        ),
        day=pl.Series(["b"] * 300 + ["ab"] * 300),
    )
    found = parts(assign(GroupSplit(("tail", "day"), 0.3, 0.3), frame, store), store)
    assert sum(found[index] != found[index + 300] for index in range(300)) > 100


def test_a_missing_group_column_is_named(store: Store) -> None:
    """The error lists the columns that examples have."""
    with pytest.raises(DataError, match="split by group, has no column: 'route'"):
        assign(GroupSplit("route"), examples(range(50)), store)


def test_a_group_of_floats_is_refused(store: Store) -> None:
    """A float has no text that is the same in all versions."""
    with pytest.raises(DataError, match="cannot be split by a column of this type"):
        assign(GroupSplit("day"), examples(range(50)).with_columns(pl.col("day") / 3), store)


def test_an_empty_part_is_refused(store: Store) -> None:
    """One group cannot be in three parts."""
    with pytest.raises(DataError, match="no labelled example falls into"):
        assign(GroupSplit("tail"), examples(range(50), ["N1"] * 50), store)


@pytest.mark.parametrize(
    "shares", [(0, 0.1), (0.1, 0), (0.5, 0.5), (-0.1, 0.2), (float("nan"), 0.1)]
)
def test_shares_must_leave_something(shares: tuple[float, float]) -> None:
    """Refused when declared."""
    with pytest.raises(DeclarationError, match="shares of validation and test"):
        KeySplit(*shares)
    with pytest.raises(DeclarationError, match="must say its group"):
        GroupSplit(())
