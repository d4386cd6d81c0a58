"""Examples: what was predicted, from what was known, and the truth so far."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lapwise.core.errors import DataError, DeclarationError, StepError
from lapwise.data.examples import build_examples, count_late
from lapwise.data.model import Examples, Label
from lapwise.store.model import Store
from tests.data.worlds import (
    ARRIVALS,
    FLIGHTS,
    HOUR,
    arrivals,
    built,
    examples_of,
    flights,
    instants,
    taken,
)


def test_an_example_has_its_inputs_and_the_label_known_so_far(store: Store, tmp_path: Path) -> None:
    """One row each, in order of time, with unit, block and label; what is not known is null."""
    flown = flights([(2, 0, 30, 31), (1, 0, 10, 12), (3, 0, 40, 41), (4, 0, 99, 101)])
    landed = arrivals([(1, 14, 15, 20.0), (2, 33, 34, 3.0), (3, 43, 60, 50.0)])
    frame = built(flown, landed, store, tmp_path, until=50, inputs=["tail", "departure"])
    assert frame.columns == [
        *("flight", "time", "unit", "block"),
        *("label", "label_known", "label_event"),
        *("tail", "departure"),
    ]
    assert frame.select("flight", "unit", "block", "label").rows() == [
        (1, "N1", 0, True),
        (2, "N2", 1, False),
        (3, "N3", 1, None),
    ]
    assert frame["label_known"].to_list() == instants([15, 34, None]).to_list()
    assert frame["time"].to_list() == instants([10, 30, 40]).to_list()


def test_a_row_known_too_late_is_no_example(store: Store, tmp_path: Path) -> None:
    """A row known only after its own time could not be predicted, and is counted."""
    flown = flights([(1, 9, 10, 12), (2, 10, 10, 12), (3, 11, 10, 12)])
    versions = {
        "flights": taken(flown, FLIGHTS, store, tmp_path, until=50),
        "arrivals": taken(arrivals([(1, 14, 15, 20.0)]), ARRIVALS, store, tmp_path, until=50),
    }
    declared = examples_of()
    assert build_examples(declared, versions, store, as_of=50 * HOUR)["flight"].to_list() == [1, 2]
    assert count_late(declared, versions, store, as_of=50 * HOUR) == 1
    with pytest.raises(DataError, match="has no example before"):
        build_examples(declared, versions, store, as_of=10 * HOUR)


def test_a_correction_in_time_counts_and_a_later_one_does_not(store: Store, tmp_path: Path) -> None:
    """An example is its row as it stood when its time came first."""
    flown = flights([(1, 0, 10, 12), (1, 5, 20, 22), (1, 20, 40, 42)], tail=["a", "b", "c"])
    landed = arrivals([(1, 24, 25, 20.0)])
    frame = built(flown, landed, store, tmp_path, until=50)
    assert frame.select("flight", "tail").rows() == [(1, "b")]
    assert frame["time"].to_list() == instants([20]).to_list()


ROW = st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 30))


@given(
    rows=st.lists(ROW, min_size=1, max_size=20, unique_by=lambda row: row[:2]),
    day=st.integers(1, 25),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_examples_of_the_past_do_not_depend_on_what_came_later(
    rows: list[tuple[int, int, int]], day: int, store: Store, tmp_path: Path
) -> None:
    """Examples before a day are the same from all input and from input known before that day."""
    flown = flights([(key, known, time, time + 1) for key, known, time in rows])
    landed = arrivals([(key, 90, 91, 0.0) for key in range(4)])
    cut = flown.filter(pl.col("published").to_physical() < day * HOUR)
    seen: list[list[tuple[object, ...]]] = []
    for frame in (flown, cut):
        try:
            got = built(frame, landed, store, tmp_path, until=95).drop("block")
        except DataError as error:
            if "has no " not in error.thing:
                raise
            seen.append([])
            continue
        seen.append(got.filter(pl.col("time").to_physical() < day * HOUR).rows())
    assert seen[0] == seen[1]


def test_the_newest_correction_of_a_label_counts(store: Store, tmp_path: Path) -> None:
    """A corrected label is known from the correction on; before, the first one stands."""
    flown = flights([(1, 0, 10, 12)])
    landed = arrivals([(1, 14, 15, 20.0), (1, 14, 30, 2.0)])
    early = built(flown, landed, store, tmp_path, until=30)
    late = built(flown, landed, store, tmp_path, until=31)
    assert early.select("label", "label_known").rows() == [(True, instants([15])[0])]
    assert late.select("label", "label_known").rows() == [(False, instants([30])[0])]


def test_a_label_of_a_later_version_is_not_known_yet(store: Store, tmp_path: Path) -> None:
    """Versions read up to a later time give the examples of the lap's time all the same."""
    landed = arrivals([(1, 14, 15, 20.0), (1, 14, 30, 2.0), (2, 33, 34, 1.0)])
    flown = flights([(1, 0, 10, 12), (2, 0, 29, 31)])
    versions = {
        "flights": taken(flown, FLIGHTS, store, tmp_path, until=50),
        "arrivals": taken(landed, ARRIVALS, store, tmp_path, until=50),
    }
    frame = build_examples(examples_of(), versions, store, as_of=30 * HOUR)
    assert frame.select("flight", "label").rows() == [(1, True), (2, None)]


