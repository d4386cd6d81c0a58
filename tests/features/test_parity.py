"""What was served is found equal, or the key and the feature are named."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lapwise.core.errors import FeatureError
from lapwise.features.online.lookup import OnlineLookup
from lapwise.features.online.store import OnlineStore
from lapwise.features.proving.parity import Parity, compare
from tests.features.test_lookup import (
    COLUMNS,
    DAY,
    EVENTS,
    EXAMPLES,
    FEATURES,
    MICROS,
    NOW,
    PERSON,
    TABLE,
    request,
)

TABLES = {"events": EVENTS.lazy()}


def served(store: OnlineStore) -> pl.DataFrame:
    """Serve the examples, and return what a log would hold."""
    inputs = request(EXAMPLES)
    found = OnlineLookup(FEATURES, store, columns=COLUMNS).look_up(inputs, at=MICROS)
    return pl.DataFrame({**inputs, **found, "at": [MICROS] * 5, "id": range(5)}, strict=False)


def compared(logged: pl.DataFrame, **options: Any) -> Parity:
    return compare(logged, FEATURES, time="at", row="id", tables=TABLES, columns=COLUMNS, **options)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with OnlineStore.open(tmp_path) as store:
        store.materialize([PERSON, DAY], TABLES, at=MICROS)
        yield store


def test_what_was_served_is_what_the_tables_say(store: OnlineStore) -> None:
    parity = compared(served(store))
    assert (parity.rows, parity.equal, parity.share, parity.differences) == (5, 5, 1.0, ())


def test_a_planted_shift_names_the_key_and_the_feature(store: OnlineStore) -> None:
    store.displace(
        DAY, [(NOW - NOW.replace(year=1970, month=1, day=1, hour=12)).days, "b"], by=-(10**12)
    )
    parity = compared(served(store))
    assert (parity.rows, parity.equal, parity.by_feature) == (5, 4, {"day_n": 1})
    (difference,) = parity.differences
    assert (difference.feature, difference.row) == ("day_n", 1)
    assert difference.entity == {"day": NOW.date(), "who": "b"}
    assert (difference.logged, difference.offline, difference.at) == (5, 6, MICROS)
    assert difference.kind == "missing"
    assert "was not online" in difference.cause
    assert "day_n of day" in str(difference)


def test_a_wrong_row_online_is_found(store: OnlineStore) -> None:
    wrong = EVENTS[:1].with_columns(id=pl.lit(99, pl.Int64), at=pl.lit(NOW) - timedelta(hours=1))
    store.push(TABLE, wrong.cast({"at": EVENTS.schema["at"]}), [PERSON, DAY])
    parity = compared(served(store), most=3)
    assert parity.equal == 3  # both rows of "a" saw it
    assert len(parity.differences) == 3
    assert {difference.entity.get("who") for difference in parity.differences} == {"a"}


def test_a_store_that_lags_is_told_apart(tmp_path: Path) -> None:
    with OnlineStore.open(tmp_path) as store:
        store.materialize([PERSON, DAY], TABLES, at=MICROS - 3_600_000_000)
        parity = compared(served(store))
    assert parity.equal == 4
    assert {one.kind for one in parity.differences} == {"missing"}
    assert all("row id=1, known" in one.cause for one in parity.differences)


def test_bits_are_compared(store: OnlineStore) -> None:
    logged = served(store)
    for name, value in (("mean_small", 1.0), ("sum_half", float("nan")), ("far", None)):
        parity = compared(logged.with_columns(pl.lit(value).alias(name)))
        assert set(parity.by_feature) == {name}
    zeros = logged.with_columns(std_small=-pl.col("std_small") * 0.0)
    assert set(compared(zeros).by_feature) == {"std_small"}
    text = logged.with_columns(pl.col("hour").cast(pl.String))
    assert compared(text).equal == 0


def test_what_is_missing_is_told(store: OnlineStore) -> None:
    logged = served(store)
    for column in ("mean_small", "who", "at"):
        with pytest.raises(FeatureError, match=column):
            compared(logged.drop(column))
