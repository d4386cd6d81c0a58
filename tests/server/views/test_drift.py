"""What counts as unusual: measured against the days of the reference, not against a number."""

from __future__ import annotations

import pytest

from lapwise.core.deployment import Deployment
from lapwise.core.observation import HourCounts
from lapwise.monitoring import Bins, Counted, Reference
from lapwise.server.observed import DAY
from lapwise.server.views.drift import drift_page
from lapwise.store.model import AuditDraft, Store
from tests.store.making import version as making_version

MODEL = "flight-delay"
WEEKDAY = Bins(name="weekday", kind="number", edges=tuple(map(float, range(1, 8))))
SIZE = WEEKDAY.size


def one_weekday(day: int, rows: int) -> tuple[int, ...]:
    """Return the counts of a day: all its rows are of one weekday."""
    counts = [0] * SIZE
    counts[2 + day % 7] = rows
    return tuple(counts)


def numbered(level: int, rows: int) -> tuple[int, ...]:
    """Return the counts of a day whose rows mostly lie in one bin."""
    counts = [rows // 20] * SIZE
    counts[level] = rows
    return tuple(counts)


@pytest.fixture
def served(sqlite_store: Store) -> Store:
    """A store with a version, its reference of ten weeks, and ten days in production."""
    act = AuditDraft(at=1, actor="ada", action="register", subject=MODEL)
    version = sqlite_store.models.add(making_version(MODEL), act).id
    visib = Bins(name="visib", kind="number", edges=WEEKDAY.edges)
    days = tuple(range(70))
    reference = Reference(
        features=(
            Counted(bins=WEEKDAY, blocks=days, counts=tuple(one_weekday(day, 500) for day in days)),
            Counted(bins=visib, blocks=days, counts=tuple(numbered(4, 400 + day) for day in days)),
        ),
        version=version,
    )
    sqlite_store.records.add("reference", version, reference)
    sqlite_store.deployments.add(Deployment(model=MODEL, production=version, at=0))
    sqlite_store.observations.save(
        [
            HourCounts(
                model=MODEL, version=version, hour=day * DAY, rows=500,
                bins={"weekday": one_weekday(day, 500), "visib": numbered(4 if day < 8 else 7, 500)},
            )
            for day in range(10)
        ]
    )  # fmt: skip
    return sqlite_store


def test_a_day_of_one_weekday_is_usual_and_a_shift_is_not(served: Store) -> None:
    facts = drift_page(served, MODEL, days=0, feature="")
    (trace,) = facts["heat"]["data"]
    values = dict(zip(trace["y"], trace["z"], strict=True))
    assert max(values["weekday"]) <= 1.01
    assert max(values["visib"][:8]) <= 1.01
    assert min(values["visib"][8:]) > 4
    assert facts["feature"] == "visib", "the one that moved most is shown"


def test_the_table_says_when_and_how_far(served: Store) -> None:
    facts = drift_page(served, MODEL, days=0, feature="weekday")
    first = facts["features"][0]
    assert (first.name, first.highest_day) == ("visib", 9 * DAY)
    assert first.week > 0.1
    assert facts["feature"] == "weekday"
    assert facts["compared"] == "training"


def test_days_are_cut_to_the_stretch(served: Store) -> None:
    facts = drift_page(served, MODEL, days=3, feature="")
    (trace,) = facts["heat"]["data"]
    assert trace["x"] == ["1970-01-08", "1970-01-09", "1970-01-10"]


def test_without_a_reference_the_first_week_stands_in(sqlite_store: Store) -> None:
    act = AuditDraft(at=1, actor="ada", action="register", subject=MODEL)
    version = sqlite_store.models.add(making_version(MODEL), act).id
    sqlite_store.observations.save(
        [
            HourCounts(model=MODEL, version=version, hour=day * DAY, rows=9, bins={"x": (4, 5)})
            for day in range(9)
        ]
    )
    facts = drift_page(sqlite_store, MODEL, days=0, feature="")
    assert facts["compared"] == "its first week"
    assert facts["features"][0].times == 0


def test_hours_without_bins_are_no_error(sqlite_store: Store) -> None:
    """A version without a reference is counted by rows alone."""
    act = AuditDraft(at=1, actor="ada", action="register", subject=MODEL)
    version = sqlite_store.models.add(making_version(MODEL), act).id
    sqlite_store.observations.save(
        [HourCounts(model=MODEL, version=version, hour=0, rows=9, bins={})]
    )
    facts = drift_page(sqlite_store, MODEL, days=0, feature="")
    assert facts["heat"] is None
    assert facts["features"] == []