def test_a_label_that_happened_too_late_is_none(store: Store, tmp_path: Path) -> None:
    """``within`` bounds when the truth happens, not when it is told."""
    flown = flights([(1, 0, 10, 12), (2, 0, 10, 12)])
    landed = arrivals([(1, 22, 48, 20.0), (2, 22.1, 23, 20.0)])
    frame = built(flown, landed, store, tmp_path, until=50)
    assert frame["label"].to_list() == [True, None]
    assert frame["label_known"].null_count() == 1


def test_a_row_without_a_value_is_no_label(store: Store, tmp_path: Path) -> None:
    """A cancelled flight has an arrival row and no delay; NaN is no number either."""
    flown = flights([(1, 0, 10, 12), (2, 0, 10, 12), (3, 0, 10, 12)])
    landed = arrivals([(1, 14, 15, None), (2, 14, 15, float("nan")), (3, 14, 15, 7.0)])
    label = Label(ARRIVALS, pl.col("delay"), on="flight")
    frame = built(flown, landed, store, tmp_path, until=50, label=label)
    assert frame["label"].to_list() == [None, None, 7.0]
    assert frame["label_known"].null_count() == 2


def test_a_label_known_before_its_prediction_is_refused(store: Store, tmp_path: Path) -> None:
    """A label known at the very time of the prediction is one that nobody need predict."""
    flown = flights([(1, 0, 10, 12), (2, 0, 10, 12)])
    landed = arrivals([(1, 9, 10, 1.0), (2, 14, 15, 1.0)])
    with pytest.raises(DataError, match="1 labels of table 'arrivals' were known before"):
        built(flown, landed, store, tmp_path, until=50)


def test_names_that_repeat_are_refused(store: Store, tmp_path: Path) -> None:
    """The name of an example is its own; the error counts and shows."""
    flown = flights([(1, 0, 10, 12), (2, 0, 10, 12), (3, 0, 10, 12)], number=[7, 7, None])
    versions = {
        "flights": taken(flown, FLIGHTS, store, tmp_path, until=50),
        "arrivals": taken(arrivals([(1, 14, 15, 1.0)]), ARRIVALS, store, tmp_path, until=50),
    }
    label = Label(ARRIVALS, pl.col("delay") > 15, on="flight")
    declared = Examples(FLIGHTS, row="number", time="predicted", inputs=[], label=label)
    with pytest.raises(DataError, match="1 rows have none, 2 share theirs") as error:
        build_examples(declared, versions, store, as_of=50 * HOUR)
    assert error.value.value == ["number=7"]


def test_several_label_rows_for_one_example_are_refused(store: Store, tmp_path: Path) -> None:
    """Which of several is the truth cannot be guessed."""
    flown = flights([(1, 0, 10, 12), (6, 0, 10, 12)])
    landed = arrivals([(1, 14, 15, 1.0), (6, 14, 15, 1.0)]).with_columns(tail=pl.lit("N1"))
    label = Label(ARRIVALS, pl.col("delay") > 15, on="tail")
    with pytest.raises(DataError, match="several rows for 1 labels") as error:
        built(flown, landed, store, tmp_path, until=50, label=label)
    assert "tail=N1" in str(error.value)


ONE = flights([(1, 0, 10, 12)])
LANDED = arrivals([(1, 14, 15, 1.0)])


def test_a_label_column_that_is_missing_is_named(store: Store, tmp_path: Path) -> None:
    """A table without the label's column."""
    with pytest.raises(DataError, match="the label's table 'arrivals' has no column") as error:
        built(ONE, LANDED.drop("delay"), store, tmp_path, until=50)
    assert "delay" in str(error.value)


def test_a_label_expression_that_raises_is_the_users_error(store: Store, tmp_path: Path) -> None:
    """Its exception is the cause."""
    label = Label(ARRIVALS, pl.col("delay").str.len_chars(), on="flight")
    with pytest.raises(StepError, match="label's expression over table 'arrivals' raised") as error:
        built(ONE, LANDED, store, tmp_path, until=50, label=label)
    assert error.value.__cause__ is not None


