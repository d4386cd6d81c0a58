"""Read from an MLflow server over HTTP, as its own clients do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from lapwise.core.errors import DataError
from lapwise.core.model import Metric, Tag
from lapwise.core.tracked import LOGGED_MODEL, LoggedMetric, RunInput
from lapwise.loop.importing.connection import Connection
from lapwise.loop.importing.model import (
    ForeignExperiment,
    ForeignFile,
    ForeignLogged,
    ForeignModel,
    ForeignRun,
    ForeignVersion,
)
from lapwise.loop.importing.wording import (
    logged_status,
    micros,
    params_of,
    stage_of,
    status_of,
    tags_of,
    value_of,
)

__all__ = ["MlflowServer"]

_PAGE = 200
_POINTS = 25_000
_LOGGED = re.compile(r"m-[0-9a-f]{32}")
_API = "/api/2.0/mlflow/"
_PROXY = "/api/2.0/mlflow-artifacts/artifacts"
_DEEPEST = 64


class MlflowServer:
    """Implements :class:`lapwise.loop.importing.model.Source` over a server's REST API.

    Args:
        connection: to the server; closed with this.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def experiments(self) -> Sequence[ForeignExperiment]:
        """Return all experiments, deleted ones too."""
        asked = {"max_results": 1000, "view_type": "ALL"}
        return [
            ForeignExperiment(
                key=str(one["experiment_id"]),
                name=str(one["name"]),
                created=micros(one.get("creation_time")),
                updated=micros(one.get("last_update_time"), micros(one.get("creation_time"))),
                archived=one.get("lifecycle_stage") == "deleted",
                tags=tags_of(one.get("tags", ())),
            )
            for one in self._posted("experiments/search", asked, "experiments")
        ]

    def runs(self, experiment: ForeignExperiment) -> Iterator[ForeignRun]:
        """Yield an experiment's runs, deleted ones too, the oldest first."""
        asked = {
            "experiment_ids": [experiment.key],
            "run_view_type": "ALL",
            "max_results": _PAGE,
            # Runs that start meanwhile come at the end, so that no page moves.
            "order_by": ["attributes.start_time ASC"],
        }
        for found in self._posted("runs/search", asked, "runs"):
            # A search leaves out which logged models a run read.
            whole = self._got("runs/get", run_id=found["info"]["run_id"])
            yield _run(whole["run"])

    def points(self, run: ForeignRun) -> Iterator[Metric]:
        """Yield every value of a run's metrics, by name, as the server orders them: by time."""
        for name in sorted({one.name for one in run.last}):
            token = ""
            while True:
                page = self._got(
                    "metrics/get-history",
                    run_id=run.id,
                    metric_key=name,
                    max_results=_POINTS,
                    **({"page_token": token} if token else {}),
                )
                yield from (_metric(one) for one in page.get("metrics", ()))
                token = _next(page, token)
                if not token:
                    break

    def logged(self, experiment: ForeignExperiment) -> Iterator[ForeignLogged]:
        """Yield an experiment's logged models; a server before MLflow 3 has none."""
        asked = {"experiment_ids": [experiment.key], "max_results": 50}
        for one in self._posted("logged-models/search", asked, "models", absent=True):
            yield _logged(one)

    def files(self, thing: ForeignRun | ForeignLogged) -> Iterator[ForeignFile]:
        """Yield the files of a run or a logged model."""
        yield from self._below(thing, "", 0)

    def _below(
        self, thing: ForeignRun | ForeignLogged, folder: str, deep: int
    ) -> Iterator[ForeignFile]:
        if deep > _DEEPEST:
            raise DataError("folders are nested too deeply", expected=f"at most {_DEEPEST} levels")
        for one in self._listed(thing, folder):
            name = str(one["path"])
            if one.get("is_dir"):
                yield from self._below(thing, name, deep + 1)
            else:
                yield ForeignFile(name=name, size=int(one.get("file_size") or 0))

    def _listed(
        self, thing: ForeignRun | ForeignLogged, folder: str
    ) -> Iterator[Mapping[str, Any]]:
        proxied = _proxied(thing.place)
        if proxied is not None:
            path = f"{proxied}/{folder}".strip("/")
            found = self._connection.get(_PROXY, path=path)
            for one in found.get("files", ()):
                yield {**one, "path": f"{folder}/{one['path']}".lstrip("/")}
            return
        if isinstance(thing, ForeignLogged):
            path = f"logged-models/{quote(thing.id, safe='')}/artifacts/directories"
            asked = {"artifact_directory_path": folder} if folder else {}
            yield from self._got(path, **asked).get("files", ())
            return
        token = ""
        while True:
            asked = {"path": folder} if folder else {}
            asked |= {"page_token": token} if token else {}
            page = self._got("artifacts/list", run_id=thing.id, **asked)
            yield from page.get("files", ())
            token = _next(page, token)
            if not token:
                return

    def fetch(self, thing: ForeignRun | ForeignLogged, file: ForeignFile, folder: Path) -> Path:
        """Download a file into the folder, in constant memory, and return where it is."""
        target = folder / "artifact"
        proxied = _proxied(thing.place)
        if proxied is not None:
            self._connection.download(
                f"{_PROXY}/{quote(f'{proxied}/{file.name}')}", target, file.size
            )
        elif isinstance(thing, ForeignLogged):
            path = f"/ajax-api/2.0/mlflow/logged-models/{quote(thing.id, safe='')}/artifacts/files"
            self._connection.download(path, target, file.size, artifact_file_path=file.name)
        else:
            asked = {"run_uuid": thing.id, "path": file.name}
            self._connection.download("/get-artifact", target, file.size, **asked)
        return target

    def models(self) -> Iterator[ForeignModel]:
        """Yield registered models by name; those that are prompts too."""
        seen = set()
        for where in ("", "tags.`mlflow.prompt.is_prompt` = 'true'"):
            for one in self._paged("registered-models/search", "registered_models", filter=where):
                if one["name"] in seen:
                    continue
                seen.add(one["name"])
                # A search may leave aliases out.
                whole = self._got("registered-models/get", name=one["name"])["registered_model"]
                yield _model(whole)

    def versions(self, model: ForeignModel) -> Iterator[ForeignVersion]:
        """Yield a model's versions by number; a server shows no deleted ones."""
        quoted = '"' + model.name + '"' if "'" in model.name else f"'{model.name}'"
        prompt = any(
            tag.name == "mlflow.prompt.is_prompt" and tag.value == "true" for tag in model.tags
        )
        where = f"name = {quoted}"
        where += " AND tags.`mlflow.prompt.is_prompt` = 'true'" if prompt else ""
        found = self._paged("model-versions/search", "model_versions", filter=where)
        for one in sorted(found, key=lambda row: int(row["version"])):
            place = self._got(
                "model-versions/get-download-uri", name=one["name"], version=one["version"]
            )
            yield _version(one, str(place.get("artifact_uri", "")))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _got(self, path: str, /, **asked: Any) -> dict[str, Any]:
        return self._connection.get(_API + path, **asked)

    def _posted(
        self, path: str, asked: dict[str, Any], items: str, *, absent: bool = False
    ) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            body = {**asked, "page_token": token} if token else asked
            page = self._connection.post(_API + path, body, absent=absent)
            yield from page.get(items, ())
            token = _next(page, token)
            if not token:
                return

    def _paged(self, path: str, items: str, /, **asked: str) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            more = {"page_token": token} if token else {}
            page = self._got(path, max_results=1000, **asked, **more)
            yield from page.get(items, ())
            token = _next(page, token)
            if not token:
                return


