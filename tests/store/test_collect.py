"""Garbage collection keeps what a record names."""

from __future__ import annotations

import msgspec
import pytest

from lapwise.core.model import Artifact, Tag
from lapwise.store.collect import collect
from lapwise.store.model import Store
from tests.store import making
from tests.store.conftest import Place

_OLD = -3600 * 1_000_000  # as if an hour had passed


@pytest.fixture
def named(store: Store) -> list[str]:
    """Blobs that records name, each in another kind of record."""
    names = ["part", "capture", "artifact", "output", "split", "deployment", "rollout", "alarm"]
    names += ["logged", "weights"]
    digests = [store.blobs.put(name.encode()) for name in names]
    part, captured, artifact, output, split, deployment, rollout, alarm, *more = digests
    store.datasets.add(making.dataset(blob=part))
    run = store.runs.create(making.run())
    store.runs.set_capture(run.id, making.capture(captured))
    store.runs.log(run.id, artifacts=[Artifact(name="f", digest=artifact, size=1)])
    store.steps.add(making.step("k", blob=output))
    store.records.add("split", making.digest("s"), Tag(name="assignment", value=split))
    logged, weights = more
    model = store.logged.create(making.logged())
    store.logged.log(model.id, artifacts=[Artifact(name="m", digest=logged, size=1)])
    store.models.add(
        msgspec.structs.replace(
            making.version(), artifacts=(Artifact(name="m", digest=weights, size=1),)
        ),
        making.act(),
    )
    # Those of a product in use name no blob by a field, but whoever writes one there means it.
    store.deployments.add(making.deployment(production=deployment))
    store.rollouts.create(msgspec.structs.replace(making.rollout(), candidate=rollout))
    store.alarms.add(msgspec.structs.replace(making.alarm(), sentence=f"see {alarm}"))
    return sorted(digests)


def test_what_no_record_names_is_removed(place: Place, store: Store, named: list[str]) -> None:
    """And nothing else: every named blob stays readable."""
    for index in range(3):
        store.blobs.put(b"nobody" * index)
    found = collect(place.url, place.blobs, grace=_OLD)
    assert (found.blobs, found.size) == (3, 18)
    assert sorted(store.blobs.digests()) == named
    assert collect(place.url, place.blobs, grace=_OLD).blobs == 0


def test_young_blobs_are_spared(place: Place, store: Store) -> None:
    """Their records may be yet to come."""
    digest = store.blobs.put(b"soon to be named")
    assert collect(place.url, place.blobs).blobs == 0
    assert store.blobs.has(digest)


def test_anchors_are_never_removed(place: Place, store: Store) -> None:
    """They are the proof of the audit log."""
    store.blobs.anchor("audit-1", b"x")
    collect(place.url, place.blobs, grace=_OLD)
    assert store.blobs.anchors() == {"audit-1": b"x"}


def test_old_temporaries_are_removed(sqlite_place: Place) -> None:
    """What a killed writer left goes after an hour, not before."""
    from lapwise.store.blobs_local import LocalBlobs

    with sqlite_place.open() as store:
        assert isinstance(store.blobs, LocalBlobs)
        store.blobs.put(b"x")
        left = store.blobs.root / "tmp" / "left"
        left.write_bytes(b"half")
        assert collect(sqlite_place.url, sqlite_place.blobs).temporaries == 0
        assert collect(sqlite_place.url, sqlite_place.blobs, grace=_OLD).temporaries == 1
        assert not left.exists()
