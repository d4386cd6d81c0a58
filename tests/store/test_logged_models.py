"""Logged models: what runs saved before anybody registered it, on both databases."""

from __future__ import annotations

import math

import msgspec
import pytest

from lapwise.core.errors import ConflictError, NotFoundError
from lapwise.core.model import Artifact, Metric, Param, Run, Tag
from lapwise.core.tracked import LoggedMetric, LoggedModel
from lapwise.store.model import Store
from tests.store import making


def named(number: int, **given: object) -> LoggedModel:
    return making.logged(f"m-{number:032x}", **given)


def metric(
    name: str, value: float, step: int = 0, dataset: str = "", run: str = "r"
) -> LoggedMetric:
    point = Metric(name=name, value=value, step=step, at=7)
    return LoggedMetric(metric=point, run=run, dataset=dataset, digest="d" if dataset else "")


@pytest.fixture
def run(store: Store) -> Run:
    return store.runs.create(making.run())


def test_one_is_kept_with_its_params_and_labels(store: Store, run: Run) -> None:
    """Asked again with the same id, the store has it already."""
    params = (Param(name="b", value=1.5), Param(name="a", value=None))
    model = making.logged(run=run.id, params=params, kind="sklearn")
    made = store.logged.create(model, [Tag(name="t", value="v")])
    assert made == msgspec.structs.replace(model, params=params[::-1])
    assert store.logged.create(making.logged(name="other")) == made
    assert store.logged.get(model.id) == made
    assert store.labels.of("logged", [model.id]) == {model.id: (Tag(name="t", value="v"),)}
    with pytest.raises(NotFoundError, match="nobody"):
        store.logged.get("nobody")


def test_only_what_is_given_changes(store: Store) -> None:
    made = store.logged.create(making.logged(params=(Param(name="a", value=1),)))
    ready = store.logged.update(made.id, at=9, status="ready")
    assert ready == msgspec.structs.replace(made, status="ready", updated=9)
    failed = store.logged.update(made.id, at=10, status="failed", message="no room")
    assert (failed.message, failed.status, failed.archived) == ("no room", "failed", False)
    assert store.logged.update(made.id, at=11, archived=True).archived
    assert store.logged.get(made.id).status == "failed"
    assert store.logged.search().items == ()
    assert not store.logged.update(made.id, at=12, archived=False).archived
    with pytest.raises(NotFoundError):
        store.logged.update("nobody", at=1, status="ready")


def test_metrics_are_kept_by_name_run_dataset_and_step(store: Store) -> None:
    """The last one of each wins, NaN and infinities too."""
    first, second = (store.logged.create(named(number)) for number in (1, 2))
    store.logged.log(
        first.id,
        metrics=[
            metric("b", 1.0), metric("b", 2.0), metric("a", math.nan), metric("a", 3.0, 1),
            metric("a", math.inf, 0, "test"),
        ],
    )  # fmt: skip
    store.logged.log(first.id, metrics=[metric("b", 4.0, run="other"), metric("a", 5.0, 1)])
    found = store.logged.metrics([first.id, second.id, "nobody"])
    assert repr(found[first.id]) == repr(
        (
            metric("a", math.nan), metric("a", 5.0, 1), metric("a", math.inf, 0, "test"),
            metric("b", 4.0, run="other"), metric("b", 2.0),
        )
    )  # fmt: skip
    assert found[second.id] == found["nobody"] == ()


def test_params_never_change(store: Store) -> None:
    """The whole call is refused."""
    made = store.logged.create(making.logged(params=(Param(name="a", value=1),)))
    with pytest.raises(ConflictError, match="never changes"):
        store.logged.log(
            made.id,
            params=[Param(name="z", value=1), Param(name="a", value="1")],
            metrics=[metric("m", 1.0)],
        )
    store.logged.log(made.id, params=[Param(name="a", value=1), Param(name="b", value=2)])
    assert [one.name for one in store.logged.get(made.id).params] == ["a", "b"]
    assert store.logged.metrics([made.id]) == {made.id: ()}
    with pytest.raises(NotFoundError):
        store.logged.log("nobody", metrics=[metric("m", 1.0)])


