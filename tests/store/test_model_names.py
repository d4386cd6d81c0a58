"""Names of models: made by hand or by registering, governed once a lap comes, found by a filter."""

from __future__ import annotations

import msgspec
import pytest

from lapwise.core.errors import ConflictError, DeclarationError, NotFoundError
from lapwise.core.model import ModelVersion, Tag
from lapwise.core.tracked import RegisteredModel
from lapwise.store.model import Store
from tests.store import making


def added(store: Store, model: str = "churn", content: str = "a", **given: str) -> ModelVersion:
    return store.models.add(making.version(model, content, **given), making.act())


def to_production(store: Store, *versions: ModelVersion) -> None:
    for one in versions:
        store.models.move([making.move(one, one.stage, "production")], making.act("promote"))


def test_a_name_is_made_once(store: Store) -> None:
    made = store.models.create_name("churn", at=5, description="who leaves")
    assert made == RegisteredModel(name="churn", created=5, updated=5, description="who leaves")
    assert store.models.get_name("churn") == made
    with pytest.raises(ConflictError, match="name"):
        store.models.create_name("churn", at=6)
    store.models.update_name("churn", at=7, archived=True)
    with pytest.raises(ConflictError, match="archived"):
        store.models.create_name("churn", at=8)


def test_what_is_no_name_is_refused(store: Store) -> None:
    store.models.create_name("a name / with: signs @v1, ü", at=5)
    for name in ("", " ", "a\nb", "a\x00b", "\x1b[2J", "x" * 501):
        with pytest.raises(DeclarationError, match="name"):
            store.models.create_name(name, at=5)
        with pytest.raises(DeclarationError, match="name"):
            store.models.update_name("a name / with: signs @v1, ü", at=6, new=name)
    assert len(store.models.search_names().items) == 1


def test_registering_makes_the_name_and_touches_it(store: Store) -> None:
    version = added(store)
    assert store.models.get_name("churn") == RegisteredModel(name="churn", created=5, updated=5)
    store.models.update_name("churn", at=6, archived=True)
    later = msgspec.structs.replace(making.version("churn", "b"), created=9)
    store.models.add(later, making.act())
    found = store.models.get_name("churn")
    assert (found.updated, found.archived) == (9, False)
    assert store.models.get("churn@v1") == version


def test_an_unknown_name_says_the_near_ones(store: Store) -> None:
    store.models.create_name("churn", at=5)
    with pytest.raises(NotFoundError, match="churn"):
        store.models.get_name("chrun")
    with pytest.raises(NotFoundError):
        store.models.update_name("chrun", at=6, description="x")


def test_a_lap_makes_a_name_governed_for_good(store: Store) -> None:
    """Its versions too, those that are there and those that come; one may be in production."""
    first = added(store, content="a")
    to_production(store, first)
    second = added(store, content="b", lap_id="lap")
    third = added(store, content="c")
    assert store.models.get_name("churn").governed
    for one in (second, third):
        with pytest.raises(ConflictError, match="v1"):
            to_production(store, one)


def test_without_a_loop_several_versions_are_in_production(store: Store) -> None:
    versions = [added(store, content=text) for text in "abc"]
    to_production(store, *versions[:2])
    found = store.models.production("churn")
    assert found is not None
    assert found.number == 2
    assert not store.models.get_name("churn").governed


def test_a_loop_does_not_take_over_what_it_cannot_replace(store: Store) -> None:
    """Several versions in production, or one that only MLflow can load: the name stays as it is."""
    to_production(store, *[added(store, content=text) for text in "ab"])
    foreign = msgspec.structs.replace(making.version("theirs"), format="mlflow")
    to_production(store, store.models.add(foreign, making.act()))
    for model in ("churn", "theirs"):
        with pytest.raises(ConflictError, match="no loop can replace"):
            added(store, model, "lap's", lap_id="lap")
        assert not store.models.get_name(model).governed
    store.models.move([making.move(foreign, "production", "archived")], making.act())
    added(store, "theirs", "lap's", lap_id="lap")
    assert store.models.get_name("theirs").governed


def test_a_new_name_takes_versions_labels_and_aliases_along(store: Store) -> None:
    version = added(store)
    store.labels.set("model", "churn", [Tag(name="team", value="growth")])
    store.labels.set("alias", "churn", [Tag(name="best", value="1")])
    renamed = store.models.update_name("churn", at=9, new="leavers")
    assert (renamed.name, renamed.created, renamed.updated) == ("leavers", 5, 9)
    assert store.models.get("leavers@v1") == msgspec.structs.replace(version, model="leavers")
    assert store.models.get(version.id).model == "leavers"
    assert store.labels.of("alias", ["leavers", "churn"]) == {
        "leavers": (Tag(name="best", value="1"),),
        "churn": (),
    }
    assert store.labels.of("model", ["leavers"])["leavers"][0].value == "growth"
    with pytest.raises(NotFoundError):
        store.models.get_name("churn")
    assert added(store, "leavers", "b").number == 2


