"""Backup and restore, from each database to each."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from lapwise.core.access import Grant, Token
from lapwise.core.errors import ConflictError, CorruptError, NotFoundError, SchemaError
from lapwise.core.model import Artifact, Metric, Param, Run, Tag
from lapwise.store.archive import Manifest
from lapwise.store.audit import anchor_head
from lapwise.store.backup import backup
from lapwise.store.database import connect
from lapwise.store.doctor import doctor
from lapwise.store.migrate import migrate, revision
from lapwise.store.model import Store
from lapwise.store.restore import restore
from lapwise.store.schema import HEAD
from tests.store import making
from tests.store.conftest import Place


@pytest.fixture
def full(store: Store) -> Store:
    """A store with something of everything."""
    files = {name: store.blobs.put(name.encode() * 9) for name in ("part", "packages", "f", "out")}
    store.datasets.add(making.dataset(blob=files["part"]))
    run = store.runs.create(making.run())
    store.runs.set_capture(run.id, making.capture(files["packages"]))
    store.runs.log(
        run.id,
        params=[Param(name="p", value=math.nan)],
        metrics=[Metric(name="m", value=value) for value in (1.0, math.nan, math.inf)],
        tags=[Tag(name="t", value='quote " and \n line and ü')],
        artifacts=[Artifact(name="f", digest=files["f"], size=9)],
        batch="b",
    )
    store.steps.add(making.step("k", blob=files["out"]))
    store.records.add("tag", making.digest("r"), Tag(name="a", value="b"))
    version = store.models.add(making.version(), making.act())
    entry = store.models.move([making.move(version, "none", "production")], making.act("promote"))
    anchor_head(store.blobs, entry)
    store.laps.create(making.lap())
    store.deployments.add(making.deployment(production=version.id))
    rollout = making.rollout(phase="promoted")
    store.rollouts.create(
        msgspec.structs.replace(rollout, candidate=version.id, control=version.id)
    )
    store.alarms.add(making.alarm())
    store.observations.save([making.hour(10), making.hour(20)], [making.day(10)])
    store.blobs.put(b"nobody names this")
    _share(store, run, files["f"])
    return store


def _share(store: Store, run: Run, file: str) -> None:
    """Fill what a team shares."""
    model = store.logged.create(making.logged(run=run.id), [Tag(name="a", value="b")])
    store.logged.log(model.id, artifacts=[Artifact(name="f", digest=file, size=9)])
    store.logged.give(run.id, [(model.id, 3)])
    store.models.create_name("empty", at=5)
    store.labels.set("alias", "flight-delay", [Tag(name="best", value="1")])
    grants = (Grant(role="viewer", product="churn"),)
    store.tokens.add(Token(id="t", name="ci", grants=grants, created=1), "hash", "ada")
    store.webhooks.add(making.webhook(), making.SECRET, "ada")
    store.alarms.add(making.alarm())
    store.webhooks.due(1 << 60)


def contents(store: Store) -> list[object]:
    """Return everything that the store gives, in a form that can be compared."""
    run = store.runs.get("1")
    return [
        store.datasets.list(),
        run,
        repr(store.runs.params([run.id])),
        repr(store.runs.metrics([run.id])),
        repr(store.runs.history(run.id, "m")),
        store.runs.tags([run.id]),
        store.runs.artifacts(run.id),
        store.steps.last("train"),
        list(store.records.digests("tag")),
        store.models.list(),
        store.audit.entries(),
        store.laps.list(),
        store.deployments.list(),
        store.rollouts.list(),
        store.alarms.list(),
        store.observations.hours("flight-delay"),
        store.observations.days("flight-delay"),
        store.blobs.anchors(),
        store.logged.search().items,
        store.logged.artifacts("m-" + "0" * 32),
        store.logged.of_run(run.id),
        store.labels.of("logged", ["m-" + "0" * 32]),
        store.labels.of("alias", ["flight-delay"]),
        store.models.search_names().items,
        store.experiments.search().items,
        store.tokens.list(),
        store.tokens.find("hash"),
        store.events.list(),
        *(
            [one, store.webhooks.secret(one.id), store.webhooks.deliveries(one.id)]
            for one in store.webhooks.list()
        ),
    ]


def test_a_restored_store_holds_the_same(
    place: Place, full: Store, empty_place: Place, tmp_path: Path
) -> None:
    """All four ways between the databases: equal contents, whole by doctor, and writable."""
    made = backup(place.url, place.blobs, tmp_path / "store.tar")
    assert len(made.blobs) == 4
    assert restore(tmp_path / "store.tar", empty_place.url, empty_place.blobs) == made
    with empty_place.open() as other:
        assert contents(other) == contents(full)
        for digest in made.blobs:
            assert other.blobs.get(digest) == full.blobs.get(digest)
        assert all(check.ok for check in doctor(empty_place.url, empty_place.blobs, deep=True))
        # Counters go on where they were.
        assert other.runs.create(making.run()).number == 2
        other.runs.log(other.runs.get("2").id, metrics=[Metric(name="new", value=1.0)])
        other.steps.add(making.step("new"))
        other.audit.append(making.act())
        assert other.deployments.add(making.deployment("new")).revision == 1
        assert other.deployments.add(making.deployment(weight=10)).revision == 2
        assert [one.model for one in other.deployments.list(limit=2)] == ["flight-delay", "new"]
        assert other.rollouts.create(making.rollout()).number == 2
        assert other.alarms.add(making.alarm()).number == 3
        assert [one.event.number for one in other.webhooks.due(1 << 60)] == [3, 4]


@pytest.mark.parametrize(
    "what",
    [
        *("deployment", "rollout", "alarm", "hour_counts", "day_performance"),
        *("registered_model", "logged_model"),
    ],
)
def test_a_store_with_one_thing_of_a_product_in_use_is_not_empty(
    place: Place, store: Store, tmp_path: Path, what: str
) -> None:
    """Whatever it is, it would be mixed with what the archive holds."""
    Place(f"sqlite:///{tmp_path}/source.db", f"{tmp_path}/source-blobs").open().close()
    backup(f"sqlite:///{tmp_path}/source.db", f"{tmp_path}/source-blobs", tmp_path / "store.tar")
    deeds: dict[str, Callable[[], object]] = {
        "deployment": lambda: store.deployments.add(making.deployment()),
        "rollout": lambda: store.rollouts.create(making.rollout()),
        "alarm": lambda: store.alarms.add(making.alarm()),
        "hour_counts": lambda: store.observations.save([making.hour(1)]),
        "day_performance": lambda: store.observations.save(days=[making.day(1)]),
        "registered_model": lambda: store.models.create_name("empty", at=1),
        "logged_model": lambda: store.logged.create(making.logged()),
    }
    deeds[what]()
    with pytest.raises(ConflictError, match=f"rows in {what}"):
        restore(tmp_path / "store.tar", place.url, place.blobs)


def test_an_older_database_is_not_restored_into(empty_place: Place, tmp_path: Path) -> None:
    """It lacks tables, and is told to be upgraded first."""
    Place(f"sqlite:///{tmp_path}/source.db", f"{tmp_path}/source-blobs").open().close()
    backup(f"sqlite:///{tmp_path}/source.db", f"{tmp_path}/source-blobs", tmp_path / "store.tar")
    database = connect(empty_place.url)
    if database.is_sqlite:
        Path(empty_place.url.partition("///")[2]).parent.mkdir()
    with database.write() as connection:
        migrate(connection, "0002")
    database.close()
    with pytest.raises(SchemaError, match="older"):
        restore(tmp_path / "store.tar", empty_place.url, empty_place.blobs)


def test_a_full_store_is_not_restored_into(place: Place, full: Store, tmp_path: Path) -> None:
    """It stays as it is."""
    backup(place.url, place.blobs, tmp_path / "store.tar")
    before = contents(full)
    with pytest.raises(ConflictError, match="not empty"):
        restore(tmp_path / "store.tar", place.url, place.blobs)
    assert contents(full) == before


def test_an_open_but_empty_store_is_restored_into(
    place: Place, store: Store, tmp_path: Path
) -> None:
    """Who looked at the new store first has not spoiled it."""
    source = Place(f"sqlite:///{tmp_path}/source.db", f"{tmp_path}/source-blobs")
    with source.open() as other:
        other.runs.create(making.run("restored"))
    backup(source.url, source.blobs, tmp_path / "store.tar")
    restore(tmp_path / "store.tar", place.url, place.blobs)
    assert store.runs.get("1").experiment == "restored"


@pytest.fixture
def archive(sqlite_place: Place, tmp_path: Path) -> Path:
    with sqlite_place.open() as store:
        store.steps.add(making.step("k", blob=store.blobs.put(b"content of a blob")))
    backup(sqlite_place.url, sqlite_place.blobs, tmp_path / "store.tar")
    return tmp_path / "store.tar"


@pytest.mark.parametrize("what", [b'"seconds', b"content of a blob", b'"revision"'])
def test_a_damaged_archive_is_refused_whole(archive: Path, empty_place: Place, what: bytes) -> None:
    """A changed row, blob or manifest: no database is made."""
    content = archive.read_bytes()
    assert what in content or what == b'"seconds'
    what = what if what in content else b"seconds"
    archive.write_bytes(content.replace(what, what.swapcase(), 1))
    with pytest.raises(CorruptError):
        restore(archive, empty_place.url, empty_place.blobs)
    database = connect(empty_place.url)
    if not database.is_sqlite:
        assert revision(database) is None
    else:
        assert not Path(empty_place.url.partition("///")[2]).exists()
    database.close()


def test_an_archive_that_was_cut_short_is_refused(archive: Path, empty_place: Place) -> None:
    """At any length, also one that is a valid start of a tar file."""
    content = archive.read_bytes()
    for length in (0, 100, 512 * 3, len(content) // 2):
        archive.write_bytes(content[:length])
        with pytest.raises(CorruptError):
            restore(archive, empty_place.url, empty_place.blobs)


def test_backing_up_over_a_file_is_refused(archive: Path, sqlite_place: Place) -> None:
    """The backup that is there stays."""
    before = archive.read_bytes()
    with pytest.raises(ConflictError):
        backup(sqlite_place.url, sqlite_place.blobs, archive)
    assert archive.read_bytes() == before


def test_a_damaged_blob_stops_a_backup(sqlite_place: Place, tmp_path: Path) -> None:
    """It is named, and no archive appears that looks whole."""
    with sqlite_place.open() as store:
        digest = store.blobs.put(b"x" * 10)
        store.steps.add(making.step("k", blob=digest))
        path = store.blobs.path(digest)
        path.chmod(0o644)
        path.write_bytes(b"y" * 10)
    with pytest.raises(CorruptError, match=digest):
        backup(sqlite_place.url, sqlite_place.blobs, tmp_path / "store.tar")
    assert list(tmp_path.glob("store.tar*")) == []


def test_what_is_not_there_cannot_be_backed_up_or_restored(tmp_path: Path) -> None:
    """Neither makes a database by the way."""
    url = f"sqlite:///{tmp_path}/none.db"
    with pytest.raises(SchemaError):
        backup(url, f"{tmp_path}/b", tmp_path / "store.tar")
    with pytest.raises(NotFoundError):
        restore(tmp_path / "none.tar", url, f"{tmp_path}/b")
    assert list(tmp_path.iterdir()) == []


def test_an_older_database_is_backed_up_and_restored_to_the_head(
    empty_place: Place, tmp_path: Path
) -> None:
    """The way that an upgrade tells people to take first."""
    old = Place(f"sqlite:///{tmp_path}/old.db", f"{tmp_path}/blobs")
    database = connect(old.url)
    with database.write() as connection:
        migrate(connection, "0001")
        connection.exec_driver_sql("INSERT INTO metric_key (name) VALUES ('auc')")
    database.close()
    made: Manifest = backup(old.url, old.blobs, tmp_path / "old.tar")
    assert made.revision == "0001"
    restore(tmp_path / "old.tar", empty_place.url, empty_place.blobs)
    database = connect(empty_place.url)
    assert revision(database) == HEAD
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT name FROM metric_key").scalar() == "auc"
    database.close()