def test_files_are_kept_by_name_and_by_digest(store: Store) -> None:
    made = store.logged.create(making.logged())
    files = [
        Artifact(name=name, digest=making.digest(text), size=len(text))
        for name, text in (("b/x", "1"), ("a", "22"), ("b/x", "333"))
    ]
    store.logged.log(made.id, artifacts=files)
    assert store.logged.artifacts(made.id) == (files[1], files[2])
    assert store.logged.holders(making.digest("333")) == ("flight-delay",)
    assert store.logged.holders(making.digest("1")) == ()
    with pytest.raises(NotFoundError):
        store.logged.artifacts("nobody")


def test_a_run_gives_models(store: Store, run: Run) -> None:
    """Each at a step, the last one said; all or none of a call."""
    made = [store.logged.create(named(number)) for number in range(3)]
    store.logged.give(run.id, [(made[2].id, 0), (made[0].id, 5)])
    store.logged.give(run.id, [(made[2].id, 7)])
    assert store.logged.of_run(run.id) == ((made[0].id, 5), (made[2].id, 7))
    assert store.logged.of_run("nobody") == ()
    for name, models in (("nobody", [(made[1].id, 1)]), (run.id, [(made[1].id, 1), ("m-", 1)])):
        with pytest.raises(NotFoundError):
            store.logged.give(name, models)
    assert len(store.logged.of_run(run.id)) == 2


@pytest.fixture
def several(store: Store, run: Run) -> Store:
    """Five of two experiments, made at 1 to 5 s."""
    for number in range(1, 6):
        made = store.logged.create(
            named(
                number, experiment="ab"[number % 2], name=f"n{number}", run=run.id if number > 3 else None,
                created=number * 1_000_000, kind="Agent" if number == 2 else "",
                params=(Param(name="depth", value=str(number)),),
            )
            if number != 3
            else named(3, experiment="b", name="n3", created=3_000_000),
            [Tag(name="team", value="growth" if number < 3 else "core")],
        )  # fmt: skip
        for dataset in ("train", "test"):
            value = number / 10 + (dataset == "train") / 2
            store.logged.log(made.id, metrics=[metric("auc", value, 1, dataset)])
        store.logged.log(made.id, metrics=[metric("auc", (number * 3 % 5) / 10, 2, "test")])
    store.logged.update(f"m-{1:032x}", at=9, status="ready")
    return store


def numbers(store: Store, where: str = "", *order: str, experiments: tuple[str, ...] = ()) -> str:
    found = store.logged.search(where, order=order, experiments=experiments)
    return "".join(one.name[1:] for one in found.items)


def test_they_are_found_by_what_is_asked(several: Store) -> None:
    """The newest first; of several values of a metric any one counts."""
    for where, found in (
        ("", "54321"),
        ("name = 'n3'", "3"),
        ("status = 'READY'", "1"),
        ("status = 'LOGGED_MODEL_PENDING'", "5432"),
        ("source_run_id IS NULL", "321"),
        ("model_type = 'Agent'", "2"),
        ("creation_timestamp > 3000", "54"),
        ("params.depth = '4' OR params.depth < 2", "41"),
        ("tags.team = 'growth'", "21"),
        ("metrics.auc >= 0.9", "54"),
        ("metrics.auc > 0.9 AND NOT tags.team = 'growth'", "5"),
        (f"model_id = 'm-{2:032x}'", "2"),
    ):
        assert numbers(several, where) == found, where


def test_they_come_in_the_order_that_is_asked(several: Store) -> None:
    """By a metric each comes once, by its last value; experiments narrow the search."""
    assert numbers(several, "", "name ASC") == "12345"
    assert numbers(several, "", "metrics.auc DESC") == _by_last()
    assert numbers(several, "", experiments=("b",)) == "531"


def _by_last() -> str:
    return "".join(sorted("54321", key=lambda name: -(int(name) * 3 % 5)))


def test_pages_follow_one_another(several: Store) -> None:
    found, after = "", ""
    for _ in range(5):
        page = several.logged.search("metrics.auc > 0", order=["name"], limit=2, after=after)
        found += "".join(one.name[1:] for one in page.items)
        after = page.next
        if not after:
            break
    assert found == "12345"
