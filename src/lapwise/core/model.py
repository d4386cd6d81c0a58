"""The frozen records that rooms exchange and the store keeps.

Times are microseconds since 1970, UTC. A later field has a default, so that old rows still decode.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from lapwise.core.digest import Digest

__all__ = [
    "Approval",
    "Artifact",
    "AuditEntry",
    "Capture",
    "Column",
    "ColumnStatistics",
    "DatasetVersion",
    "FeatureFrame",
    "FilePart",
    "KeyPart",
    "Lineage",
    "Metric",
    "ModelVersion",
    "Output",
    "Param",
    "Record",
    "Run",
    "RunStatus",
    "Scalar",
    "Signature",
    "Split",
    "SplitPart",
    "Stage",
    "StepResult",
    "Tag",
    "Verdict",
    "VerdictStatus",
]

Scalar: TypeAlias = str | int | float | bool | None
"""What a parameter, a bound or a measured value may be."""

RunStatus: TypeAlias = Literal["running", "finished", "failed", "killed", "crashed"]
Stage: TypeAlias = Literal["none", "staging", "canary", "production", "archived"]
VerdictStatus: TypeAlias = Literal["passed", "failed", "cannot_tell", "not_applicable"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The parent of all records: frozen, named fields, compared by value."""


class Column(Record, frozen=True, kw_only=True):
    """One column of a table or frame: its name and its Polars type as text (``Int64``)."""

    name: str
    dtype: str
    nullable: bool = True


class ColumnStatistics(Record, frozen=True, kw_only=True):
    """What a column held; ``mean`` and ``std`` (ddof 1) for numbers only, times as microseconds."""

    name: str
    nulls: int
    distinct: int
    minimum: Scalar = None
    maximum: Scalar = None
    mean: float | None = None
    std: float | None = None


class FilePart(Record, frozen=True, kw_only=True):
    """One file of a dataset version: ``name`` relative to the source, ``digest`` of its blob."""

    name: str
    digest: Digest
    size: int
    rows: int
    modified_ns: int = 0


class DatasetVersion(Record, frozen=True, kw_only=True):
    """A table as it was read: its files by digest, and the known time up to which rows count.

    Rows with ``known < watermark`` are of this version; ``complete`` says that those are all rows
    of the files. ``digest`` names the content, so equal content is one version.
    """

    id: str
    table: str
    number: int
    digest: Digest
    parts: tuple[FilePart, ...]
    columns: tuple[Column, ...]
    statistics: tuple[ColumnStatistics, ...]
    rows: int
    watermark: int
    key: tuple[str, ...]
    event: str
    known: str
    event_minimum: int | None
    event_maximum: int | None
    source: str
    created: int
    complete: bool = False


class SplitPart(Record, frozen=True, kw_only=True):
    """One part of a split: what it is called, its rows, and for time splits ``start <= t < end``."""

    name: str
    rows: int
    start: int | None = None
    end: int | None = None


class Split(Record, frozen=True, kw_only=True):
    """Which examples train, validate and test; frozen once made.

    ``kind`` is ``time``, ``group`` or ``key``. Time splits say instants in ``parts`` and
    ``embargo`` in microseconds; the others assign by hash of ``by`` with ``salt``, so that a row
    never moves. ``assignment`` is the digest of a Parquet blob (row, part); ``left_out`` counts the
    rows in no part, ``unlabelled`` those without a label yet.
    """

    digest: Digest
    kind: str
    parts: tuple[SplitPart, ...]
    by: tuple[str, ...] = ()
    salt: str = ""
    embargo: int = 0
    left_out: int = 0
    unlabelled: int = 0
    assignment: Digest


class FeatureFrame(Record, frozen=True, kw_only=True):
    """Features of examples as of each example's time, as a Parquet blob named by ``blob``.

    ``views`` are the digests of the feature views' definitions, ``datasets`` those of the dataset
    versions that were read. Columns come in the order of the declaration.
    """

    digest: Digest
    blob: Digest
    rows: int
    columns: tuple[Column, ...]
    features: tuple[str, ...]
    views: tuple[KeyPart, ...]
    datasets: tuple[KeyPart, ...]
    null_shares: tuple[Metric, ...]


class Param(Record, frozen=True, kw_only=True, gc=False):
    """A named input of a run."""

    name: str
    value: Scalar


class Metric(Record, frozen=True, kw_only=True, gc=False):
    """A named number of a run, at a step and a machine time."""

    name: str
    value: float
    step: int = 0
    at: int = 0


class Tag(Record, frozen=True, kw_only=True, gc=False):
    """A free label of a run."""

    name: str
    value: str


class Artifact(Record, frozen=True, kw_only=True):
    """A file that a run or a version keeps: its name with ``/``, and its blob."""

    name: str
    digest: Digest
    size: int


