"""Versions that an MLflow client registered: kept as they are, and never served.

Their files may be pickles, which run code when they are loaded, so nothing here loads one: they are
kept under the digests they were uploaded with, and given back to whoever asks for bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from lapwise.core.digest import Digest, digest_value
from lapwise.core.errors import ConflictError, ModelError
from lapwise.core.ids import new_id
from lapwise.core.model import Artifact, Capture, Lineage, ModelVersion, Param, Signature, Stage
from lapwise.registry.mlmodel import LARGEST, MLMODEL, read_signature
from lapwise.registry.registration import REGISTER, named, seal
from lapwise.store.model import AuditDraft

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["DELETED", "HIDDEN", "KEPT", "RUN_LINK", "check_served", "keep"]

KEPT = "mlflow"
"""The format of versions that are kept and never served."""

DELETED = "deleted"
"""The mark of a version that an MLflow client deleted: archived, and shown to no such client."""

HIDDEN = "lapwise."
"""What the names of labels begin with that are kept for Lapwise, and shown to no client."""

RUN_LINK = HIDDEN + "runLink"
"""The label of a version that holds the address of a run on another server."""

_PARITY = "kept as an MLflow client registered it; Lapwise never loads or serves it"
_COMMIT = "mlflow.source.git.commit"
_TRIES = 100


def keep(
    store: Store,
    *,
    model: str,
    artifacts: Sequence[Artifact],
    actor: str,
    at: int,
    source: str = "",
    logged: str | None = None,
    run: str | None = None,
    description: str = "",
    user: str = "",
    id: str = "",
    number: int = 0,
    stage: Stage = "none",
    deleted: bool = False,
) -> ModelVersion:
    """Register a version made of files that are in the store already; no byte is copied.

    Each call makes a version, as MLflow's own registry does, though its files be those of another;
    but one with the ``id`` of a version that is there is that version. Signature, commit, parameters
    and environment are taken from the file ``MLmodel`` and from the run.

    Args:
        store: where it is kept.
        model: the name it is registered under; a name that no loop governs, or one that a loop does.
        artifacts: its files, named relative to the model's folder.
        actor: who registers it.
        at: when, in microseconds.
        source: the address that the client named.
        logged: the id of its logged model.
        run: the id of the run that made it.
        description: what is said of it.
        user: whose it is.
        id: its identity; default: a new one.
        number: what it must be called; default: the next.
        stage: where it stands from the start: a version that another registry had.
        deleted: whether that registry had deleted it.

    Raises:
        ConflictError: another version has the number, or too many register at once.
        ModelError: its file ``MLmodel`` cannot be read.
        NotFoundError: there is no such run.
    """
    files = tuple(sorted(artifacts, key=lambda one: one.name))
    version = ModelVersion(
        id=id or new_id(),
        model=model,
        number=number,
        digest=_digest(files, source),
        format=KEPT,
        serving="none",
        parity=_PARITY,
        artifacts=files,
        signature=_signature(store, files),
        lineage=_lineage(store, run),
        task="",
        created=at,
        source=source,
        logged=logged,
        description=description,
        user=user,
        stage=stage,
        marks=(DELETED,) if deleted else (),
    )
    base, salt = version.digest, 0
    for _ in range(_TRIES):
        # Versions of a model and a run differ in their digests: the second of the same files has
        # one of its own.
        digest = base if salt == 0 else digest_value([base, salt])
        version = msgspec.structs.replace(version, digest=digest)
        found = store.models.add(version, _told(version, actor))
        if found.id == version.id:
            return found
        salt = max(salt, store.models.list(model, limit=1)[0].number) + 1
    raise ConflictError(
        f"too many register the same files under {model} at once",
        value=_TRIES,
        expected="a turn for each",
        fix="register it again",
    )


def check_served(version: ModelVersion) -> None:
    """Refuse to load, approve, score with or serve what is only kept.

    Raises:
        ModelError: an MLflow client registered it.
    """
    if version.format == KEPT:
        raise ModelError(
            f"{named(version)} was registered by an MLflow client: it is kept, and never loaded"
            " or served",
            expected="a version that Lapwise packaged itself",
            fix="train it by a page (lapwise lap), or load it with MLflow in a process of your own",
        )


def _told(version: ModelVersion, actor: str) -> AuditDraft:
    details = {
        "digest": version.digest,
        "record": seal(version),
        "run": version.lineage.run,
        "version": version.id,
        "format": version.format,
        "source": version.source,
    }
    if version.stage != "none":
        details["to"] = version.stage
    if version.marks:
        details["mark"] = version.marks[0]
    return AuditDraft(
        at=version.created,
        actor=actor,
        action=REGISTER,
        subject=version.model,
        details=tuple(Param(name=name, value=value) for name, value in details.items()),
    )


def _digest(files: tuple[Artifact, ...], source: str) -> Digest:
    named_files = [(one.name, one.digest) for one in files]
    # Without files there is nothing to tell two versions apart but where the client says they are.
    return digest_value(named_files or [source])


def _signature(store: Store, files: tuple[Artifact, ...]) -> Signature:
    for one in files:
        if one.name == MLMODEL and one.size <= LARGEST:
            return read_signature(store.blobs.get(one.digest))
    return Signature(inputs=(), outputs=())


def _lineage(store: Store, run: str | None) -> Lineage:
    if not run:
        return Lineage()
    found = store.runs.get(run)
    params = store.runs.params([found.id]).get(found.id, ())
    if found.capture is not None:
        return _captured(found.id, found.capture, params)
    tags = {one.name: one.value for one in store.runs.tags([found.id]).get(found.id, ())}
    return Lineage(run=found.id, commit=tags.get(_COMMIT), params=params)


def _captured(run: str, capture: Capture, params: tuple[Param, ...]) -> Lineage:
    return Lineage(
        run=run,
        datasets=capture.datasets,
        split=capture.split,
        frame=capture.frame,
        code=capture.code,
        commit=capture.commit,
        environment=capture.environment,
        seed=capture.seed,
        params=params,
    )