def test_a_name_that_is_taken_or_governed_is_not_changed(store: Store) -> None:
    added(store, "churn")
    added(store, "other")
    added(store, "flights", lap_id="lap")
    with pytest.raises(ConflictError, match="other"):
        store.models.update_name("churn", at=9, new="other")
    for change in ({"new": "mine"}, {"archived": True}):
        with pytest.raises(ConflictError, match="governed"):
            store.models.update_name("flights", at=9, **change)
    found = store.models.update_name("flights", at=9, description="late?", new="flights")
    assert (found.description, found.updated) == ("late?", 9)


def test_names_are_found_a_page_at_a_time(store: Store) -> None:
    """By name where no order is given; archived ones are not found."""
    for number, name in enumerate(("b", "a", "c", "d")):
        store.models.create_name(name, at=number)
    store.labels.set("model", "c", [Tag(name="team", value="growth")])
    store.models.update_name("d", at=9, archived=True)
    page = store.models.search_names(limit=2)
    assert [one.name for one in page.items] == ["a", "b"]
    rest = store.models.search_names(limit=2, after=page.next)
    assert ([one.name for one in rest.items], rest.next) == (["c"], "")

    def found(where: str, *order: str) -> list[str]:
        return [one.name for one in store.models.search_names(where, order=order).items]

    assert found("tags.team = 'growth'") == ["c"]
    assert found("tag.`is_prompt` != 'true'") == []
    assert found("NOT tags.is_prompt = 'true'") == ["a", "b", "c"]
    assert found("name ILIKE 'A%' OR name = 'c'", "last_updated_timestamp DESC") == ["c", "a"]
    with pytest.raises(DeclarationError):
        found("name ~ 'a'")


def test_versions_are_found_by_what_is_asked_of_them(store: Store) -> None:
    """The newest first; not those that are marked deleted."""
    versions = [
        store.models.add(
            msgspec.structs.replace(
                making.version("churn", str(number), run_id=f"r{number % 2}"),
                created=number * 1000, source=f"runs:/r{number}/model",
            ),
            making.act(),
        )
        for number in range(1, 5)
    ]  # fmt: skip
    added(store, "other")
    store.labels.set("version", versions[1].id, [Tag(name="ok", value="yes")])
    store.models.move([making.move(versions[2], "none", "staging")], making.act())
    store.models.move([making.move(versions[3], "none", "archived", "deleted")], making.act())

    def found(where: str, *order: str) -> list[int]:
        return [one.number for one in store.models.search(where, order=order).items]

    assert found("name = 'churn'") == [3, 2, 1]
    assert found("run_id = 'r1'", "version_number ASC") == [1, 3]
    assert found("name = 'churn' AND run_id IN ('r0', 'r9')") == [2]
    assert found("source_path LIKE 'runs:/r3/%'") == [3]
    assert found("stage = 'Staging'") == [3]
    assert found("tags.ok = 'yes'") == [2]
    assert found("creation_timestamp <= 2 AND version_number >= 1 AND name = 'churn'") == [2, 1]
    pages, after = [], ""
    while True:
        page = store.models.search("name = 'churn'", limit=1, after=after)
        pages += [one.number for one in page.items]
        after = page.next
        if not after:
            break
    assert pages == [3, 2, 1]


def test_a_deleted_version_is_found_by_id_and_number_only(store: Store) -> None:
    """Its aliases are gone with it, and no alias may name it."""
    first, second = added(store), added(store, content="b")
    store.labels.set("alias", "churn", [Tag(name="old", value="1"), Tag(name="new", value="2")])
    store.models.move([making.move(second, "none", "archived", "deleted")], making.act())
    assert store.models.get("churn") == first
    assert store.models.get(second.id).marks == ("deleted",)
    assert store.models.get("churn@v2").id == second.id
    with pytest.raises(NotFoundError):
        store.models.get("churn@archived")
    assert store.labels.of("alias", ["churn"])["churn"] == (Tag(name="old", value="1"),)
    with pytest.raises(NotFoundError, match="alias"):
        store.labels.set("alias", "churn", [Tag(name="new", value="2")])


def test_a_version_is_described(store: Store) -> None:
    version = added(store)
    found = store.models.describe(version.id, "good enough", 77)
    assert (found.description, found.updated) == ("good enough", 77)
    assert store.models.get(version.id) == found
    with pytest.raises(NotFoundError):
        store.models.describe("nobody", "x", 1)


def test_whose_a_blob_is(store: Store) -> None:
    """By any digest in a version's record."""
    digest = making.digest("weights")
    added(store, "churn", "weights")
    added(store, "other", "weights")
    added(store, "third", "others")
    assert store.models.holders(digest) == ("churn", "other")
    assert store.models.holders(making.digest("nobody's")) == ()


def test_a_number_that_a_version_comes_with_stays(store: Store) -> None:
    """As from another registry; the next one follows it, and a number is given once."""
    seventh = msgspec.structs.replace(making.version("churn", "a"), number=7)
    assert store.models.add(seventh, making.act()).number == 7
    assert store.models.add(seventh, making.act()).number == 7
    assert added(store, content="b").number == 8
    with pytest.raises(ConflictError, match="7"):
        store.models.add(
            msgspec.structs.replace(making.version("churn", "c"), number=7), making.act()
        )
