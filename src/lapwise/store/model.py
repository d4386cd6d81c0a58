"""What the store offers, noun by noun.

SQL implements these (``local.py``), and so does HTTP (``remote/``); rooms hold a :class:`Store` and know
neither. Every write is one transaction and is durable when the call returns. Every call may be asked
again, as who lost the answer must: with the same identity (an id, a digest, a name and its time, a
batch) it is done once, and returns what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, Self

import msgspec

from lapwise.core.digest import Digest
from lapwise.core.ids import new_id
from lapwise.core.lap import Lap
from lapwise.core.model import (
    Approval,
    AuditEntry,
    DatasetVersion,
    ModelVersion,
    Param,
    Stage,
    StepResult,
)
from lapwise.core.tracked import Page, RegisteredModel
from lapwise.store.access import Events, Tokens, Webhooks
from lapwise.store.blobs import Blobs
from lapwise.store.claims import Claims
from lapwise.store.feature_noun import Features
from lapwise.store.live import Alarms, Deployments, Observations, Rollouts
from lapwise.store.record_texts import RecordTexts
from lapwise.store.tracked import Experiments, Labels, LoggedModels, Runs

__all__ = [
    "Audit",
    "AuditDraft",
    "Blobs",
    "Datasets",
    "Experiments",
    "Features",
    "FileStamp",
    "Labels",
    "Laps",
    "Lease",
    "Leases",
    "LoggedModels",
    "Models",
    "RecordSource",
    "Records",
    "Runs",
    "StageMove",
    "Steps",
    "Store",
]


class FileStamp(msgspec.Struct, frozen=True):
    """What identifies an unchanged file without reading it, and the digest it had then."""

    path: str
    size: int
    modified_ns: int
    inode: int
    digest: Digest


class Datasets(Protocol):
    """Versions of tables."""

    def add(self, version: DatasetVersion) -> DatasetVersion:
        """Keep a version and give it its ``number``; same table and digest returns the old one."""
        ...

    def get(self, reference: str) -> DatasetVersion:
        """Return a version by id, digest, ``table@vN`` or ``table`` (the latest).

        Raises:
            NotFoundError: there is none; the error lists the near ones.
        """
        ...

    def list(
        self, table: str | None = None, *, limit: int = 100, after: str = ""
    ) -> Sequence[DatasetVersion]:
        """Return versions, newest first, those that come after the one with the id ``after``."""
        ...

    def stamps(self, paths: Iterable[str]) -> dict[str, FileStamp]:
        """Return what is remembered of files, by path."""
        ...

    def remember(self, stamps: Iterable[FileStamp]) -> None:
        """Remember files, so that unchanged ones cost a stat the next time."""
        ...


class Steps(Protocol):
    """The cache of step results."""

    def get(self, key: Digest) -> StepResult | None:
        """Return the result for a key, or None."""
        ...

    def add(self, result: StepResult) -> StepResult:
        """Keep a result; of two racing for one key the first is kept and returned to both."""
        ...

    def last(self, step: str) -> StepResult | None:
        """Return the newest result of a step by name, to say what changed since."""
        ...


class RecordSource(Protocol):
    """Where records are read from: the store, or a snapshot of some of them."""

    def get(self, kind: str, digest: Digest, type: type[msgspec.Struct]) -> msgspec.Struct:
        """Return a record decoded as ``type``; raises NotFoundError."""
        ...


class Records(RecordSource, RecordTexts, Protocol):
    """Other immutable records by (kind, digest): splits, feature frames, view definitions."""

    def add(self, kind: str, digest: Digest, record: msgspec.Struct) -> None:
        """Keep a record; kept already, it stays as it is."""
        ...


class AuditDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An audit entry before the store gives it its place in the chain.

    ``id`` tells one act from another that says the same: asked again with it, an act is done once.
    """

    at: int
    actor: str
    action: str
    subject: str
    details: tuple[Param, ...] = ()
    id: str = msgspec.field(default_factory=new_id)


class StageMove(msgspec.Struct, frozen=True):
    """One version's change of stage; refused unless it stands at ``source`` now."""

    version: str
    source: Stage
    target: Stage
    mark: str = ""


