"""Who declares and uses features, how fresh they are, what verifying found; on both databases."""

from __future__ import annotations

from pathlib import Path

import msgspec
from sqlalchemy import text

from lapwise.core.model import KeyPart, Lineage
from lapwise.store.database import connect
from lapwise.store.encoding import encode
from lapwise.store.migrate import migrate, upgrade
from lapwise.store.model import Store
from tests.store import making
from tests.store.conftest import Place


def test_the_latest_said_of_a_definition_stands_and_the_first_time_stays(store: Store) -> None:
    """The owner is no part of a definition: the same digest, another owner."""
    store.features.declare([making.declared("plane"), making.declared("sky")])
    new_owner = msgspec.structs.replace(making.declared("plane"), owner="bob", declared=9, said=9)
    store.features.declare([new_owner])
    plane, sky = store.features.list()
    assert (plane.owner, plane.declared, plane.said) == ("bob", 5, 9)
    assert plane.turn > sky.turn
    store.features.declare([])
    assert store.features.list() == [plane, sky]


def test_versions_of_a_name_stand_beside_each_other(store: Store) -> None:
    """Latest said first; an old version that is declared again is the latest."""
    week, day = making.declared(window="7d"), making.declared(window="1d")
    for one in (week, day):
        store.features.declare([one])
    assert [one.digest for one in store.features.list(name="plane")] == [day.digest, week.digest]
    store.features.declare([week, msgspec.structs.replace(day, loop="other")])
    found = store.features.list(name="plane")
    assert [(one.loop, one.digest) for one in found] == [
        ("flight-delay", week.digest), ("other", day.digest), ("flight-delay", day.digest)
    ]  # fmt: skip
    assert found[0].turn == found[1].turn
    assert [one.digest for one in store.features.list("other")] == [day.digest]
    assert store.features.list(name="plane", limit=1) == found[:1]
    assert store.features.list(name="nothing") == []


def test_users_are_the_versions_that_were_trained_on_it(store: Store) -> None:
    """With their stages as they are now; what only names the digest elsewhere uses nothing."""
    view = KeyPart(name="plane", digest=making.digest("plane7d"))
    for number, views in enumerate(((view,), (), (view,))):
        lineage = Lineage(run=f"run{number}", views=views, frame=making.digest("f"))
        if not views:
            lineage = Lineage(run="run1", split=view.digest)
        version = msgspec.structs.replace(
            making.version(content=str(number)), lineage=lineage, created=number
        )
        store.models.add(version, making.act())
    kept = store.models.get("flight-delay")
    store.models.move([making.move(kept, "none", "staging")], making.act("move"))
    newest, oldest = store.features.users(view.digest)
    assert (newest.number, newest.stage, newest.run) == (3, "staging", "run2")
    assert (oldest.number, oldest.stage, oldest.frame) == (1, "none", making.digest("f"))
    assert store.features.users(view.digest, limit=1) == [newest]
    assert store.features.users(making.digest("nothing")) == []


def test_freshness_is_replaced(store: Store) -> None:
    store.features.note([making.freshness("plane"), making.freshness("sky", noted=3)])
    store.features.note([making.freshness("plane", noted=20)])
    assert [(one.view, one.noted) for one in store.features.freshness()] == [
        ("plane", 20), ("sky", 3)
    ]  # fmt: skip
    assert store.features.freshness(digest=making.digest("sky7d")) == [
        making.freshness("sky", noted=3)
    ]
    assert store.features.freshness("another") == []


def test_verifications_are_kept_once_and_numbered_in_their_model(store: Store) -> None:
    """The last done comes first, though it was done as of an earlier time of the world."""
    first = store.features.prove(making.verification(at=50))
    assert store.features.prove(msgspec.structs.replace(first, equal=0)) == first
    last = store.features.prove(making.verification(at=20))
    other = store.features.prove(making.verification("other", at=30))
    assert (first.number, last.number, other.number) == (1, 2, 1)
    assert store.features.proofs("flight-delay", limit=1) == [last]
    assert store.features.proofs("flight-delay", after=last.id) == [first]
    assert store.features.proofs() == [first, other, last]
    assert store.features.proofs(after=first.id) == [other, last]


def test_what_was_registered_before_is_declared(empty_place: Place) -> None:
    """A store of an older version: each version's loop declared its definitions."""
    view = {"name": "plane", "features": [["n", {"kind": "count"}]], "table": "t", "by": ["tail"]}
    demand = {"name": "calendar", "outputs": [["hour", "{}"]], "inputs": ["scheduled"]}
    digests = {name: making.digest(name) for name in ("plane", "calendar", "gone")}
    database = connect(empty_place.url)
    if database.is_sqlite:
        Path(empty_place.url.partition("///")[2]).parent.mkdir()
    with database.write() as connection:
        migrate(connection, "0004")
        for kind, name, body in (
            ("feature_view", "plane", view),
            ("on_demand", "calendar", demand),
        ):
            connection.execute(
                text("INSERT INTO record (kind, digest, body) VALUES (:k, :d, :b)"),
                {"k": kind, "d": digests[name], "b": encode(body)},
            )
        for number, names in enumerate((["plane", "gone"], ["plane", "calendar"]), start=1):
            views = tuple(KeyPart(name=name, digest=digests[name]) for name in names)
            version = msgspec.structs.replace(
                making.version(content=str(number)),
                number=number,
                created=number,
                lineage=Lineage(views=views),
            )
            connection.execute(
                text(
                    "INSERT INTO model_version (id, model, number, digest, run, stage, marks,"
                    " created, body) VALUES (:id, :m, :n, :d, '', 'none', '[]', :n, :b)"
                ),
                {"id": version.id, "m": version.model, "n": number, "d": version.digest}
                | {"b": encode(version)},
            )
    database.close()
    assert upgrade(empty_place.url)[0] == "0004"
    with empty_place.open() as store:
        calendar, plane = store.features.list()
        assert (plane.name, plane.kind, plane.table, plane.by) == ("plane", "view", "t", ("tail",))
        assert (plane.features, plane.declared, plane.said) == (("n",), 1, 2)
        assert (calendar.kind, calendar.features, calendar.inputs) == (
            "on_demand", ("hour",), ("scheduled",)
        )  # fmt: skip
        assert calendar.turn == plane.turn
        store.features.declare([making.declared()])
        assert store.features.list()[0].turn > plane.turn