class Capture(Record, frozen=True, kw_only=True):
    """What it takes to repeat a run; ``flags`` name what was not pinned, seeded or committed.

    ``patch`` and ``packages`` are blobs (a Git patch; lines of ``name==version`` with hashes).
    ``environment`` is the digest of packages, Python and platform: equal digests mean equal
    environments. ``blas`` is which linear algebra computes, on how many threads; ``seeds`` are all
    that are known, ``PYTHONHASHSEED`` too; ``cwd`` is the working directory inside the project.
    """

    commit: str | None
    dirty: bool
    patch: Digest | None
    packages: Digest
    environment: Digest
    python: str
    platform: str
    cpu: str
    cores: int
    memory: int
    threads: tuple[Param, ...]
    seed: int | None
    command: tuple[str, ...]
    datasets: tuple[KeyPart, ...] = ()
    split: Digest | None = None
    frame: Digest | None = None
    code: Digest | None = None
    flags: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()
    blas: tuple[Param, ...] = ()
    seeds: tuple[Param, ...] = ()
    cwd: str = ""


class Run(Record, frozen=True, kw_only=True):
    """One execution of training code.

    ``beat`` is when its process last said that it lives; None where it never does (a client that
    speaks MLflow). A running run that has been silent for too long is ``crashed`` to whoever reads
    it, and running again when it beats again. ``archived`` hides it from lists.
    """

    id: str
    number: int
    experiment: str
    status: RunStatus
    started: int
    ended: int | None = None
    name: str = ""
    lap: str | None = None
    parent: str | None = None
    capture: Capture | None = None
    user: str = ""
    beat: int | None = None
    archived: bool = False


class KeyPart(Record, frozen=True, kw_only=True):
    """One named ingredient of a digest, so that ``why`` can say which one changed."""

    name: str
    digest: Digest


class Output(Record, frozen=True, kw_only=True):
    """One value a step returned: the codec that wrote it, and its blob."""

    name: str
    codec: str
    digest: Digest
    size: int


class StepResult(Record, frozen=True, kw_only=True):
    """What a step gave for a key; ``parts`` are the ingredients of ``key``."""

    key: Digest
    step: str
    parts: tuple[KeyPart, ...]
    outputs: tuple[Output, ...]
    seconds: float
    created: int


class Signature(Record, frozen=True, kw_only=True):
    """What a model takes and gives: input columns in order, output columns in order."""

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]


class Lineage(Record, frozen=True, kw_only=True):
    """All that a version was made from, by digest or id."""

    run: str | None = None
    lap: str | None = None
    datasets: tuple[KeyPart, ...] = ()
    split: Digest | None = None
    frame: Digest | None = None
    views: tuple[KeyPart, ...] = ()
    code: Digest | None = None
    commit: str | None = None
    environment: Digest | None = None
    seed: int | None = None
    params: tuple[Param, ...] = ()
    trained_until: int | None = None
    recipe: Digest | None = None


class ModelVersion(Record, frozen=True, kw_only=True):
    """A packaged model; all but ``stage`` and ``marks`` is fixed when it is registered.

    ``digest`` names the canonical form of the artifacts. ``serving`` is the format that answers
    requests (``onnx`` when parity was proven, else the native one) and ``parity`` says why.
    ``threshold`` turns a score into a decision: at or above is yes. ``trusted`` are the types that a
    person allowed the model to hold beyond those that Lapwise reviewed. A version that an MLflow
    client registered has the format ``mlflow``, which is kept and never served; ``source`` is the
    address it named and ``logged`` the id of its logged model. ``description`` and ``updated`` change.
    """

    id: str
    model: str
    number: int
    digest: Digest
    format: str
    serving: str
    parity: str
    artifacts: tuple[Artifact, ...]
    signature: Signature
    lineage: Lineage
    task: str
    classes: tuple[str, ...] = ()
    threshold: float | None = None
    verdicts: Digest | None = None
    created: int
    stage: Stage = "none"
    marks: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    source: str = ""
    logged: str | None = None
    description: str = ""
    user: str = ""
    updated: int | None = None


class Approval(Record, frozen=True, kw_only=True):
    """A person's (or a recorded policy's) decision about a version."""

    id: str
    version: str
    decision: Literal["approved", "refused"]
    by: str
    at: int
    note: str = ""
    verdicts: Digest | None = None


class AuditEntry(Record, frozen=True, kw_only=True):
    """One act, chained: ``hash`` covers every other field, ``previous`` is the hash before."""

    sequence: int
    previous: Digest
    hash: Digest
    at: int
    actor: str
    action: str
    subject: str
    details: tuple[Param, ...] = ()


class Verdict(Record, frozen=True, kw_only=True):
    """What a gate found: measured against limit, how sure, and a sentence for people.

    ``low`` and ``high`` bound the measured value (or difference) at ``confidence``. ``parts`` hold
    a verdict for each slice of a gate that has ``each=``.
    """

    gate: str
    name: str
    status: VerdictStatus
    sentence: str
    measured: float | None = None
    limit: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    rows: int | None = None
    parts: tuple[Verdict, ...] = ()
