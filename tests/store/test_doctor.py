"""Doctor says what is wrong, and that nothing is when nothing is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from lapwise.core.model import Artifact, Tag
from lapwise.store.audit import anchor_head
from lapwise.store.blobs_local import LocalBlobs
from lapwise.store.database import connect
from lapwise.store.doctor import Check, doctor
from tests.store import making
from tests.store.conftest import Place


def examined(place: Place, *, deep: bool = False) -> dict[str, Check]:
    return {check.name: check for check in doctor(place.url, place.blobs, deep=deep)}


@pytest.fixture
def digest(place: Place) -> str:
    """A blob that a step names, in a store with an audited model."""
    with place.open() as store:
        digest = store.blobs.put(b"content")
        store.steps.add(making.step("k", blob=digest))
        store.models.add(making.version(), making.act())
    return digest


@pytest.mark.parametrize("deep", [False, True])
def test_a_whole_store_is_well(place: Place, digest: str, *, deep: bool) -> None:
    """Every check is well and says what it saw."""
    found = examined(place, deep=deep)
    assert all(check.ok and check.detail for check in found.values()), found
    assert len(found) >= 7


def test_a_missing_blob_is_found(place: Place, digest: str) -> None:
    """With its digest and the record that names it."""
    with place.open() as store:
        store.blobs.remove(digest)
    check = examined(place)["blobs there"]
    assert not check.ok
    assert digest in check.detail
    assert "step train" in check.detail
    assert check.fix


def test_a_version_that_is_in_use_and_gone_is_found(place: Place, digest: str) -> None:
    """In the deployment in force or in a rollout; what a former deployment named may be anything."""
    with place.open() as store:
        (version,) = store.models.list()
        store.deployments.add(making.deployment(production="long gone"))
        store.deployments.add(making.deployment(production=version.id))
        assert examined(place)["versions there"].ok
        one = store.rollouts.create(
            msgspec.structs.replace(making.rollout(), candidate=version.id, control="nobody")
        )
        check = examined(place)["versions there"]
        assert not check.ok
        assert f"nobody (rollout {one.number} of flight-delay)" in check.detail
        store.deployments.add(making.deployment(production=version.id, weight=9))
    assert "v2 (the deployment of flight-delay)" in examined(place)["versions there"].detail


def test_an_alias_of_no_version_is_found(place: Place, digest: str) -> None:
    """As are all names of what is not there: `test_links.py`."""
    with place.open() as store:
        store.labels.set("alias", "flight-delay", [Tag(name="best", value="1")])
    assert examined(place)["names there"].ok
    database = connect(place.url)
    with database.write() as connection:
        connection.execute(text("UPDATE label SET value = '7'"))
    database.close()
    check = examined(place)["names there"]
    assert not check.ok
    assert "alias 'best' of 'flight-delay' names version 7" in check.detail


def test_a_missing_file_of_a_logged_model_is_found(place: Place) -> None:
    with place.open() as store:
        store.runs.create(making.run())
        model = store.logged.create(making.logged())
        file = Artifact(name="model.pkl", digest=making.digest("gone"), size=4)
        store.logged.log(model.id, artifacts=[file])
    check = examined(place)["blobs there"]
    assert not check.ok
    assert f"logged model {model.id}, file model.pkl" in check.detail


def test_a_damaged_blob_is_found(sqlite_place: Place) -> None:
    """When it is read, which deep does with every one."""
    with sqlite_place.open() as store:
        digest = store.blobs.put(b"content")
        store.steps.add(making.step("k", blob=digest))
        path = store.blobs.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"kontent")
    assert digest in examined(sqlite_place, deep=True)["blobs right"].detail
    assert not examined(sqlite_place)["blobs right"].ok


def test_a_broken_chain_is_found(place: Place, digest: str) -> None:
    """Also when the database's own triggers were taken away first."""
    database = connect(place.url)
    with database.write() as connection:
        if database.is_sqlite:
            connection.execute(text("DROP TRIGGER audit_refuses_update"))
        else:
            connection.execute(text("DROP TRIGGER audit_refuses ON audit"))
        connection.execute(text("UPDATE audit SET body = replace(body, 'ada', 'eve')"))
    database.close()
    check = examined(place)["audit chain"]
    assert not check.ok
    assert "entry 1 was changed" in check.detail


def test_a_chain_that_left_its_anchor_is_found(place: Place, digest: str) -> None:
    """An anchor of an entry that is not there."""
    with place.open() as store:
        head = store.audit.head()
        assert head is not None
        anchor_head(store.blobs, head)
        assert examined(place)["audit chain"].ok
        store.blobs.anchor("audit-0000000009", b"0" * 64)
    assert "anchored" in examined(place)["audit chain"].detail


def test_a_newer_schema_is_found(place: Place) -> None:
    """Alone, because the rest cannot be read."""
    database = connect(place.url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    found = examined(place)
    assert not found["schema"].ok
    assert "integrity" not in found


def test_no_database_is_found_and_none_is_made(tmp_path: Path) -> None:
    """Looking changes nothing."""
    found = doctor(f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs")
    assert [check.ok for check in found] == [False]
    assert list(tmp_path.iterdir()) == []


def test_damaged_pages_are_found(sqlite_place: Place, tmp_path: Path) -> None:
    """An index that lost an entry is no error when read, but is found."""
    with sqlite_place.open() as store:
        store.steps.add(making.step("k"))
    connection = sqlite3.connect(tmp_path / "lapwise.db")
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute("DELETE FROM sqlite_schema WHERE name = 'ix_step_result_step'")
    connection.commit()
    connection.close()
    assert not examined(sqlite_place, deep=True)["integrity"].ok


def test_a_dangling_reference_is_found(sqlite_place: Place, tmp_path: Path) -> None:
    """A row whose run is gone."""
    connection = sqlite3.connect(tmp_path / "lapwise.db")
    connection.execute("INSERT INTO tag (run, name, value) VALUES (9, 'a', 'b')")
    connection.commit()
    connection.close()
    assert "refer" in examined(sqlite_place)["integrity"].detail


def test_old_temporaries_are_found(sqlite_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed writer left, once it is an hour old."""
    from lapwise.store import doctor as module

    with sqlite_place.open() as store:
        assert isinstance(store.blobs, LocalBlobs)
        store.blobs.put(b"x")
        (store.blobs.root / "tmp" / "left").write_bytes(b"half")
    assert examined(sqlite_place)["temporaries"].ok
    monkeypatch.setattr(module, "GRACE", -3600 * 1_000_000)
    assert not examined(sqlite_place)["temporaries"].ok
