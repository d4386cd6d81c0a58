"""What tracking keeps around runs: experiments, inputs, logged models, pages of a search."""

from __future__ import annotations

from typing import Generic, Literal, TypeAlias, TypeVar

import msgspec

from lapwise.core.model import Metric, Param, Record, Run, Tag

__all__ = [
    "LOGGED_MODEL",
    "Experiment",
    "LoggedMetric",
    "LoggedModel",
    "LoggedStatus",
    "Page",
    "RegisteredModel",
    "RunInput",
    "RunSummary",
]

T = TypeVar("T")

LOGGED_MODEL = "mlflow.logged-model"
"""The ``kind`` of a run's input that is a logged model; its name is the model's id."""

LoggedStatus: TypeAlias = Literal["pending", "ready", "failed"]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some of what was asked for; ``next`` asks for what comes after, and is empty at the end."""

    items: tuple[T, ...]
    next: str = ""


class Experiment(Record, frozen=True, kw_only=True):
    """What runs belong to; a loop's runs have its name. ``number`` is the id that MLflow shows."""

    number: int
    name: str
    created: int
    updated: int
    archived: bool = False


class RunInput(Record, frozen=True, kw_only=True):
    """A dataset that a run read, as MLflow's clients describe it; ``tags`` say how it was used.

    Dataset versions of a run's capture are inputs too, with ``kind`` ``lapwise``.
    """

    name: str
    digest: str
    kind: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""
    tags: tuple[Tag, ...] = ()


class RunSummary(Record, frozen=True, kw_only=True):
    """A run with the columns that were asked for: the last value of each metric, and so on."""

    run: Run
    params: tuple[Param, ...] = ()
    metrics: tuple[Metric, ...] = ()
    tags: tuple[Tag, ...] = ()
    inputs: tuple[RunInput, ...] = ()


class LoggedModel(Record, frozen=True, kw_only=True):
    """A model that a run saved before anybody registered it, as MLflow 3 knows them.

    ``id`` is ``m-`` and 32 hexadecimal digits. Tags are labels of the kind ``logged``; artifacts and
    metrics are kept beside it.
    """

    id: str
    experiment: str
    name: str
    run: str | None
    status: LoggedStatus
    created: int
    updated: int
    kind: str = ""
    message: str = ""
    params: tuple[Param, ...] = ()
    archived: bool = False


class LoggedMetric(Record, frozen=True, kw_only=True):
    """A number of a logged model: which run measured it, on which dataset."""

    metric: Metric
    run: str
    dataset: str = ""
    digest: str = ""


class RegisteredModel(Record, frozen=True, kw_only=True):
    """A name under which versions are registered.

    ``governed`` says that a loop made a version of it: then only gates and approval lead to
    production. Aliases are labels of the kind ``alias``, a version's number by name; they deploy
    nothing.
    """

    name: str
    created: int
    updated: int
    description: str = ""
    governed: bool = False
    archived: bool = False
