"""Which experiment an id or a name means, where a name is a number."""

from __future__ import annotations

import pytest

from lapwise.server.access import bind
from lapwise.server.mlflow.endpoint import Visit
from lapwise.server.mlflow.experiment_ids import Ids, by_id, by_name
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.runs import CreateRun, create_run
from lapwise.store.model import Store
from tests.server.access.rights import principal


def test_whoever_has_the_experiment_called_2_is_not_held_up_by_number_2(
    sqlite_store: Store,
) -> None:
    mine = sqlite_store.experiments.create("2", at=1)
    sqlite_store.experiments.create("secret", at=1)
    visit = Visit(bind(sqlite_store, principal("contributor", "2")), "anna")
    assert by_name(visit, "2") == mine
    assert by_id(visit, "1") == mine
    assert Ids(visit).of("2") == "1"
    made = create_run.answer(visit, CreateRun(experiment_id="1"))
    assert made.run.info.experiment_id == "1"  # type: ignore[attr-defined]
    with pytest.raises(Refusal):
        by_id(Visit(sqlite_store, "root"), "3")