class Models(Protocol):
    """Model versions, their stages and approvals."""

    def add(self, version: ModelVersion, audit: AuditDraft) -> ModelVersion:
        """Register a version, give it its ``number`` in its model, and audit it; one transaction.

        The same model and digest *and lineage run*, or the same id, returns the version that is
        there, unaudited. A number that is given (a version that another registry had) stays.

        A name that a lap registers under is governed by its loop from then on, with all versions.

        Raises:
            ConflictError: another version has the number; or a lap made this one, and its name has
                versions in production that no loop can replace.
        """
        ...

    def get(self, reference: str) -> ModelVersion:
        """Return a version by id, ``model@vN``, ``model@stage`` or ``model`` (the newest).

        One that is marked ``deleted`` is found by id and number only.

        Raises:
            NotFoundError: there is none; the error lists the near ones.
        """
        ...

    def list(
        self, model: str | None = None, *, limit: int = 100, after: str = ""
    ) -> Sequence[ModelVersion]:
        """Return versions, newest first, those that come after the one with the id ``after``."""
        ...

    def search(
        self, where: str = "", *, order: Sequence[str] = (), limit: int = 100, after: str = ""
    ) -> Page[ModelVersion]:
        """Return versions for which ``where`` is true; as :meth:`Runs.search` reads it.

        Attributes: ``name``, ``version_number``, ``run_id``, ``source_path``, ``stage``, and times
        ``creation_timestamp`` and ``last_updated_timestamp``; ``tags.NAME``. Not those marked
        ``deleted``.
        """
        ...

    def describe(self, version: str, description: str, at: int) -> ModelVersion:
        """Change what is said of a version; raises NotFoundError."""
        ...

    def create_name(self, name: str, *, at: int, description: str = "") -> RegisteredModel:
        """Keep a name without a version yet; registering a version does this by itself.

        The same name of the same ``at`` returns what is there.

        Raises:
            ConflictError: there is such a name (an archived one too).
            DeclarationError: it is no name.
        """
        ...

    def get_name(self, name: str) -> RegisteredModel:
        """Return a name under which versions are registered; raises NotFoundError."""
        ...

    def update_name(
        self,
        name: str,
        *,
        at: int,
        new: str | None = None,
        description: str | None = None,
        archived: bool | None = None,
    ) -> RegisteredModel:
        """Change what is given; ``new`` renames all its versions.

        Raises:
            NotFoundError: there is no such name.
            ConflictError: the new name is taken, or the model is governed by a loop.
        """
        ...

    def search_names(
        self, where: str = "", *, order: Sequence[str] = (), limit: int = 100, after: str = ""
    ) -> Page[RegisteredModel]:
        """Return names for which ``where`` is true: ``name``, times, ``tags.NAME``; not archived."""
        ...

    def production(self, model: str) -> ModelVersion | None:
        """Return the version in production (the newest, where several may be), or None."""
        ...

    def holders(self, digest: Digest) -> tuple[str, ...]:
        """Return the models of which a version names a blob."""
        ...

    def move(
        self, moves: Sequence[StageMove], audit: AuditDraft, approval: Approval | None = None
    ) -> AuditEntry:
        """Change stages, keep the approval and append the audit entry, all or nothing.

        Asked again with the same ``audit``, it returns the entry that is there.

        Raises:
            ConflictError: a version does not stand at the move's ``source``, or a model that a loop
                governs would have two versions in production.
        """
        ...

    def decide(self, approval: Approval, audit: AuditDraft) -> AuditEntry:
        """Keep a decision that moves nothing (a refusal), with its audit entry."""
        ...

    def approvals(self, version: str) -> Sequence[Approval]:
        """Return the decisions about a version, oldest first."""
        ...


class Audit(Protocol):
    """The chained log of acts."""

    def append(self, draft: AuditDraft) -> AuditEntry:
        """Append an act that changes nothing else in the store; same id, the entry that is there."""
        ...

    def entries(self, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        """Return entries in order, those with ``sequence > after``."""
        ...

    def head(self) -> AuditEntry | None:
        """Return the last entry, or None."""
        ...


class Laps(Protocol):
    """The ledger."""

    def create(self, lap: Lap) -> Lap:
        """Keep a new lap and give it its ``number`` in its loop."""
        ...

    def update(self, lap: Lap) -> None:
        """Replace the state of a lap that is there; raises NotFoundError."""
        ...

    def get(self, reference: str, loop: str | None = None) -> Lap:
        """Return a lap by id, or by number in a loop; raises NotFoundError."""
        ...

    def list(self, loop: str | None = None, *, limit: int = 100, after: str = "") -> Sequence[Lap]:
        """Return laps, newest first, those that come after the one with the id ``after``."""
        ...


class Lease(Protocol):
    """A held lease."""

    token: int

    def renew(self) -> None:
        """Extend the lease; raises ConflictError when another holder has it."""
        ...


class Leases(Claims, Protocol):
    """Exclusive, expiring claims on names; the holder's death frees them."""

    def hold(
        self, name: str, *, seconds: float = 30.0, wait: float = 0.0
    ) -> AbstractContextManager[Lease]:
        """Hold ``name``, renewed in the background while the context is open.

        Raises:
            ConflictError: another live holder has it (after ``wait`` seconds); says who and since
                when.
        """
        ...


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Store:
    """All nouns of one store; close it when done (``with open_store(...) as store``)."""

    url: str
    blobs: Blobs
    datasets: Datasets
    experiments: Experiments
    runs: Runs
    logged: LoggedModels
    labels: Labels
    steps: Steps
    records: Records
    models: Models
    audit: Audit
    laps: Laps
    leases: Leases
    deployments: Deployments
    rollouts: Rollouts
    alarms: Alarms
    observations: Observations
    features: Features
    tokens: Tokens
    events: Events
    webhooks: Webhooks
    close: Callable[[], None] = _nothing

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release connections."""
        self.close()