def _next(page: Mapping[str, Any], before: str) -> str:
    """Return the token of the next page; raises DataError where a server goes round in a circle."""
    token = str(page.get("next_page_token") or "")
    if token and token == before:
        raise DataError("the server gives the same page again", expected="a next page, or none")
    return token


def _proxied(place: str) -> str | None:
    """Return the path of artifacts that the server hands through, or None."""
    split = urlsplit(place)
    return split.path.strip("/") if split.scheme == "mlflow-artifacts" else None


def _run(found: dict[str, Any]) -> ForeignRun:
    info, data = found["info"], found.get("data", {})
    inputs = found.get("inputs", {})
    ended = info.get("end_time")
    return ForeignRun(
        id=str(info["run_id"]),
        name=str(info.get("run_name", "")),
        status=status_of(info.get("status")),
        started=micros(info.get("start_time")),
        ended=None if not ended else micros(ended),
        user=str(info.get("user_id", "")),
        archived=info.get("lifecycle_stage") == "deleted",
        place=str(info.get("artifact_uri", "")),
        params=params_of(data.get("params", ())),
        tags=tags_of(data.get("tags", ())),
        inputs=(
            *(_input(one) for one in inputs.get("dataset_inputs", ())),
            *(
                RunInput(name=one["model_id"], digest=one["model_id"], kind=LOGGED_MODEL)
                for one in inputs.get("model_inputs", ())
            ),
        ),
        outputs=tuple(
            (str(one["model_id"]), int(one.get("step", 0)))
            for one in found.get("outputs", {}).get("model_outputs", ())
        ),
        last=tuple(_metric(one) for one in data.get("metrics", ())),
    )


