"""Experiments: what runs belong to, and what their names may become."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from lapwise.core.errors import ConflictError, DeclarationError, NotFoundError
from lapwise.core.model import Tag
from lapwise.core.tracked import LoggedModel
from lapwise.store.model import Store
from tests.store import making
from tests.store.conftest import Place


def test_a_run_makes_its_experiment(store: Store) -> None:
    """Once, numbered from one, dated by its first run."""
    for name in ("a", "b", "a"):
        store.runs.create(making.run(name))
    found = store.experiments.search().items
    assert [(one.number, one.name, one.created) for one in found] == [(2, "b", 1), (1, "a", 1)]


def test_an_experiment_is_made_with_its_labels(store: Store) -> None:
    made = store.experiments.create("a", at=5, labels=[Tag(name="team", value="x")])
    assert (made.number, made.created, made.updated, made.archived) == (1, 5, 5, False)
    assert store.labels.of("experiment", ["1"]) == {"1": (Tag(name="team", value="x"),)}
    for reference in ("a", "1", "001"):
        assert store.experiments.get(reference) == made
    with pytest.raises(ConflictError, match="number 1"):
        store.experiments.create("a", at=6)
    store.runs.create(making.run("a"))
    assert store.experiments.get("a") == made


@pytest.mark.parametrize("name", ["", "  ", "a\0b"])
def test_an_experiment_needs_a_name(store: Store, name: str) -> None:
    acts: list[Callable[[], object]] = [
        lambda: store.experiments.create(name, at=1),
        lambda: store.runs.create(making.run(name)),
    ]
    for act in acts:
        with pytest.raises(DeclarationError, match="name"):
            act()


def test_a_number_comes_before_a_name(store: Store) -> None:
    """What looks like a number is one, if there is one; then it is a name."""
    store.experiments.create("2", at=1)
    assert store.experiments.get("2").number == 1
    second = store.experiments.create("x", at=1)
    assert store.experiments.get("2") == second
    assert [one.number for one in store.experiments.search("name = '2'").items] == [1]


@pytest.mark.parametrize("reference", ["fligt", "7", "9" * 30, "", "٣"])
def test_an_experiment_that_is_not_there_is_an_error(store: Store, reference: str) -> None:
    store.experiments.create("flight", at=1)
    with pytest.raises(NotFoundError, match="flight"):
        store.experiments.get(reference)


def test_an_archived_experiment_takes_no_runs(store: Store) -> None:
    """Until it is restored; its name stays taken."""
    run = store.runs.create(making.run("a"))
    assert store.experiments.update(1, at=9, archived=True).updated == 9
    with pytest.raises(ConflictError, match="archived"):
        store.runs.create(making.run("a"))
    with pytest.raises(ConflictError, match="archived"):
        store.experiments.create("a", at=9)
    assert store.runs.create(run).id == run.id, "it was there before"
    assert store.experiments.search().items == ()
    assert [one.name for one in store.experiments.search(archived=True).items] == ["a"]
    assert [one.name for one in store.experiments.search(archived=None).items] == ["a"]
    store.experiments.update(1, at=10, archived=False)
    assert store.runs.create(making.run("a")).number == 2


def test_a_new_name_is_that_of_its_runs_and_logged_models(store: Store) -> None:
    run, other = store.runs.create(making.run("a")), store.runs.create(making.run("b"))
    store.logged.create(
        LoggedModel(
            id="m-" + "0" * 32,
            experiment="a",
            name="m",
            run=run.id,
            status="ready",
            created=1,
            updated=1,
        )
    )
    renamed = store.experiments.update(1, at=8, name="c")
    assert (renamed.number, renamed.name, renamed.updated) == (1, "c", 8)
    assert store.runs.get(run.id).experiment == "c"
    assert store.runs.get(other.id).experiment == "b"
    assert [one.id for one in store.runs.list("c")] == [run.id]
    assert [one.run.id for one in store.runs.search("experiment = 'c'").items] == [run.id]
    assert store.logged.get("m-" + "0" * 32).experiment == "c"
    with pytest.raises(NotFoundError):
        store.experiments.get("a")
    assert store.experiments.update(1, at=99, name="c").updated == 8, "nothing changed"


def test_a_name_that_is_taken_is_refused(store: Store) -> None:
    """By another experiment, or by a loop; and nothing is moved."""
    run = store.runs.create(making.run("a"))
    store.experiments.create("b", at=1)
    store.laps.create(making.lap("looped"))
    store.experiments.create("looped", at=1)
    for number, name in ((1, "b"), (1, "looped"), (3, "free")):
        with pytest.raises(ConflictError):
            store.experiments.update(number, at=1, name=name)
    with pytest.raises(DeclarationError):
        store.experiments.update(1, at=1, name=" ")
    with pytest.raises(NotFoundError):
        store.experiments.update(9, at=1, name="x")
    assert store.runs.get(run.id).experiment == "a"


def test_experiments_are_searched(store: Store) -> None:
    """By name, label and time as MLflow's clients ask, a page at a time."""
    for at, name in enumerate(["alpha", "beta", "Gamma", "delta"]):
        store.experiments.create(
            name, at=at * 1000, labels=[Tag(name="team", value="x" if at % 2 else "y")]
        )

    def found(where: str, *order: str) -> list[str]:
        return [one.name for one in store.experiments.search(where, order=order).items]

    assert found("") == ["delta", "Gamma", "beta", "alpha"]
    assert found("name LIKE '%a' AND tags.team = 'x'") == ["delta", "beta"]
    assert found("attribute.name ILIKE 'g%' OR name = 'beta'") == ["Gamma", "beta"]
    assert found("creation_time >= 1 AND last_update_time < 3") == ["Gamma", "beta"]
    assert found("", "name ASC") == ["Gamma", "alpha", "beta", "delta"]
    assert found("NOT tags.team = 'x'", "creation_time") == ["alpha", "Gamma"]
    page = store.experiments.search(limit=3)
    assert [one.name for one in store.experiments.search(limit=3, after=page.next).items] == [
        "alpha"
    ]
    with pytest.raises(DeclarationError, match="experiments"):
        found("status = 'x'")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_rename_beside_writers_loses_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    """Runs that are made, beaten and ended meanwhile keep what was written, under one name each."""
    place: Place = request.getfixturevalue(f"{kind}_place")
    failed: list[Exception] = []

    def write(store: Store) -> None:
        try:
            for _ in range(12):
                run = store.runs.create(making.run("a"))
                store.runs.beat(run.id)
                store.runs.finish(run.id, "finished", 9)
        except Exception as error:  # noqa: BLE001 - it is shown by the test that started it
            failed.append(error)

    with place.open() as store:
        store.experiments.create("a", at=1)
        writers = [threading.Thread(target=write, args=(store,)) for _ in range(3)]
        for one in writers:
            one.start()
        for at, name in enumerate(["b", "c", "d"]):
            store.experiments.update(1, at=at, name=name)
        for one in writers:
            one.join()
        assert failed == []
        found = [one.run for one in store.runs.search("ended = 9").items]
        assert len(found) == 36
        assert {run.status for run in found} == {"finished"}
        for name in {run.experiment for run in found}:
            there = store.runs.search(experiments=[name]).items
            assert {one.run.experiment for one in there} == {name}
            assert store.experiments.get(name).name == name
