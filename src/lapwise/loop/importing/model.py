"""What is brought over, in words of our own: whatever it comes from gives these records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from lapwise.core.model import Metric, Param, Record, RunStatus, Stage, Tag
from lapwise.core.tracked import LoggedMetric, LoggedStatus, RunInput

__all__ = [
    "Count",
    "ForeignExperiment",
    "ForeignFile",
    "ForeignLogged",
    "ForeignModel",
    "ForeignRun",
    "ForeignVersion",
    "Imported",
    "Source",
]


class ForeignExperiment(Record, frozen=True, kw_only=True):
    """An experiment of another server; ``key`` is its id there. Times are microseconds."""

    key: str
    name: str
    created: int
    updated: int
    archived: bool = False
    tags: tuple[Tag, ...] = ()


class ForeignRun(Record, frozen=True, kw_only=True):
    """A run of another server; its id stays. ``place`` is where its artifacts are said to be.

    ``metrics`` are the names of its metrics where they are known without asking for the points.
    """

    id: str
    name: str
    status: RunStatus
    started: int
    ended: int | None
    user: str
    archived: bool
    place: str
    params: tuple[Param, ...] = ()
    tags: tuple[Tag, ...] = ()
    inputs: tuple[RunInput, ...] = ()
    outputs: tuple[tuple[str, int], ...] = ()
    last: tuple[Metric, ...] = ()


class ForeignFile(Record, frozen=True, kw_only=True):
    """A file of a run or a logged model; ``name`` is relative, with ``/``."""

    name: str
    size: int


class ForeignLogged(Record, frozen=True, kw_only=True):
    """A logged model of another server; its id stays."""

    id: str
    name: str
    run: str | None
    status: LoggedStatus
    created: int
    updated: int
    kind: str
    message: str
    archived: bool
    place: str
    params: tuple[Param, ...] = ()
    tags: tuple[Tag, ...] = ()
    metrics: tuple[LoggedMetric, ...] = ()


class ForeignModel(Record, frozen=True, kw_only=True):
    """A registered model of another server; aliases are (name, number)."""

    name: str
    created: int
    updated: int
    description: str = ""
    tags: tuple[Tag, ...] = ()
    aliases: tuple[Tag, ...] = ()


class ForeignVersion(Record, frozen=True, kw_only=True):
    """A version of a registered model; ``place`` is where its files are said to be."""

    model: str
    number: int
    created: int
    updated: int
    stage: Stage
    source: str
    place: str
    run: str | None
    logged: str | None = None
    user: str = ""
    description: str = ""
    link: str = ""
    deleted: bool = False
    tags: tuple[Tag, ...] = ()


class Count(Record, frozen=True, kw_only=True):
    """How many of a kind there were, and how many are here now."""

    kind: str
    there: int
    here: int

    @property
    def matches(self) -> bool:
        """Whether all of them are here."""
        return self.there == self.here


class Imported(Record, frozen=True, kw_only=True):
    """What an import found: counts by kind, and a sentence for each thing that could not come."""

    counts: tuple[Count, ...]
    problems: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything is here."""
        return not self.problems and all(one.matches for one in self.counts)


class Source(Protocol):
    """Where it comes from."""

    def experiments(self) -> Sequence[ForeignExperiment]:
        """Return all experiments, deleted ones too where they can be seen."""
        ...

    def runs(self, experiment: ForeignExperiment) -> Iterator[ForeignRun]:
        """Yield an experiment's runs, deleted ones too."""
        ...

    def points(self, run: ForeignRun) -> Iterator[Metric]:
        """Yield every value of a run's metrics, by name, and for each in an order that never changes."""
        ...

    def logged(self, experiment: ForeignExperiment) -> Iterator[ForeignLogged]:
        """Yield an experiment's logged models."""
        ...

    def files(self, thing: ForeignRun | ForeignLogged) -> Iterator[ForeignFile]:
        """Yield the files of a run or a logged model.

        Raises:
            DataError: they cannot be seen; says why.
        """
        ...

    def fetch(self, thing: ForeignRun | ForeignLogged, file: ForeignFile, folder: Path) -> Path:
        """Return a local file with the content, in ``folder`` if it must be fetched.

        Raises:
            DataError: it cannot be read.
        """
        ...

    def models(self) -> Iterator[ForeignModel]:
        """Yield registered models."""
        ...

    def versions(self, model: ForeignModel) -> Iterator[ForeignVersion]:
        """Yield a registered model's versions by number, deleted ones too where they can be seen."""
        ...

    def close(self) -> None:
        """Release what is held."""
        ...