def _input(found: dict[str, Any]) -> RunInput:
    dataset = found["dataset"]
    return RunInput(
        name=dataset["name"],
        digest=dataset["digest"],
        kind=dataset.get("source_type", ""),
        source=dataset.get("source", ""),
        schema=dataset.get("schema", ""),
        profile=dataset.get("profile", ""),
        tags=tags_of(found.get("tags", ())),
    )


def _metric(found: dict[str, Any]) -> Metric:
    return Metric(
        name=found["key"],
        value=value_of(found.get("value", 0.0)),
        step=int(found.get("step", 0)),
        at=micros(found.get("timestamp")),
    )


def _logged(found: dict[str, Any]) -> ForeignLogged:
    info, data = found["info"], found.get("data", {})
    id = str(info["model_id"])
    return ForeignLogged(
        id=id,
        name=str(info.get("name", "")),
        run=info.get("source_run_id") or None,
        status=logged_status(info.get("status")),
        created=micros(info.get("creation_timestamp_ms")),
        updated=micros(info.get("last_updated_timestamp_ms")),
        kind=str(info.get("model_type", "")),
        message=str(info.get("status_message", "")),
        archived=False,
        place=str(info.get("artifact_uri", "")),
        params=params_of(data.get("params", ())),
        tags=tags_of(info.get("tags", ())),
        metrics=tuple(
            LoggedMetric(
                metric=_metric(one),
                run=str(one.get("run_id", "")),
                dataset=str(one.get("dataset_name", "")),
                digest=str(one.get("dataset_digest", "")),
            )
            for one in data.get("metrics", ())
        ),
    )


def _model(found: dict[str, Any]) -> ForeignModel:
    created = micros(found.get("creation_timestamp"))
    return ForeignModel(
        name=str(found["name"]),
        created=created,
        updated=micros(found.get("last_updated_timestamp"), created),
        description=str(found.get("description", "")),
        tags=tags_of(found.get("tags", ())),
        aliases=tuple(
            Tag(name=one["alias"], value=str(one["version"])) for one in found.get("aliases", ())
        ),
    )


def _version(found: dict[str, Any], place: str) -> ForeignVersion:
    source = str(found.get("source", ""))
    named = _LOGGED.search(source) or _LOGGED.search(place)
    created = micros(found.get("creation_timestamp"))
    return ForeignVersion(
        model=str(found["name"]),
        number=int(found["version"]),
        created=created,
        updated=micros(found.get("last_updated_timestamp"), created),
        stage=stage_of(found.get("current_stage")),
        source=source,
        place=place,
        run=found.get("run_id") or None,
        logged=str(found.get("model_id") or (named[0] if named else "")) or None,
        user=str(found.get("user_id", "")),
        description=str(found.get("description", "")),
        link=str(found.get("run_link", "")),
        tags=tags_of(found.get("tags", ())),
    )
