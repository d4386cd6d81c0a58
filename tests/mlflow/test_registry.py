"""The registry, as the client from PyPI uses it."""

from __future__ import annotations

from typing import Any

import pytest

from lapwise.core.errors import ModelError
from lapwise.core.ids import new_id
from lapwise.registry import approve, check_served, load, verify
from lapwise.store.model import Store
from tests.mlflow.driving import Client

pytestmark = pytest.mark.prove


@pytest.fixture
def name() -> str:
    """A model's name that no other test has."""
    return f"model {new_id()}"


def test_a_logged_model_is_registered_aliased_and_loaded_again(
    client: Client, experiment: str, name: str, kept: Store
) -> None:
    def act(mlflow: Any, experiment: str, name: str) -> Any:
        import numpy as np
        from sklearn.linear_model import LogisticRegression

        mlflow.set_experiment(experiment)
        rows = np.array([[0.0], [1.0], [2.0], [3.0]])
        model = LogisticRegression().fit(rows, [0, 0, 1, 1])
        with mlflow.start_run() as run:
            mlflow.log_param("C", 1.0)
            signature = mlflow.models.infer_signature(rows, model.predict(rows))
            info = mlflow.sklearn.log_model(
                model, name="model", signature=signature, registered_model_name=name
            )
        again = mlflow.register_model(f"runs:/{run.info.run_id}/model", name, tags={"k": "v"})
        client = mlflow.MlflowClient()
        client.set_registered_model_alias(name, "champion", again.version)
        loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion")
        found = client.get_model_version_by_alias(name, "champion")
        return {
            "run": run.info.run_id,
            "logged": info.model_id,
            "versions": [int(info.registered_model_version), int(again.version)],
            "answers": loaded.predict(rows).tolist(),
            "aliases": list(found.aliases),
            "tags": found.tags,
            "found": [found.version, found.run_id, found.source, found.status],
            "newest": mlflow.pyfunc.load_model(f"models:/{name}/latest").metadata.run_id,
            "model": dict(client.get_registered_model(name).aliases),
        }

    told = client(act, experiment, name)
    assert told["versions"] == [1, 2]
    assert told["answers"] == [0, 0, 1, 1]
    assert told["aliases"] == ["champion"]
    assert told["tags"] == {"k": "v"}
    assert told["found"] == ["2", told["run"], f"models:/{told['logged']}", "READY"]
    assert told["newest"] == told["run"]
    assert told["model"] == {"champion": "2"}

    version = kept.models.get(f"{name}@v1")
    assert (version.format, version.logged, version.stage) == ("mlflow", told["logged"], "none")
    assert version.lineage.run == told["run"]
    assert [(one.name, one.value) for one in version.lineage.params] == [("C", "1.0")]
    assert [one.dtype for one in version.signature.inputs] == [
        '{"type":"tensor","tensor-spec":{"dtype":"float64","shape":[-1,1]}}'
    ]
    assert "MLmodel" in {one.name for one in version.artifacts}
    with pytest.raises(ModelError, match="registered by an MLflow client"):
        load(version, kept.blobs)
    with pytest.raises(ModelError, match="registered by an MLflow client"):
        check_served(version)
    with pytest.raises(ModelError, match="never loaded or served"):
        approve(kept, version, by="ada", at=1)


def test_stages_move_as_in_mlflow_and_the_log_tells_of_it(
    client: Client, name: str, kept: Store
) -> None:
    def act(mlflow: Any, name: str) -> Any:
        client = mlflow.MlflowClient()
        client.create_registered_model(name)
        for _ in range(4):
            client.create_model_version(name, "s3://bucket/model")
        seen = []
        for version, stage, archive in [
            ("1", "Production", False),
            ("2", "production", False),
            ("3", "Staging", False),
            ("4", "Production", True),
        ]:
            client.transition_model_version_stage(
                name, version, stage, archive_existing_versions=archive
            )
            there = client.search_model_versions(f"name = '{name}'")
            seen.append({v.version: v.current_stage for v in there})
        latest = client.get_latest_versions(name)
        only = client.get_latest_versions(name, stages=["Production"])
        client.transition_model_version_stage(name, "3", "None")
        uri = client.get_model_version_download_uri(name, "3")
        return [
            seen,
            {v.current_stage: v.version for v in latest},
            [v.version for v in only],
            client.get_model_version(name, "3").current_stage,
            uri,
        ]

    seen, latest, only, back, uri = client(act, name)
    assert seen[1] == {"1": "Production", "2": "Production", "3": "None", "4": "None"}
    assert seen[3] == {"1": "Archived", "2": "Archived", "3": "Staging", "4": "Production"}
    assert latest == {"Archived": "2", "Staging": "3", "Production": "4"}
    assert only == ["4"]
    assert (back, uri) == ("None", "s3://bucket/model")
    moves = [e for e in kept.audit.entries(limit=10_000) if e.subject.startswith(name + "@")]
    assert [(e.action, e.subject) for e in moves] == [
        ("stage", f"{name}@v1"),
        ("stage", f"{name}@v2"),
        ("stage", f"{name}@v3"),
        ("stage", f"{name}@v4"),
        ("stage", f"{name}@v3"),
    ]
    assert verify(kept).problems == ()


