from collections import Counter

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from lapwise.core.observation import HourCounts
from lapwise.core.prediction import Answer, Answered, Failure
from lapwise.monitoring import Counters
from lapwise.monitoring.bins import place
from tests.monitoring.worlds import DAY, FEATURES, HOUR, START, days, log, reference, request

FRAME = days(2)
ENTRIES = [entry for entry in log(FRAME) if isinstance(entry, Answered)]


def count(entries: list[Answered]) -> tuple[HourCounts, ...]:
    counters = Counters("m", lambda _version: reference())
    for entry in entries:
        counters.add(entry)
    return counters.changed()


def test_every_hour_s_rows_are_counted_in_the_bins_of_the_reference() -> None:
    found = count(ENTRIES)
    assert [one.hour for one in found] == sorted(FRAME["time"].unique())
    assert sum(one.rows for one in found) == FRAME.height
    for hour in found:
        rows = FRAME.filter(pl.col("time") == hour.hour)
        for counted in reference().counted:
            codes = place(counted.bins, rows[counted.bins.name])
            expected = Counter(codes.tolist())
            assert hour.bins[counted.bins.name] == tuple(
                expected[code] for code in range(counted.bins.size)
            )


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(len(ENTRIES))), st.sets(st.integers(0, len(ENTRIES))))
def test_order_and_when_the_buffer_is_emptied_do_not_matter(
    order: list[int], stops: set[int]
) -> None:
    counters = Counters("m", lambda _version: reference())
    told: dict[int, HourCounts] = {}
    for number, place_in_log in enumerate(order):
        counters.add(ENTRIES[place_in_log])
        if number in stops:
            told |= {one.hour: one for one in counters.changed()}
    told |= {one.hour: one for one in counters.changed()}
    assert tuple(told[hour] for hour in sorted(told)) == count(ENTRIES)


def test_an_hour_is_told_again_only_when_it_has_changed() -> None:
    counters = Counters("m", lambda _version: reference())
    counters.add(ENTRIES[0])
    assert [one.rows for one in counters.changed()] == [len(ENTRIES[0].rows)]
    assert counters.changed() == ()
    counters.add(msgspec.structs.replace(ENTRIES[0], request="another"))
    assert [one.rows for one in counters.changed(ENTRIES[0].at + HOUR)] == [
        2 * len(ENTRIES[0].rows)
    ]


def test_canary_rows_are_counted_under_the_canary_and_failures_under_who_failed() -> None:
    rows = FRAME.head(3)
    whole = request(rows, START).answers[0]

    def part(version: str, arm: str, places: tuple[int, ...]) -> Answer:
        return msgspec.structs.replace(
            whole,
            version=version,
            arm=arm,
            places=places,
            features={name: [whole.features[name][one] for one in places] for name in FEATURES},
            scores=[whole.scores[one] for one in places],
        )

    entry = msgspec.structs.replace(
        request(rows, START),
        answers=(part("v1", "production", (0, 2)), part("v2", "canary", (1,))),
        failures=(Failure(place=2, version="v2", kind="exception"),),
        unseen={"shop": 1},
        looked_up=False,
    )
    first, second = count([entry])
    assert (first.version, first.rows, first.failures, first.unseen) == ("v1", 2, 0, {"shop": 1})
    assert (second.version, second.rows, second.failures, second.unseen) == ("v2", 1, 1, {})
    assert sum(second.bins["score"]) == 1


def test_a_version_without_a_reference_is_counted_without_bins() -> None:
    counters = Counters("m", lambda _version: None)
    counters.add(ENTRIES[0])
    (hour,) = counters.changed()
    assert (hour.rows, hour.bins) == (len(ENTRIES[0].rows), {})


def test_a_feature_that_was_not_given_is_missing() -> None:
    entry = ENTRIES[0]
    answer = msgspec.structs.replace(entry.answers[0], features={})
    (hour,) = count([msgspec.structs.replace(entry, answers=(answer,))])
    assert hour.bins["shop"][0] == len(entry.rows)


def test_a_day_s_counts_are_the_sum_of_its_hours_and_can_be_forgotten() -> None:
    counters = Counters("m", lambda _version: reference())
    for entry in ENTRIES:
        counters.add(entry)
    assert int(counters.day("v1", START)["shop"].sum()) == 300
    assert counters.day("v2", START) == {}
    counters.changed()
    counters.forget(START + DAY)
    assert counters.day("v1", START) == {}
    assert int(counters.day("v1", START + DAY)["shop"].sum()) == 300
