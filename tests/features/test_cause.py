"""Each fault that is planted in a real store is told by its cause, and by no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lapwise.features import model as lw
from lapwise.features.expressions.demand import on_demand
from lapwise.features.model import FeatureView
from lapwise.features.online.store import OnlineStore
from lapwise.features.proving.cause import Former
from tests.features.production import (
    HOUR,
    PLANE,
    ROWS,
    TABLE,
    Production,
    at,
    landing,
    micros,
    table_of,
)


@on_demand
def far(distance: pl.Expr) -> dict[str, pl.Expr]:
    return {"far": distance > 100, "halves": distance / 2}


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Production]:
    made = Production(tmp_path / "online")
    made.store.materialize([PLANE], {"landings": table_of(ROWS).lazy()}, at=micros(6))
    yield made
    made.store.close()


def push(production: Production, rows: Sequence[Mapping[str, Any]]) -> None:
    production.store.push(TABLE, table_of(rows), production.views)


def test_nothing_differs(production: Production) -> None:
    push(production, ROWS)
    for hours in (6, 7, 9.5, 9.500001, 12, 40):
        production.serve(hours)
        production.serve(hours, "N2")
    assert production.differences() == ()


def test_a_row_that_came_late_is_told_with_how_late(production: Production) -> None:
    production.serve(6.5)  # A6, known at 6:15, is not there
    push(production, ROWS)
    assert production.cause() == (
        "late",
        "row flight=A6, known 2024-03-01T06:15:00Z, came online too late, behind by 15m or more",
    )


def test_the_next_right_vector_says_until_when_it_was_behind(production: Production) -> None:
    production.serve(6.5)
    push(production, ROWS)
    production.serve(7.0)
    for online in (True, False):
        kind, sentence = production.cause(online=online)
        assert kind == "late"
        assert sentence.endswith("came online too late, behind by 15m to 45m")


def test_a_store_that_stood_still_is_told_by_its_first_row(production: Production) -> None:
    production.serve(9.5)
    push(production, ROWS)
    kind, sentence = production.cause()
    assert kind == "late"
    assert sentence == (
        "4 rows known from 2024-03-01T06:15:00Z to 2024-03-01T09:15:00Z, the first flight=A6: each"
        " came online too late, behind by 3h15m or more"
    )


def test_a_batch_lost_between_others(production: Production) -> None:
    push(production, ROWS[8:])
    production.serve(9.9)
    kind, sentence = production.cause()
    assert kind == "never_pushed"
    assert sentence.startswith("2 rows known from 2024-03-01T06:15:00Z to 2024-03-01T07:15:00Z")


def test_a_row_that_was_never_pushed(production: Production) -> None:
    push(production, [row for row in ROWS if row["flight"] != "A7"])
    production.serve(9.9)
    kind, sentence = production.cause()
    assert kind == "never_pushed"
    assert "flight=A7" in sentence
    kind, sentence = production.cause(online=False)
    assert kind == "missing"
    assert "behind by 2h39m or more, or never pushed" in sentence


def test_a_store_that_forgot_the_time_is_asked_for_the_first_it_knows(tmp_path: Path) -> None:
    """The row is in the window still, so that it came can be told by a later moment."""
    production = Production(tmp_path, keep="1h")
    production.store.materialize([PLANE], {"landings": table_of(ROWS).lazy()}, at=micros(6))
    production.serve(6.5)
    push(production, [row for row in ROWS if row["flight"] != "A6"])
    assert production.cause()[0] == "never_pushed"
    push(production, ROWS)
    push(production, [landing("C", 20, 20, 0.0, "N3")])
    assert production.cause()[0] == "late"
    push(production, [landing("D", 40, 40, 0.0, "N3")])
    assert production.cause()[0] == "missing"
    production.store.close()


def test_a_displaced_row_is_not_where_the_table_has_it(production: Production) -> None:
    push(production, ROWS)
    assert production.store.displace(PLANE, ["N1"], by=-100 * HOUR) == "A9"
    production.serve(9.9)
    kind, sentence = production.cause()
    assert kind == "never_pushed"
    assert "row flight=A9" in sentence
    assert sentence.endswith("never pushed, or otherwise")


def test_a_row_displaced_within_the_window(production: Production) -> None:
    push(production, ROWS)
    production.store.displace(PLANE, ["N1"], by=-5 * HOUR)
    production.serve(9.9)
    assert production.cause() == (
        "otherwise",
        "row flight=A9 was online with another event than 2024-03-01T09:00:00Z",
    )


def test_a_row_with_another_value(production: Production) -> None:
    push(production, [*ROWS[:-2], ROWS[9] | {"delay": 64.5}])
    production.serve(9.9)
    assert production.cause() == (
        "otherwise",
        "row flight=A9 was online with 'delay' 64.5 and not 64.0",
    )


def test_a_value_that_only_a_mean_shows(production: Production) -> None:
    push(production, [*ROWS[:7], ROWS[7] | {"delay": 49.0}, *ROWS[8:]])
    production.serve(9.9)
    kind, sentence = production.cause()
    assert kind == "otherwise"
    assert "was online with 'delay' 56.0 and not 57.0 (or so was one of 8 other rows)" in sentence


def test_a_row_that_the_table_does_not_have(production: Production, tmp_path: Path) -> None:
    push(production, [*ROWS, landing("X", 9.1, 9.2, 3.0)])
    production.serve(9.9)
    assert production.cause() == ("not_in_table", "online, 1 row more than the table has")
    ends = {"last": lw.last("delay", within="1d"), "most": lw.max("delay", within="1d")}
    view = FeatureView("plane", TABLE, "tail", ends)
    with_last = Production(tmp_path / "other", [view])
    with_last.store.materialize([view], {"landings": table_of(ROWS).lazy()}, at=micros(9.9))
    push(with_last, [landing("X", 9.1, 9.2, 3.0)])
    with_last.serve(9.9)
    kind, sentence = with_last.cause()
    assert (kind, sentence) == (
        "not_in_table",
        "online, a row with 'delay' 3.0, which no row of the table has",
    )
    with_last.store.close()


def test_a_row_counted_that_was_corrected(production: Production) -> None:
    corrected = [*ROWS, landing("A8", 8, 9.6, 500.0)]
    push(production, ROWS)
    production.serve(9.9)
    kind, sentence = production.cause(rows=corrected)
    assert kind == "corrected"
    assert sentence == (
        "a row counted that was corrected: the correction flight=A8, known 2024-03-01T09:36:00Z,"
        " is not online now either: it was never pushed, or otherwise"
    )
    push(production, corrected)
    kind, sentence = production.cause(rows=corrected)
    assert kind == "corrected"
    assert sentence.endswith("came online too late, behind by 18m or more")


def test_a_retraction_that_did_not_come(production: Production) -> None:
    push(production, ROWS)
    production.serve(9.9)
    assert production.cause(rows=[*ROWS, landing("A8", None, 9.6, 0.0)])[0] == "corrected"


def test_a_row_seen_at_the_very_moment(production: Production) -> None:
    early = [*ROWS[:7], ROWS[7] | {"reported": at(7.25) - timedelta(microseconds=1)}]
    push(production, early)
    production.serve(7.25)
    kind, sentence = production.cause()
    assert kind == "moment"
    assert sentence.startswith("row flight=A7, known at that very moment, was seen")


def test_another_version_of_the_definition_answered(production: Production) -> None:
    wider = dict(PLANE.features) | {"n_3h": lw.count(within="5h")}
    other = FeatureView("plane", TABLE, by="tail", features=wider)
    production.store.materialize([other], {"landings": table_of(ROWS).lazy()}, at=micros(20))
    production.serve(9.9, features=[other])
    kind, sentence = production.cause(others=[PLANE, far, other])
    assert kind == "definition"
    assert sentence.startswith("another version of view 'plane' answered: ")
    assert production.cause()[0] != "definition"


def test_a_table_that_was_changed_after_it_was_served(production: Production) -> None:
    push(production, ROWS)
    production.serve(9.9)
    changed = [*ROWS[:3], ROWS[3] | {"delay": -1.0}, *ROWS[4:]]
    former = [
        Former("landings@v2", micros(9), table_of(changed).lazy()),
        Former("landings@v1", micros(8), table_of(ROWS[:8]).lazy()),
    ]
    assert production.cause(rows=changed, former=former) == (
        "changed_table",
        "the table was changed since: right by landings@v1, as it was read before",
    )


def test_a_value_of_another_type(production: Production) -> None:
    push(production, ROWS)
    production.serve(9.9)
    logged = pl.DataFrame(production.logged).with_columns(pl.col("n").cast(pl.String))
    assert production.cause(logged=logged) == ("type", "'n' was served as String and is Int64")


def test_on_demand_features(tmp_path: Path) -> None:
    production = Production(tmp_path, [far])
    production.serve(1.0)
    logged = pl.DataFrame(production.logged)
    assert production.differences(logged=logged) == ()
    wrong = logged.with_columns(far=pl.lit(False))
    kind, sentence = production.cause(logged=wrong)
    assert (kind, sentence[:16]) == ("on_demand", "its expressions ")

    def other(distance: pl.Expr) -> dict[str, pl.Expr]:
        return {"far": distance > 1000, "halves": distance / 2}

    kind, sentence = production.cause(logged=wrong, others=[far, on_demand(other)])
    assert kind == "definition"
    production.store.close()


def test_what_is_made_of_a_wrong_feature_says_so(tmp_path: Path) -> None:
    """A feature made of the store's and the request's columns differs because of what it reads."""

    def share(last: pl.Expr, distance: pl.Expr) -> dict[str, pl.Expr]:
        return {"share": last / distance}

    production = Production(tmp_path, [PLANE, on_demand(share)])
    production.store.materialize([PLANE], {"landings": table_of(ROWS).lazy()}, at=micros(6))
    production.serve(6.5)
    push(production, ROWS)
    found = {one.feature: (one.kind, one.cause) for one in production.differences()}
    assert found["last"][0] == "late"
    assert found["share"] == ("input", "it is made of 'last', which was 36.0 and should be 43.0")
    production.store.close()


def test_an_input_of_another_type(tmp_path: Path) -> None:
    """A request that carried whole numbers where training has fractions divides otherwise."""

    def thirds(distance: pl.Expr) -> dict[str, pl.Expr]:
        return {"third": (distance + 0.1).cast(pl.String)}

    made = on_demand(thirds)
    production = Production(tmp_path, [made])
    logged = pl.DataFrame({"id": ["r0"], "at": [micros(1)], "distance": [2**53 + 1]})
    logged = logged.with_columns(made.compute(logged.cast({"distance": pl.Float32}))["third"])
    narrow = logged.with_columns(pl.col("distance").cast(pl.Float32))
    assert production.cause(logged=narrow) == (
        "type",
        "the request's types give it: 'distance' was Float32 and is Float64",
    )
    production.store.close()


PUSHES = """
import sys, time
from pathlib import Path
from tests.features.production import Production, ROWS, TABLE, PLANE, table_of
production = Production(Path(sys.argv[1]))
for row in ROWS[6:]:
    production.store.push(TABLE, table_of([row]), [PLANE])
    print(row["flight"], flush=True)
    time.sleep(60)  # it is killed in here
"""


def test_a_process_killed_between_pushes(tmp_path: Path) -> None:
    """What it did not push is told as never pushed; after a push again, as late."""
    folder = tmp_path / "online"
    production = Production(folder)
    production.store.materialize([PLANE], {"landings": table_of(ROWS).lazy()}, at=micros(6))
    production.store.close()
    process = subprocess.Popen(
        [sys.executable, "-c", PUSHES, str(folder)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
        env=os.environ,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "A6\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    production.store = OnlineStore.open(folder, keep="7d")
    production.serve(9.9)
    there = production.logged[0]["n"] - 6
    assert 1 <= there < 4
    assert production.cause()[0] == "never_pushed"
    push(production, ROWS)
    kind, sentence = production.cause()
    assert kind == "late"
    assert f"flight=A{6 + there}" in sentence
    production.store.close()
