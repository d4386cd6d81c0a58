"""A model that a loop governs, seen by an MLflow client: its wishes become requests, or are refused."""

from __future__ import annotations

from typing import Any

import pytest

from lapwise.core.ids import new_id
from lapwise.core.model import Lineage, ModelVersion, Verdict
from lapwise.registry import approve, package, register, to_staging, verify
from lapwise.store.model import Store
from tests.mlflow.driving import Client
from tests.registry.examples import small_model, small_rows

pytestmark = pytest.mark.prove

PASSED = Verdict(gate="G1", name="Floor", status="passed", sentence="it is well")


@pytest.fixture
def governed(kept: Store) -> ModelVersion:
    """A version that a lap made, in staging: it waits for approval."""
    packaged = package(small_model(), inputs=small_rows(), task="binary", store=kept)
    version = register(
        kept,
        model=f"governed-{new_id()}",
        packaged=packaged,
        lineage=Lineage(lap=new_id()),
        actor="lap",
        at=1,
        verdicts=(PASSED,),
    )
    return to_staging(kept, version, actor="lap", at=2)


def _transition(mlflow: Any, name: str, version: str, stage: str) -> Any:
    client = mlflow.MlflowClient()
    found = client.transition_model_version_stage(name, version, stage)
    return [found.version, found.current_stage]


def test_production_opens_a_request_that_names_the_command(
    client: Client, governed: ModelVersion, kept: Store
) -> None:
    name = governed.model
    error = client.refused(_transition, name, "1", "Production")
    assert error.code == "PERMISSION_DENIED"
    assert f"lapwise approve {name}@v1" in error.message
    found = kept.models.get(governed.id)
    assert (found.stage, found.marks) == ("staging", ("approval-requested",))
    entry = kept.audit.head()
    assert entry is not None
    assert (entry.action, entry.subject) == ("request-approval", f"{name}@v1")

    approve(kept, found, by="ada", at=3)
    assert client(_transition, name, "1", "Production") == ["1", "Production"]  # it is there
    assert verify(kept).problems == ()


@pytest.mark.parametrize("stage", ["None", "Staging", "Archived"])
def test_what_answers_users_is_not_moved(
    client: Client, governed: ModelVersion, kept: Store, stage: str
) -> None:
    approve(kept, governed, by="ada", at=3)
    error = client.refused(_transition, governed.model, "1", stage)
    assert error.code == "PERMISSION_DENIED"
    assert "governed by a loop" in error.message
    for act in (_delete_version, _delete_model, _rename):
        assert client.refused(act, governed.model).code in {
            "PERMISSION_DENIED",
            "RESOURCE_CONFLICT",
        }
    assert kept.models.get(governed.id).stage == "production"


def _delete_version(mlflow: Any, name: str) -> None:
    mlflow.MlflowClient().delete_model_version(name, "1")


def _delete_model(mlflow: Any, name: str) -> None:
    mlflow.MlflowClient().delete_registered_model(name)


def _rename(mlflow: Any, name: str) -> None:
    mlflow.MlflowClient().rename_registered_model(name, name + "-x")


def test_what_waits_may_be_archived(client: Client, governed: ModelVersion, kept: Store) -> None:
    assert client(_transition, governed.model, "1", "Archived") == ["1", "Archived"]
    assert kept.models.get(governed.id).stage == "archived"
    error = client.refused(_transition, governed.model, "1", "Production")
    assert "does not wait for approval" in error.message


def test_an_alias_deploys_nothing_and_files_can_be_taken(
    client: Client, governed: ModelVersion, kept: Store
) -> None:
    def act(mlflow: Any, name: str) -> Any:
        client = mlflow.MlflowClient()
        client.set_registered_model_alias(name, "champion", "1")
        path = mlflow.artifacts.download_artifacts(f"models:/{name}@champion")
        import pathlib

        found = client.get_model_version_by_alias(name, "champion")
        return [found.current_stage, [one.name for one in pathlib.Path(path).iterdir()]]

    stage, files = client(act, governed.model)
    assert stage == "Staging"
    assert "model.skops" in files
    assert kept.models.get(governed.id).stage == "staging"
    assert kept.deployments.newest(governed.model) is None


def test_a_version_that_a_client_adds_reaches_no_user(
    client: Client, governed: ModelVersion, kept: Store
) -> None:
    def act(mlflow: Any, name: str) -> Any:
        client = mlflow.MlflowClient()
        return client.create_model_version(name, "s3://bucket/model").version

    assert client(act, governed.model) == "2"
    error = client.refused(_transition, governed.model, "2", "Production")
    assert "does not wait for approval" in error.message
    assert kept.models.get(f"{governed.model}@v2").stage == "none"
