"""Says why a step would run again."""

from __future__ import annotations

from collections.abc import Sequence

from lapwise.core.model import KeyPart
from lapwise.pipeline.model import Change
from lapwise.store.model import Store

__all__ = ["why"]


def why(store: Store, step: str, parts: Sequence[KeyPart]) -> tuple[Change, ...]:
    """Return what changed since the newest kept result of a step, by name; nothing: a hit.

    Args:
        store: where results are kept.
        step: the step's name.
        parts: the ingredients of its key now, from :class:`StepRun` or :func:`explain`.
    """
    last = store.steps.last(step)
    before = {part.name: part.digest for part in last.parts} if last is not None else {}
    now = {part.name: part.digest for part in parts}
    found = [Change(name, "added") for name in now.keys() - before.keys()]
    found += [Change(name, "removed") for name in before.keys() - now.keys()]
    found += [
        Change(name, "changed") for name in now.keys() & before.keys() if now[name] != before[name]
    ]
    return tuple(sorted(found, key=lambda change: change.name))
