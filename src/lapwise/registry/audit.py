"""Check the audit log: that nobody changed it, and that it tells how every version got its stage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from lapwise.core.errors import ConflictError, CorruptError
from lapwise.core.model import AuditEntry, ModelVersion, Scalar
from lapwise.registry.model import AuditReport
from lapwise.registry.registration import REGISTER, seal

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["anchor", "details_of", "entries_of", "verify"]

_ANCHOR = "audit-"  # as lapwise.store.audit.anchor_head names them
_ANCHORED = re.compile(_ANCHOR + r"\d{1,18}")
_PAGE = 1000
_TRIES = 5
_ALL = 1_000_000


def anchor(store: Store) -> None:
    """Write the hash of the log's last entry to the blob store, once, beside its number.

    Done at each promotion. Who later rewrites the database must rewrite the blob store too.

    Raises:
        CorruptError: another entry was anchored under this number: the log was rewritten.
    """
    from lapwise.store.audit import anchor_head

    head = store.audit.head()
    if head is None:
        return
    try:
        anchor_head(store.blobs, head)
    except ConflictError as error:
        raise CorruptError(
            f"audit entry {head.sequence} is not the one that was anchored before",
            value=head.hash,
            expected="a log that nobody rewrote",
            fix="lapwise audit verify",
        ) from error


def verify(store: Store) -> AuditReport:
    """Recompute the chain, hold it against its anchors, and hold every version against it.

    Found out: an entry changed, removed, put in or moved; a tail cut off at or before an anchor;
    the whole chain rewritten after an anchor; a version's record, stage, marks or decisions changed past
    the log.
    Not found out: a tail cut off after the last anchor (``unanchored`` says how long it could be),
    or a chain and its anchors rewritten together.
    """
    before, report = store.audit.head(), _look(store)
    for _ in range(_TRIES):
        head = store.audit.head()
        if report.sound or head == before:
            break
        # Somebody worked meanwhile, so that versions and log were read at two times.
        before, report = head, _look(store)
    return report


def entries_of(store: Store) -> Iterator[AuditEntry]:
    """Yield the whole log in order.

    Raises:
        CorruptError: an entry does not decode.
    """
    after = 0
    while page := store.audit.entries(after=after, limit=_PAGE):
        yield from page
        after = page[-1].sequence


def details_of(entry: AuditEntry) -> dict[str, Scalar]:
    """Return the details of an entry by name."""
    return {one.name: one.value for one in entry.details}


def _look(store: Store) -> AuditReport:
    from lapwise.store.audit import verify_chain

    anchors = store.blobs.anchors()
    numbers = [int(name[len(_ANCHOR) :]) for name in anchors if _ANCHORED.fullmatch(name)]
    entries: list[AuditEntry] = []
    problems: list[str] = []
    try:
        entries.extend(entries_of(store))
        verify_chain(entries, anchors)
    except CorruptError as error:
        problems.append(str(error).splitlines()[0])
    versions = store.models.list(limit=_ALL)
    if not problems:  # a broken log can be held against nothing
        problems.extend(_undecided(store, versions, entries))
    problems.extend(_untold(versions, entries))
    last = max(numbers, default=0)
    return AuditReport(
        entries=len(entries),
        anchors=len(numbers),
        unanchored=sum(entry.sequence > last for entry in entries),
        versions=len(versions),
        problems=tuple(problems),
    )


def _untold(versions: Sequence[ModelVersion], entries: list[AuditEntry]) -> Iterator[str]:
    """Yield what the log does not tell of the versions that are there, and the other way round."""
    sealed: dict[Scalar, Scalar] = {}
    names: dict[Scalar, str] = {}
    renamed: dict[Scalar, set[Scalar]] = {}
    stages: dict[Scalar, Scalar] = {}
    marks: dict[Scalar, list[Scalar]] = {}
    for entry in entries:
        told = details_of(entry)
        if entry.action == REGISTER and "record" in told:
            sealed[told["version"]], stages[told["version"]] = told["record"], "none"
            names[told["version"]] = entry.subject
        for who, to, mark in _moved(told):
            stages[who] = to
            given = marks.setdefault(who, [])
            given += [mark] if mark and mark not in given else []
        if "to_name" in told:
            renamed.setdefault(told.get("from"), set()).add(told["to_name"])
    for version in versions:
        name = f"{version.model} v{version.number}"
        known = names.get(version.id, version.model)
        if version.id not in sealed:
            yield f"{name} was never registered, the log says"
        elif version.model not in _followed(known, renamed):
            yield f"{name} was registered under {known}, and the log tells of no new name"
        elif sealed[version.id] != seal(msgspec.structs.replace(version, model=known)):
            yield f"{name} is not as it was registered"
        elif stages[version.id] != version.stage:
            yield f"{name} stands in {version.stage}, the log says {stages[version.id]}"
        elif marks.get(version.id, []) != list(version.marks):
            yield f"{name} has other marks than the log tells of"
    present = {version.id for version in versions}
    for identity in sorted(set(map(str, sealed)) - present):
        yield f"version {identity} was registered and is gone"


def _moved(told: dict[str, Scalar]) -> Iterator[tuple[Scalar, Scalar, Scalar]]:
    """Yield (version, stage, mark) of all that an act moved.

    Besides a version it may move the former, which it replaces or brings back, or many that are
    archived or deleted at once.
    """
    for who, to, mark in (("version", "to", "mark"), ("former", "former_to", "former_mark")):
        if to in told:
            yield told.get(who), told[to], told.get(mark)
    for many, mark in (("archived", ""), ("deleted", "deleted")):
        for one in str(told.get(many, "")).split(",") if many in told else ():
            yield one, "archived", mark


def _followed(name: str, renamed: dict[Scalar, set[Scalar]]) -> set[Scalar]:
    """Return every name that a model had or has, by the log."""
    found: set[Scalar] = set()
    ahead: list[Scalar] = [name]
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead.extend(renamed.get(one, ()))
    return found


def _undecided(
    store: Store, versions: Sequence[ModelVersion], entries: list[AuditEntry]
) -> Iterator[str]:
    """Yield each version whose recorded decisions are not those that the log tells of."""
    told: dict[Scalar, list[tuple[Scalar, ...]]] = {}
    for entry in entries:
        details = details_of(entry)
        if "decision" in details:
            decision = (details["decision"], entry.actor, entry.at, details.get("note", ""))
            told.setdefault(details.get("version"), []).append(decision)
    for version in versions:
        kept = [
            (one.decision, one.by, one.at, one.note) for one in store.models.approvals(version.id)
        ]
        if sorted(kept) != sorted(told.get(version.id, [])):
            yield f"{version.model} v{version.number} has other decisions than the log tells of"
