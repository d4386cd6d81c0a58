"""Tags that MLflow's clients search for, of runs that keep the same in columns."""

from __future__ import annotations

import msgspec
import pytest

from lapwise.core.model import Tag
from lapwise.store.model import Store
from tests.store import making


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("tags.mlflow.parentRunId = 'top'", [3, 2]),
        ("tags.`mlflow.parentRunId` != 'top'", [4]),
        ("NOT tags.mlflow.parentRunId = 'top'", [4, 1]),
        ("tags.mlflow.parentRunId IN ('top', 'x')", [3, 2]),
        ("tags.mlflow.parentRunId IS NULL", [1]),
        ("tags.mlflow.parentRunId IS NOT NULL", [4, 3, 2]),
        ("tags.mlflow.user = 'anna'", [2]),
        ("tags.mlflow.user IS NULL", [4, 3, 1]),
        ("tags.mlflow.runName LIKE 'fold%'", [2]),
        ("tags.mlflow.source.git.commit = 'a1b9c2'", [2]),
        ("tags.mlflow.source.git.commit = 'a1b9c2' AND tags.mlflow.parentRunId = 'top'", [2]),
        ("tags.other = 'top'", []),
    ],
)
def test_a_column_stands_in_for_a_tag_that_a_run_has_not(
    store: Store, where: str, found: list[int]
) -> None:
    nested = msgspec.structs.replace(making.run("e"), parent="top", name="fold 1", user="anna")
    store.runs.create(making.run("e"))
    store.runs.create(nested)
    store.runs.set_capture(nested.id, making.capture())
    for parent, tag in ((None, "top"), ("top", "elsewhere")):
        run = store.runs.create(msgspec.structs.replace(making.run("e"), parent=parent))
        store.runs.log(run.id, tags=[Tag(name="mlflow.parentRunId", value=tag)])
    assert [one.run.number for one in store.runs.search(where).items] == found
