"""Read from an MLflow database, its artifacts from a folder."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lapwise.core.model import Metric, Tag
from lapwise.core.tracked import LOGGED_MODEL, LoggedMetric, RunInput
from lapwise.loop.importing.folder import ArtifactFolder
from lapwise.loop.importing.model import (
    ForeignExperiment,
    ForeignFile,
    ForeignLogged,
    ForeignModel,
    ForeignRun,
    ForeignVersion,
)
from lapwise.loop.importing.wording import (
    DELETED_STAGE,
    logged_status,
    micros,
    params_of,
    stage_of,
    status_of,
    tags_of,
    value_of,
)

if TYPE_CHECKING:
    from lapwise.store.mlflow_tables import MlflowTables

__all__ = ["MlflowDatabase"]

_LOGGED = re.compile(r"m-[0-9a-f]{32}")


class MlflowDatabase:
    """Implements :class:`lapwise.loop.importing.model.Source` over tables.

    Args:
        tables: the open database.
        artifacts: the only folder that artifacts are read from.
        named: whether the user named it, as :class:`ArtifactFolder` takes it.
    """

    def __init__(self, tables: MlflowTables, artifacts: Path, *, named: bool) -> None:
        self._tables = tables
        self._folder = ArtifactFolder(artifacts, named=named)

    def experiments(self) -> Sequence[ForeignExperiment]:
        """Return all experiments, deleted ones too."""
        tags = _by(self._tables.rows("experiment_tags"), "experiment_id")
        return [
            ForeignExperiment(
                key=str(row["experiment_id"]),
                name=str(row["name"]),
                created=micros(row.get("creation_time")),
                updated=micros(row.get("last_update_time"), micros(row.get("creation_time"))),
                archived=row.get("lifecycle_stage") == "deleted",
                tags=tags_of(tags[row["experiment_id"]]),
            )
            for row in sorted(self._tables.rows("experiments"), key=_by_id)
        ]

    def runs(self, experiment: ForeignExperiment) -> Iterator[ForeignRun]:
        """Yield an experiment's runs, deleted ones too, the oldest first."""
        key = int(experiment.key)
        for page in self._tables.pages("runs", ["start_time", "run_uuid"], experiment_id=key):
            ids = [row["run_uuid"] for row in page]
            params = _by(self._tables.rows("params", run_uuid=ids), "run_uuid")
            tags = _by(self._tables.rows("tags", run_uuid=ids), "run_uuid")
            last = _by(self._tables.rows("latest_metrics", run_uuid=ids), "run_uuid")
            inputs, outputs = self._inputs(ids)
            for row in page:
                id = row["run_uuid"]
                yield ForeignRun(
                    id=id,
                    name=row.get("name") or "",
                    status=status_of(row["status"]),
                    started=micros(row["start_time"]),
                    ended=None if row["end_time"] is None else micros(row["end_time"]),
                    user=row.get("user_id") or "",
                    archived=row.get("lifecycle_stage") == "deleted",
                    place=row.get("artifact_uri") or "",
                    params=params_of(params[id]),
                    tags=tags_of(tags[id]),
                    inputs=tuple(inputs[id]),
                    outputs=tuple(outputs[id]),
                    last=tuple(_metric(one) for one in last[id]),
                )

    def points(self, run: ForeignRun) -> Iterator[Metric]:
        """Yield every value of a run's metrics, by name, time, step and value."""
        return (_metric(row) for row in self._tables.points(run.id))

    def logged(self, experiment: ForeignExperiment) -> Iterator[ForeignLogged]:
        """Yield an experiment's logged models, deleted ones too."""
        key = int(experiment.key)
        for page in self._tables.pages("logged_models", ["model_id"], experiment_id=key):
            ids = [row["model_id"] for row in page]
            params = _by(self._tables.rows("logged_model_params", model_id=ids), "model_id")
            tags = _by(self._tables.rows("logged_model_tags", model_id=ids), "model_id")
            metrics = _by(self._tables.rows("logged_model_metrics", model_id=ids), "model_id")
            for row in page:
                id = row["model_id"]
                yield ForeignLogged(
                    id=id,
                    name=row["name"],
                    run=row.get("source_run_id"),
                    status=logged_status(row["status"]),
                    created=micros(row["creation_timestamp_ms"]),
                    updated=micros(row["last_updated_timestamp_ms"]),
                    kind=row.get("model_type") or "",
                    message=row.get("status_message") or "",
                    archived=row.get("lifecycle_stage") == "deleted",
                    place=row["artifact_location"],
                    params=params_of(params[id], "param_key", "param_value"),
                    tags=tags_of(tags[id], "tag_key", "tag_value"),
                    metrics=tuple(_logged_metric(one) for one in metrics[id]),
                )

    def files(self, thing: ForeignRun | ForeignLogged) -> Iterator[ForeignFile]:
        """Yield the files of a run or a logged model."""
        return self._folder.files(thing.place) if thing.place else iter(())

    def fetch(self, thing: ForeignRun | ForeignLogged, file: ForeignFile, folder: Path) -> Path:
        """Return the file where it is."""
        return self._folder.file(thing.place, file.name)

    def models(self) -> Iterator[ForeignModel]:
        """Yield registered models by name."""
        for page in self._tables.pages("registered_models", ["name"]):
            names = [row["name"] for row in page]
            tags = _by(self._tables.rows("registered_model_tags", name=names), "name")
            aliases = _by(self._tables.rows("registered_model_aliases", name=names), "name")
            for row in page:
                name = row["name"]
                yield ForeignModel(
                    name=name,
                    created=micros(row["creation_time"]),
                    updated=micros(row["last_updated_time"], micros(row["creation_time"])),
                    description=row.get("description") or "",
                    tags=tags_of(tags[name]),
                    aliases=tuple(
                        Tag(name=one["alias"], value=str(one["version"])) for one in aliases[name]
                    ),
                )

    def versions(self, model: ForeignModel) -> Iterator[ForeignVersion]:
        """Yield a model's versions by number, deleted ones too."""
        for page in self._tables.pages("model_versions", ["version"], name=model.name):
            rows = self._tables.rows(
                "model_version_tags", name=model.name, version=[row["version"] for row in page]
            )
            tags = _by(rows, "version")
            for row in page:
                yield _version(row, tags_of(tags[row["version"]]))

    def close(self) -> None:
        """Close the database."""
        self._tables.close()

    def _inputs(
        self, runs: list[str]
    ) -> tuple[dict[str, list[RunInput]], dict[str, list[tuple[str, int]]]]:
        tables = self._tables
        read: dict[str, list[RunInput]] = defaultdict(list)
        given: dict[str, list[tuple[str, int]]] = defaultdict(list)
        rows = tables.rows(
            "inputs", destination_type="RUN", source_type="DATASET", destination_id=runs
        )
        tags = _by(
            tables.rows("input_tags", input_uuid=[r["input_uuid"] for r in rows]), "input_uuid"
        )
        wanted = sorted({row["source_id"] for row in rows})
        datasets = {
            row["dataset_uuid"]: row for row in tables.rows("datasets", dataset_uuid=wanted)
        }
        for row in sorted(rows, key=lambda one: str(one["input_uuid"])):
            dataset = datasets.get(row["source_id"])
            if dataset is not None:
                labels = tags_of(tags[row["input_uuid"]], "name")
                read[row["destination_id"]].append(_input(dataset, labels))
        for row in tables.rows("inputs", source_type="RUN_INPUT", source_id=runs):
            id = row["destination_id"]
            read[row["source_id"]].append(RunInput(name=id, digest=id, kind=LOGGED_MODEL))
        for row in tables.rows("inputs", source_type="RUN_OUTPUT", source_id=runs):
            given[row["source_id"]].append((row["destination_id"], int(row.get("step") or 0)))
        return read, given


