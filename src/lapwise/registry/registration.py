"""Give a packaged model its place in the registry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from lapwise.core.digest import Digest, digest_value, encode_canonical
from lapwise.core.errors import ModelError
from lapwise.core.ids import new_id
from lapwise.core.model import Lineage, ModelVersion, Param, Verdict
from lapwise.store.model import AuditDraft

if TYPE_CHECKING:
    from lapwise.registry.model import Packaged
    from lapwise.store.model import Store

__all__ = ["REGISTER", "keep_verdicts", "named", "read_verdicts", "register", "seal"]

REGISTER = "register"
_NAME = re.compile(r"[^\W_][\w./-]{0,199}")


def register(
    store: Store,
    *,
    model: str,
    packaged: Packaged,
    lineage: Lineage,
    actor: str,
    at: int,
    threshold: float | None = None,
    verdicts: Sequence[Verdict] = (),
) -> ModelVersion:
    """Register a packaged model under stage ``none`` and return its version.

    The same model and digest from the same run is the version that is there, whoever asks; of many
    processes that ask at once each gets that one, or a number of its own.

    Args:
        store: where it is kept; the packaged files must be in its blobs.
        model: the product's name: letters, digits, ``_``, ``-``, ``.`` and ``/``.
        packaged: what :func:`lapwise.registry.package` gave.
        lineage: what it was made from.
        actor: who registers it.
        at: the world's time in microseconds.
        threshold: the score from which a binary decision is yes.
        verdicts: what the gates found; kept as a blob that the version names.

    Raises:
        ModelError: the name cannot be used, or a packaged file is not in the blob store.
    """
    _check(store, model, packaged)
    version = ModelVersion(
        id=new_id(),
        model=model,
        number=0,
        digest=packaged.digest,
        format=packaged.format,
        serving=packaged.serving,
        parity=packaged.parity,
        artifacts=packaged.artifacts,
        signature=packaged.signature,
        lineage=lineage,
        task=packaged.task,
        classes=packaged.classes,
        threshold=threshold,
        verdicts=keep_verdicts(store, verdicts) if verdicts else None,
        created=at,
        trusted=packaged.trusted,
    )
    details = [
        Param(name="digest", value=version.digest),
        Param(name="record", value=seal(version)),
        Param(name="run", value=lineage.run),
        Param(name="version", value=version.id),
    ]
    if version.trusted:
        details.append(Param(name="trusted", value=", ".join(version.trusted)))
    return store.models.add(
        version,
        AuditDraft(at=at, actor=actor, action=REGISTER, subject=model, details=tuple(details)),
    )


def _check(store: Store, model: str, packaged: Packaged) -> None:
    if not _NAME.fullmatch(model):
        raise ModelError(
            "a model's name must be usable in a reference such as name@v3",
            value=model,
            expected="letters, digits, _ - . and /, beginning with a letter or digit",
        )
    for part in packaged.artifacts:
        if not store.blobs.has(part.digest):
            raise ModelError(
                f"the file '{part.name}' of the packaged model is not in this store",
                value=part.digest,
                fix="package the model with the store that it is registered in",
            )


def seal(version: ModelVersion) -> Digest:
    """Return the digest of all that registration fixes.

    That is every field but the number, and what may change: stage, marks, description.
    """
    fixed = msgspec.structs.asdict(
        msgspec.structs.replace(version, number=0, stage="none", marks=())
    )
    base = digest_value(_SEALED(**{name: fixed[name] for name in _SEALED.__struct_fields__}))
    later = [fixed[name] for name in _LATER]
    return base if later == _NOTHING else digest_value([base, *later])


# What versions of the first stores were sealed by, in that order: a seal must stay what it was.
_LATER = ("source", "logged", "user")
_NOTHING = ["", None, ""]
_OPEN = {*_LATER, "description", "updated"}
_SEALED: type[msgspec.Struct] = msgspec.defstruct(
    "_Sealed",
    [(name, Any) for name in ModelVersion.__struct_fields__ if name not in _OPEN],
    kw_only=True,
)


def keep_verdicts(store: Store, verdicts: Sequence[Verdict]) -> Digest:
    """Keep verdicts as a blob and return its digest."""
    return store.blobs.put(encode_canonical(tuple(verdicts)))


def read_verdicts(store: Store, digest: Digest) -> tuple[Verdict, ...]:
    """Return what :func:`keep_verdicts` kept."""
    return msgspec.json.decode(store.blobs.get(digest), type=tuple[Verdict, ...])


def named(version: ModelVersion) -> str:
    """Return how people name a version in a command: ``flight-delay@v3``."""
    return f"{version.model}@v{version.number}"
