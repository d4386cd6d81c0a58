"""What a log holds is put into the store in portions that follow from it alone."""

import pytest

from lapwise.core.errors import (
    AccessError,
    ConflictError,
    LapwiseError,
    NotFoundError,
    SchemaError,
    StorageFullError,
    StoreError,
)
from lapwise.core.model import Run
from lapwise.store.model import Store
from lapwise.tracking import deliver as module
from lapwise.tracking.deliver import deliver, is_away, may_end, open_run
from lapwise.tracking.wal import Begin, MetricsEntry, ParamsEntry, TagsEntry


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (StoreError("no answer"), True),
        (StorageFullError("the server's disk is full"), True),
        (ConnectionResetError(), True),
        (AccessError("not yours"), False),
        (NotFoundError("no run"), False),
        (ConflictError("archived"), False),
        (SchemaError("of another version"), False),
        (LapwiseError("anything"), False),
        (ZeroDivisionError(), False),
    ],
)
def test_no_answer_is_told_from_a_refusal(error: Exception, away: bool) -> None:
    assert is_away(error) is away


def new(store: Store) -> Run:
    return store.runs.create(Run(id="r1", number=0, experiment="e", status="running", started=1))


def test_portions_are_the_same_every_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delivered again, even after half of it, nothing is there twice."""
    monkeypatch.setattr(module, "MANY", 1_000)
    monkeypatch.setattr(module, "TEXTS", 100_000)
    new(store)
    entries = [
        MetricsEntry(1, 1, {f"m{number}": 1.0 for number in range(2_100)}),
        ParamsEntry({f"p{number}": "x" * 6_000 for number in range(20)}),
        TagsEntry({f"t{number}": "x" * 6_000 for number in range(20)}),
    ]
    calls: list[str] = []

    class Counting:
        def __init__(self, most: int) -> None:
            self.most = most

        def log(self, *arguments: object, batch: str, **named: object) -> None:
            if len(calls) == self.most:
                raise StoreError("no answer")
            calls.append(batch)
            store.runs.log(*arguments, batch=batch, **named)  # type: ignore[arg-type]

        def __getattr__(self, name: str) -> object:
            return getattr(store.runs, name)

    with pytest.raises(StoreError):
        deliver(Counting(4), "r1", "b", entries)  # type: ignore[arg-type]
    half = list(calls)
    calls.clear()
    deliver(Counting(99), "r1", "b", entries)  # type: ignore[arg-type]
    assert calls[:4] == half
    assert len(set(calls)) == len(calls) >= 6
    assert len(store.runs.history("r1", "m0")) == 1
    assert len(store.runs.params(["r1"])["r1"]) == 20
    assert len(store.runs.tags(["r1"])["r1"]) == 20


def test_the_last_to_open_a_run_again_ends_it(store: Store) -> None:
    """Whatever the order in which the logs of several processes are found."""
    new(store)
    store.runs.finish("r1", "failed", 2)
    first, second, third = (Begin("r1", "s", 1, role) for role in ("owner", "resumed", "resumed"))
    guest = Begin("r1", "s", 1, "joined")
    assert may_end(store.runs, first, "a")
    assert not may_end(store.runs, guest, "g")
    assert open_run(store.runs, third, "c") is not None
    assert store.runs.get("r1").status == "running"
    found = open_run(store.runs, second, "b")  # an earlier one, shipped late
    assert found is not None
    assert [may_end(store.runs, one, log) for one, log in ((first, "a"), (second, "b"))] == [
        False,
        False,
    ]
    assert may_end(store.runs, third, "c")
    store.runs.finish("r1", "finished", 3)
    open_run(store.runs, second, "b")
    assert store.runs.get("r1").status == "finished"
