"""The newest version in each stage, however many there are."""

from __future__ import annotations

from lapwise.core.model import Stage
from lapwise.registry.kept import keep
from lapwise.registry.ungoverned import restage
from lapwise.server.mlflow.endpoint import Visit
from lapwise.server.mlflow.version_shapes import latest_versions
from lapwise.store.model import Store


def test_production_is_found_behind_many_that_went_nowhere(sqlite_store: Store) -> None:
    model = "it's \\ odd"
    for at in range(30):
        version = keep(sqlite_store, model=model, artifacts=(), actor="a", at=at, source="s3://b/m")
        if at in {1, 2, 4}:
            target: Stage = "archived" if at == 1 else "production"
            restage(sqlite_store, version, target, by="a", at=at)
    found = latest_versions(Visit(sqlite_store, "a"), model)
    assert [(one.number, one.stage) for one in found] == [
        (2, "archived"),
        (5, "production"),
        (30, "none"),
    ]
