"""What must hold of a store after its writers raced or died."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from lapwise.store.audit import verify_chain
from lapwise.store.doctor import doctor
from lapwise.store.model import Store
from tests.store.conftest import Place
from tests.store.writer import SHARED

_ALL = 1_000_000
IN_USE = {"rollout", "deployment", "alarm", "hours"}


def lines(output: bytes) -> list[tuple[str, Any]]:
    """Return (act, what) for each whole line that a writer said."""
    return [tuple(json.loads(line)) for line in output.splitlines() if line]


def check_kept(store: Store, said: list[tuple[str, Any]]) -> None:
    """Everything acknowledged is there, under the name that was told."""
    for act, what in said:
        if act == "blob":
            assert store.blobs.has(what)
        elif act == "run":
            assert store.runs.get(what[0]).number == what[1]
        elif act == "log":
            assert [len(store.runs.history(what, f"m{key}")) for key in range(3)] == [10] * 3
            assert len(store.runs.metrics([what])[what]) == 3
            assert len(store.runs.params([what])[what]) == len(store.runs.artifacts(what)) == 1
        elif act == "dataset":
            assert store.datasets.get(what[0]).number == what[1]
        elif act == "same dataset":
            assert store.datasets.get(what[0]).id == what[1]
        elif act == "step":
            found = store.steps.get(what[0])
            assert found is not None
            assert found.outputs[0].digest == what[1]
        elif act == "lap":
            assert store.laps.get(what[0]).number == what[1]
        elif act == "version":
            assert store.models.get(what[0]).number == what[1]
        elif act in IN_USE:
            check_in_use(store, act, what)
        elif act == "promoted":
            assert store.models.get(what[0]).stage in {"production", "archived"}
        elif act == "anchored":
            assert f"audit-{what:010d}" in store.blobs.anchors()


def check_in_use(store: Store, act: str, what: list[Any]) -> None:
    """A rollout got at least as far as was told; the rest is there under its number."""
    if act == "rollout":
        found = store.rollouts.get(what[0])
        assert found.number == what[1]
        assert found.phase in {what[2], "promoted"}
    elif act == "deployment":
        numbers = {one.revision: one for one in store.deployments.list(SHARED, limit=_ALL)}
        assert numbers[what[1]].production == what[0]
    elif act == "alarm":
        assert {one.id: one.number for one in store.alarms.list(SHARED, limit=_ALL)}[
            what[0]
        ] == what[1]
    else:
        name, start = what
        hours = store.observations.hours(SHARED, since=start, until=start + 24)
        assert sum(one.version == name for one in hours) == 24
        assert len(store.observations.days(name, since=start, until=start + 1)) == 1


def check_whole(place: Place, store: Store) -> None:
    """Nothing is doubled, nothing is half there, the chain holds, and doctor agrees."""
    for numbers in (
        [run.number for run in store.runs.list(limit=_ALL)],
        [version.number for version in store.datasets.list("flights", limit=_ALL)],
        [lap.number for lap in store.laps.list(SHARED, limit=_ALL)],
        [version.number for version in store.models.list(SHARED, limit=_ALL)],
        [one.revision for one in store.deployments.list(SHARED, limit=_ALL)],
        [alarm.number for alarm in store.alarms.list(SHARED, limit=_ALL)],
    ):
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
    hours = store.observations.hours(SHARED)
    assert len(hours) % 24 == 0  # a call is there as a whole or not at all
    versions = store.models.list(SHARED, limit=_ALL)
    stages = Counter(version.stage for version in versions)
    entries = store.audit.entries(limit=_ALL)
    acts = Counter(entry.action for entry in entries)
    assert verify_chain(entries, store.blobs.anchors()) == len(entries)
    # One entry for each registration and each move: a stage without its entry would be half.
    assert acts["register"] == len(versions)
    assert stages["production"] == min(1, acts["promote"])
    assert stages["production"] + stages["archived"] == acts["promote"]
    assert {entry.subject for entry in entries if entry.action == "promote"} == {
        version.id for version in versions if version.stage != "none"
    }
    wrong = [check for check in doctor(place.url, place.blobs, deep=True) if not check.ok]
    assert wrong == []
