"""Labels of what is no run, on both databases."""

from __future__ import annotations

import pytest

from lapwise.core.errors import DeclarationError, NotFoundError
from lapwise.core.model import Tag
from lapwise.store.model import Store
from tests.store import making


@pytest.fixture
def subjects(store: Store) -> dict[str, str]:
    """One subject of each kind."""
    version = store.models.add(making.version("churn"), making.act())
    store.runs.create(making.run("churn"))
    store.logged.create(making.logged())
    return {
        "experiment": str(store.experiments.get("churn").number),
        "logged": "m-" + "0" * 32,
        "model": "churn",
        "version": version.id,
    }


def test_labels_are_set_replaced_and_removed(store: Store, subjects: dict[str, str]) -> None:
    for kind, subject in subjects.items():
        store.labels.set(kind, subject, [Tag(name=name, value="1") for name in ("b", "a", "b")])
        store.labels.set(kind, subject, [Tag(name="a", value="2"), Tag(name="c", value="ü\n")])
        store.labels.remove(kind, subject, ["b", "nothing"])
        assert store.labels.of(kind, [subject, "nobody"]) == {
            subject: (Tag(name="a", value="2"), Tag(name="c", value="ü\n")),
            "nobody": (),
        }
    store.labels.set("model", "churn", [])


def test_what_is_not_there_is_not_labelled(store: Store, subjects: dict[str, str]) -> None:
    for kind in (*subjects, "alias"):
        with pytest.raises(NotFoundError, match="to label"):
            store.labels.set(kind, "999", [Tag(name="a", value="1")])
    with pytest.raises(NotFoundError):
        store.labels.set("experiment", "churn", [Tag(name="a", value="1")])
    for act in (
        lambda: store.labels.set("run", "1", [Tag(name="a", value="1")]),
        lambda: store.labels.remove("run", "1", ["a"]),
        lambda: store.labels.of("run", ["1"]),
    ):
        with pytest.raises(DeclarationError, match="alias, experiment"):
            act()


def test_an_alias_names_a_version_that_is_there(store: Store, subjects: dict[str, str]) -> None:
    """Among several, one wrong one leaves all as they were."""
    aliases = [Tag(name="best", value="1")]
    store.labels.set("alias", "churn", aliases)
    for value in ("2", "0", "01", "-1", "v1", "", "1e0", "9999999999999", "١"):
        wrong = [Tag(name="a", value="1"), Tag(name="b", value=value)]
        with pytest.raises(NotFoundError, match="alias"):
            store.labels.set("alias", "churn", wrong)
    assert store.labels.of("alias", ["churn"]) == {"churn": tuple(aliases)}


def test_many_labels_are_removed_at_once(store: Store, subjects: dict[str, str]) -> None:
    """More than one statement takes."""
    names = [f"n{number:04d}" for number in range(1200)]
    store.labels.set("model", "churn", [Tag(name=name, value="") for name in names])
    store.labels.remove("model", "churn", names[1:])
    assert [one.name for one in store.labels.of("model", ["churn"])["churn"]] == ["n0000"]