def _by_id(row: dict[str, Any]) -> int:
    return int(row["experiment_id"])


def _by(rows: list[dict[str, Any]], name: str) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found


def _metric(row: dict[str, Any]) -> Metric:
    return Metric(
        name=row["key"],
        value=value_of(row["value"], nan=bool(row.get("is_nan"))),
        step=int(row.get("step") or 0),
        at=micros(row["timestamp"]),
    )


def _logged_metric(row: dict[str, Any]) -> LoggedMetric:
    return LoggedMetric(
        metric=Metric(
            name=row["metric_name"],
            value=value_of(row["metric_value"]),
            step=int(row["metric_step"]),
            at=micros(row["metric_timestamp_ms"]),
        ),
        run=row["run_id"],
        dataset=row.get("dataset_name") or "",
        digest=row.get("dataset_digest") or "",
    )


def _input(dataset: dict[str, Any], tags: tuple[Tag, ...]) -> RunInput:
    return RunInput(
        name=dataset["name"],
        digest=dataset["digest"],
        kind=dataset["dataset_source_type"],
        source=dataset["dataset_source"],
        schema=dataset.get("dataset_schema") or "",
        profile=dataset.get("dataset_profile") or "",
        tags=tags,
    )


def _version(row: dict[str, Any], tags: tuple[Tag, ...]) -> ForeignVersion:
    deleted = row["current_stage"] == DELETED_STAGE
    source = "" if deleted else row.get("source") or ""
    place = row.get("storage_location") or source
    named = _LOGGED.search(source) or _LOGGED.search(place)
    return ForeignVersion(
        model=row["name"],
        number=int(row["version"]),
        created=micros(row["creation_time"]),
        updated=micros(row["last_updated_time"], micros(row["creation_time"])),
        stage="archived" if deleted else stage_of(row["current_stage"]),
        source=source,
        place="" if deleted else place,
        run=None if deleted else row.get("run_id") or None,
        logged=named[0] if named and not deleted else None,
        user=row.get("user_id") or "",
        description=row.get("description") or "",
        link="" if deleted else row.get("run_link") or "",
        deleted=deleted,
        tags=tags,
    )