def test_what_is_deleted_is_archived_and_gone_for_clients(
    client: Client, name: str, kept: Store
) -> None:
    def act(mlflow: Any, name: str) -> Any:
        client = mlflow.MlflowClient()
        client.create_registered_model(name, tags={"old": "1"})
        for _ in range(3):
            client.create_model_version(name, "s3://bucket/model")
        client.set_registered_model_alias(name, "x", "2")
        client.delete_model_version(name, "2")
        seen = [v.version for v in client.search_model_versions(f"name = '{name}'")]
        codes = []
        for asked, given in (
            (client.get_model_version, "2"),
            (client.delete_model_version, "2"),
            (client.get_model_version_by_alias, "x"),
        ):
            try:
                asked(name, given)
            except mlflow.exceptions.MlflowException as error:
                codes.append(error.error_code)
        fourth = client.create_model_version(name, "s3://bucket/model").version
        client.delete_registered_model(name)
        try:
            client.get_registered_model(name)
        except mlflow.exceptions.MlflowException as error:
            codes.append(error.error_code)
        names = [m.name for m in client.search_registered_models(f"name = '{name}'")]
        client.create_registered_model(name)
        fifth = client.create_model_version(name, "s3://bucket/model").version
        return [seen, codes, fourth, names, fifth, client.get_registered_model(name).tags]

    seen, codes, fourth, names, fifth, tags = client(act, name)
    assert sorted(seen) == ["1", "3"]
    missing = "RESOURCE_DOES_NOT_EXIST"
    assert codes == [missing, missing, "INVALID_PARAMETER_VALUE", missing]
    assert (fourth, names, fifth, tags) == ("4", [], "5", {})
    versions = {one.number: one for one in kept.models.list(name)}
    assert versions[2].marks == ("deleted",)
    assert [versions[n].stage for n in (1, 2, 3, 4, 5)] == ["archived"] * 4 + ["none"]
    assert verify(kept).problems == ()


def test_names_versions_and_tags_are_changed_and_searched(
    client: Client, name: str, kept: Store
) -> None:
    def act(mlflow: Any, name: str) -> Any:
        client = mlflow.MlflowClient()
        client.create_registered_model(name + " a", tags={"team": "x"}, description="first")
        client.create_registered_model(name + " b", tags={"team": "y"})
        client.update_registered_model(name + " b", "second")
        client.set_registered_model_tag(name + " b", "n", "2")
        client.delete_registered_model_tag(name + " b", "team")
        for which in ("a", "a", "b"):
            client.create_model_version(
                f"{name} {which}", "s3://b/m", tags={"which": which}, description="d",
                run_link="http://elsewhere/run",
            )  # fmt: skip
        client.update_model_version(name + " a", "1", "better")
        client.set_model_version_tag(name + " a", "1", "q", "w")
        client.delete_model_version_tag(name + " a", "1", "which")
        client.rename_registered_model(name + " b", name + " c")

        def models(*given: Any, **more: Any) -> list[str]:
            return [m.name[-1] for m in client.search_registered_models(*given, **more)]

        def versions(*given: Any, **more: Any) -> list[str]:
            found = client.search_model_versions(*given, **more)
            return [v.name[-1] + v.version for v in found]

        mine = f"name LIKE '{name}%'"
        page = client.search_registered_models(mine, max_results=1)
        rest = client.search_registered_models(mine, max_results=1, page_token=page.token)
        first = client.get_model_version(name + " a", "1")
        return {
            "models": models(mine),
            "down": models(mine, order_by=["name DESC"]),
            "team": models(f"{mine} AND tags.team = 'x'"),
            "none": models("name = 'nobody has this'"),
            "ilike": models(f"name ILIKE '{name.upper()}%'"),
            "pages": [[m.name[-1] for m in page], [m.name[-1] for m in rest], rest.token],
            "versions": versions(mine, order_by=["name ASC", "version_number DESC"]),
            "which": versions(f"{mine} AND tags.which = 'a'"),
            "number": versions(f"{mine} AND version_number > 1"),
            "source": versions(f"{mine} AND source_path = 's3://b/m' AND name = '{name} c'"),
            "first": [first.description, first.tags, first.run_link],
            "described": client.get_registered_model(name + " c").description,
        }

    told = client(act, name)
    assert told["models"] == ["a", "c"]
    assert told["down"] == ["c", "a"]
    assert told["team"] == ["a"]
    assert told["none"] == []
    assert sorted(told["ilike"]) == ["a", "c"]
    assert told["pages"] == [["a"], ["c"], None] or told["pages"] == [["a"], ["c"], ""]
    assert told["versions"] == ["a2", "a1", "c1"]
    assert told["which"] == ["a2"]
    assert told["number"] == ["a2"]
    assert told["source"] == ["c1"]
    assert told["first"] == ["better", {"q": "w"}, "http://elsewhere/run"]
    assert told["described"] == "second"
    assert verify(kept).problems == ()