def test_a_label_that_is_not_element_wise_is_refused(store: Store, tmp_path: Path) -> None:
    """One number for the whole table would carry the future into each label."""
    landed = arrivals([(1, 14, 15, 1.0), (2, 14, 15, 1.0)])
    label = Label(ARRIVALS, pl.col("delay").mean() > 15, on="flight")
    with pytest.raises(DeclarationError, match="1 values for 2 rows"):
        built(ONE, landed, store, tmp_path, until=50, label=label)


def test_an_infinite_label_is_refused(store: Store, tmp_path: Path) -> None:
    """No model learns infinity."""
    landed = arrivals([(1, 14, 15, float("inf"))])
    label = Label(ARRIVALS, pl.col("delay"), on="flight")
    with pytest.raises(DataError, match="is infinite in 1 rows"):
        built(ONE, landed, store, tmp_path, until=50, label=label)


@pytest.mark.parametrize(
    "more", [{"inputs": ["sky"]}, {"unit": "sky"}, {"block": "sky"}], ids=["input", "unit", "block"]
)
def test_a_column_that_examples_need_is_named(
    more: dict[str, object], store: Store, tmp_path: Path
) -> None:
    """What the page names and the table lacks is said with the columns there are."""
    with pytest.raises(DataError, match="table 'flights' has no column: 'sky'"):
        built(ONE, LANDED, store, tmp_path, until=50, **more)


def test_columns_to_join_on_must_have_one_type(store: Store, tmp_path: Path) -> None:
    """A number in one table and a text in the other never meet."""
    with pytest.raises(DataError, match="cannot be joined on flight"):
        built(ONE, LANDED.with_columns(pl.col("flight").cast(pl.String)), store, tmp_path, until=50)


def test_a_block_may_be_a_column_and_more_columns_may_be_carried(
    store: Store, tmp_path: Path
) -> None:
    """Groups for the bootstrap and for the split come along when asked for."""
    versions = {
        "flights": taken(ONE.with_columns(route="tail"), FLIGHTS, store, tmp_path, until=50),
        "arrivals": taken(LANDED, ARRIVALS, store, tmp_path, until=50),
    }
    declared = examples_of(block="tail", unit=None, inputs=[])
    frame = build_examples(declared, versions, store, as_of=50 * HOUR, carry=["route", "unit"])
    assert frame.select("block", "unit", "route").rows() == [("N1", 1, "N1")]


@pytest.mark.parametrize(
    "more", [{"inputs": ["label"]}, {"inputs": "tail"}, {"unlabelled": "keep"}]
)
def test_a_page_that_cannot_be_is_refused_when_it_is_declared(more: dict[str, object]) -> None:
    """Reserved names, a string for a list, and an unknown policy."""
    with pytest.raises(DeclarationError):
        examples_of(**more)


def test_a_label_must_say_whose_it_is() -> None:
    """No column to join on, or a window that is no duration."""
    with pytest.raises(DeclarationError):
        Label(ARRIVALS, pl.col("delay"), on=())
    with pytest.raises(DeclarationError, match="not a duration"):
        Label(ARRIVALS, pl.col("delay"), on="flight", within="soon")


def test_a_table_without_a_version_is_named(store: Store) -> None:
    """A snapshot comes first."""
    with pytest.raises(DataError, match="no dataset version was given") as error:
        build_examples(examples_of(), {}, store, as_of=HOUR)
    assert error.value.value == "flights"


@given(
    rows=st.lists(ROW, min_size=1, max_size=20, unique_by=lambda row: row[:2]),
    since=st.integers(0, 35),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_examples_since_an_instant_are_those_of_all(
    rows: list[tuple[int, int, int]], since: int, store: Store, tmp_path: Path
) -> None:
    """Leaving the older out changes nothing of the others, corrected ones included."""
    flown = flights([(name, known, time, time + 1) for name, known, time in rows])
    landed = arrivals([(name, 40, 41, 20.0) for name in {row[0] for row in rows}])
    versions = {
        "flights": taken(flown, FLIGHTS, store, tmp_path, until=50, accept=True),
        "arrivals": taken(landed, ARRIVALS, store, tmp_path, until=50, accept=True),
    }
    if not any(known <= time for _, known, time in rows):
        return
    try:
        whole = build_examples(examples_of(), versions, store, as_of=50 * HOUR)
    except DataError:
        return
    newer = build_examples(examples_of(), versions, store, as_of=50 * HOUR, since=since * HOUR)
    assert newer.equals(whole.filter(pl.col("time").to_physical() >= since * HOUR))
