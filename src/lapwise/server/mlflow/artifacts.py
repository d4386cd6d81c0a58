"""MLflow's calls that list artifacts; bytes go through ``proxy.py`` and ``multipart.py``."""

from __future__ import annotations

from lapwise.server.mlflow.endpoint import Visit, endpoint
from lapwise.server.mlflow.experiment_ids import Ids
from lapwise.server.mlflow.finding import find_logged, find_run
from lapwise.server.mlflow.folders import FileShape, below
from lapwise.server.mlflow.keys import Place, check_key, place_of
from lapwise.server.mlflow.run_shapes import run_info
from lapwise.server.mlflow.wire import Answer, Request

__all__ = ["ENDPOINTS"]


class ListArtifacts(Request, frozen=True, kw_only=True):
    """Asks what lies in a folder of a run."""

    run_id: str = ""
    run_uuid: str = ""
    path: str = ""


class ListOfModel(Request, frozen=True, kw_only=True):
    """Asks what lies in a folder of a logged model."""

    model_id: str = ""
    artifact_directory_path: str = ""


class ListProxied(Request, frozen=True, kw_only=True):
    """Asks what lies in a folder, by the address that a client made of an artifact URI."""

    path: str = ""


class Listing(Answer, frozen=True, kw_only=True):
    """What lies in a folder; a folder that is not there is empty."""

    root_uri: str = ""
    files: tuple[FileShape, ...] = ()


@endpoint("GET", "artifacts/list")
def list_artifacts(visit: Visit, asked: ListArtifacts) -> Listing:
    """Return what lies in a folder of a run; names begin at the run's top."""
    run = find_run(visit, asked.run_id or asked.run_uuid)
    place = Place("run", run.id, _folder(asked.path))
    root = run_info(run, Ids(visit)).artifact_uri
    return Listing(root_uri=root, files=tuple(below(visit, place, full=True)))


@endpoint("GET", "logged-models/{model_id}/artifacts/directories")
def list_of_model(visit: Visit, asked: ListOfModel) -> Listing:
    """Return what lies in a folder of a logged model; names begin at the model's top."""
    model = find_logged(visit, asked.model_id)
    place = Place("logged", model.id, _folder(asked.artifact_directory_path))
    experiment = Ids(visit).of(model.experiment)
    root = f"mlflow-artifacts:/{experiment}/models/{model.id}/artifacts"
    return Listing(root_uri=root, files=tuple(below(visit, place, full=True)))


@endpoint("GET", "2.0/mlflow-artifacts/artifacts")
def list_proxied(visit: Visit, asked: ListProxied) -> Listing:
    """Return what lies in a folder; names begin in the folder."""
    place = place_of(asked.path.removeprefix("/"))
    return Listing(files=tuple(below(visit, place)))


def _folder(path: str) -> str:
    path = path.removesuffix("/")
    if path:
        check_key(path)
    return path


ENDPOINTS = (list_artifacts, list_of_model, list_proxied)
