"""Rules of single calls: what is said in the ledger, in the log, and under an anchor; and blobs."""

from __future__ import annotations

from typing import Any

import msgspec

from lapwise.core.errors import AccessError
from lapwise.server.access.asking import Asking, Called
from lapwise.server.access.places import Asked, Finder, both, kept_rollout, named, subject
from lapwise.server.access.ruling import Rule

__all__ = ["anchoring", "appending", "deciding", "outlined", "reading", "recorded", "rolling"]

_REQUEST = "request-approval"
_GATES = ("", "gates")
_LAPWISE = ("", "lapwise")
_ANCHOR = "audit-"  # as lapwise.store.audit.anchor_head names them


def deciding(find: Finder) -> Rule:
    """Let contributors write the ledger; who decided is whoever did so by the version's approvals."""

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        asking.require("contributor", find, asked)
        lap = asked.lap
        if lap.decided_by not in (*_GATES, asking.principal.name):
            decisions = asking.store.models.approvals(lap.version) if lap.version else ()
            if lap.decided_by not in {one.by for one in decisions}:
                raise AccessError(
                    "a lap names somebody who did not decide",
                    expected="gates, whoever decided about its version, or whoever asks",
                )
        found = call.apply(asking.store, asked)
        if found is not None and not asking.everywhere("contributor"):
            asking.require_all("contributor", [found.loop])
        return found

    return rule


def rolling(*, there: bool) -> Rule:
    """Let approvers move rollouts; what a person did there is done by whoever asks.

    Args:
        there: whether the rollout is kept already.
    """
    find = named("rollout.model")
    find = both(find, kept_rollout) if there else find

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        asking.require("approver", find, asked)
        rollout = asked.rollout
        kept = asking.store.rollouts.get(rollout.id).history if there else ()
        history = tuple(
            one
            if one in kept or one.by in _LAPWISE
            else msgspec.structs.replace(one, by=asking.principal.name)
            for one in rollout.history
        )
        signed = msgspec.structs.replace(rollout, history=history)
        found = call.apply(asking.store, msgspec.structs.replace(asked, rollout=signed))
        if not asking.everywhere("approver"):
            asking.require_all("approver", [found.model])
        return found

    return rule


def appending() -> Rule:
    """Let contributors ask for an approval in the log; all else there is written by acts alone."""
    find = subject("draft.subject")

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        if asked.draft.action == _REQUEST:
            asking.require("contributor", find, asked)
        else:
            asking.require_everywhere("admin")
        return call.apply(asking.store, asking.signed(asked, ("draft",)))

    return rule


def anchoring() -> Rule:
    """Let approvers anchor an entry of the log under its number, and nothing else."""

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        asking.require_somewhere("approver")
        number = asked.name.removeprefix(_ANCHOR)
        entries = (
            asking.store.audit.entries(after=int(number) - 1, limit=1)
            if asked.name.startswith(_ANCHOR) and number.isascii() and number.isdecimal()
            else ()
        )
        if not entries or (entries[0].sequence, entries[0].hash.encode()) != (
            int(number),
            asked.content,
        ):
            raise AccessError(
                "only an entry of the audit log is anchored, under its number and by its hash"
            )
        return call.apply(asking.store, asked)

    return rule


def reading(*, otherwise: Any = ...) -> Rule:
    """Let viewers read a blob that a run, a version or a logged model of theirs names.

    Args:
        otherwise: what is answered for others' blobs instead of a refusal.
    """

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        asking.require_somewhere("viewer")
        if not asking.everywhere("viewer") and not any(
            asking.has("viewer", one) for one in _holders(asking, asked.digest)
        ):
            if otherwise is ...:
                raise asking.refusal("viewer", "a product that names this blob")
            return otherwise
        return call.apply(asking.store, asked)

    return rule


def outlined() -> Rule:
    """Show versions of datasets to viewers of any product; who may read no row gets no part's digest.

    A contributor may name a digest in a run, and then read its blob: so to know a digest is to have the
    rows.
    """

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        asking.require_somewhere("viewer")
        found = call.apply(asking.store, asked)
        if asking.everywhere("viewer"):
            return found
        if hasattr(found, "parts"):
            return _outline(found)
        return [_outline(one) for one in found]

    return rule


def _outline(version: Any) -> Any:
    parts = tuple(msgspec.structs.replace(one, digest="") for one in version.parts)
    return msgspec.structs.replace(version, parts=parts)


def recorded() -> Rule:
    """Let viewers read a record that a run, a version or a logged model of theirs names, or is."""

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        asking.require_somewhere("viewer")
        if not asking.everywhere("viewer"):
            places = {*_holders(asking, asked.digest)}
            places.update(asking.places.tried(asking.places.version, asked.digest))
            if not any(asking.has("viewer", one) for one in places):
                raise asking.refusal("viewer", "a product that names this record")
        return call.apply(asking.store, asked)

    return rule


def _holders(asking: Asking, digest: str) -> set[str]:
    """Return the products of which something names a digest."""
    store = asking.store
    nouns = (store.runs, store.models, store.logged)
    return {one for noun in nouns for one in noun.holders(digest)}