def test_a_version_is_copied_to_another_name(
    client: Client, experiment: str, name: str, kept: Store
) -> None:
    def act(mlflow: Any, experiment: str, name: str) -> Any:
        mlflow.set_experiment(experiment)
        client = mlflow.MlflowClient()
        with mlflow.start_run() as run:
            mlflow.log_text("flavors: {}\n", "m/MLmodel")
        client.create_registered_model(name)
        source = f"runs:/{run.info.run_id}/m"
        client.create_model_version(name, source, run_id=run.info.run_id)
        copied = client.copy_model_version(f"models:/{name}/1", name + " copy")
        with mlflow.start_run(run_id=run.info.run_id):
            mlflow.log_text("changed later", "m/MLmodel")
        path = mlflow.artifacts.download_artifacts(f"models:/{name} copy/1")
        with open(path + "/MLmodel") as file:  # noqa: PTH123
            return [copied.version, copied.source, copied.run_id, file.read(), run.info.run_id]

    number, source, run, text, expected = client(act, experiment, name)
    assert (number, source, run) == ("1", f"models:/{name}/1", expected)
    assert text == "flavors: {}\n"  # a version never changes, whatever the run logs later
    copied = kept.models.get(f"{name} copy@v1")
    assert copied.artifacts == kept.models.get(f"{name}@v1").artifacts


def test_prompts_are_kept_apart_from_models(client: Client, name: str) -> None:
    def act(mlflow: Any, name: str) -> Any:
        prompt = mlflow.genai.register_prompt(name, template="Say {{what}}", commit_message="m")
        second = mlflow.genai.register_prompt(name, template="Tell {{what}}")
        loaded = mlflow.genai.load_prompt(f"prompts:/{name}/1")
        client = mlflow.MlflowClient()
        return [
            prompt.version,
            second.version,
            loaded.format(what="it"),
            [m.name for m in client.search_registered_models(f"name = '{name}'")],
            [p.name for p in mlflow.genai.search_prompts(f"name = '{name}'")],
        ]

    name = name.replace(" ", "-")
    assert client(act, name) == [1, 2, "Say it", [], [name]]


@pytest.mark.parametrize(
    "source",
    ["/etc/passwd", "file:///etc", "file:/etc", "C:\\x", "relative/path", "runs://host/x", "models:///x",
     "mlflow-artifacts:/../../etc", "mlflow-artifacts://host/1/2/artifacts", "s3://b/../../x", "models:/m-x"],
)  # fmt: skip
def test_no_place_on_a_machine_is_a_source(client: Client, name: str, source: str) -> None:
    def act(mlflow: Any, name: str, source: str) -> Any:
        client = mlflow.MlflowClient()
        client.create_registered_model(name)
        client._get_registry_client().store.create_model_version(name, source)

    error = client.refused(act, name, source)
    assert error.code in {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"}, error.message


@pytest.mark.parametrize("bad", ["", "a/b", "a:b", "a@v1", "*", "..", "x\n", "y" * 257])
def test_what_cannot_be_a_name_is_refused(client: Client, bad: str) -> None:
    def act(mlflow: Any, bad: str) -> Any:
        mlflow.MlflowClient().create_registered_model(bad)

    assert client.refused(act, bad).code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("alias", "version"), [("latest", "1"), ("v3", "1"), ("a b", "1"), ("x", "9")]
)
def test_what_cannot_be_an_alias_is_refused(
    client: Client, name: str, alias: str, version: str
) -> None:
    def act(mlflow: Any, name: str, alias: str, version: str) -> Any:
        client = mlflow.MlflowClient()
        client.create_registered_model(name)
        client.create_model_version(name, "s3://b/m")
        client.set_registered_model_alias(name, alias, version)

    code = client.refused(act, name, alias, version).code
    assert code == ("RESOURCE_DOES_NOT_EXIST" if alias == "x" else "INVALID_PARAMETER_VALUE")
