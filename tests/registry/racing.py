"""What a process of its own does in the races of the tests; it imports no scikit-learn."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from lapwise.core.errors import StageError
from lapwise.core.model import Lineage
from lapwise.registry import Packaged, approve, load, promote, refuse, register, roll_back
from lapwise.store.open import open_store

_WAIT = 120.0
_DEEDS: dict[str, Callable[..., Any]] = {
    "approve": approve,
    "promote": promote,
    "refuse": refuse,
    "roll_back": roll_back,
}
_start: Any = None


def race(deed: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Do a deed with each arguments in a process of its own, all let go at one moment."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(arguments))
    with ProcessPoolExecutor(
        len(arguments), mp_context=context, initializer=_meet, initargs=(barrier,)
    ) as pool:
        waiting = [pool.submit(deed, *given) for given in arguments]
        return [one.result() for one in waiting]


def register_alone(url: str, blobs: str, packaged: Packaged, run: str) -> tuple[str, int]:
    """Register; return the version's id and number."""
    with open_store(url, blobs) as store:
        _start.wait(_WAIT)
        version = register(
            store,
            model="demo",
            packaged=packaged,
            lineage=Lineage(run=run),
            actor="lap 1",
            at=1,
        )
        return version.id, version.number


def decide_alone(url: str, blobs: str, reference: str, verb: str) -> str:
    """Do one deed to a version; return the stage reached, or the error's class."""
    with open_store(url, blobs) as store:
        version = store.models.get(reference)
        load(version, store.blobs)
        _start.wait(_WAIT)
        try:
            stage: str = _DEEDS[verb](store, version, by=f"{verb}r", at=9).stage
        except StageError:
            return "StageError"
        return stage


def _meet(barrier: Any) -> None:
    global _start  # noqa: PLW0603  (a barrier reaches a process only when it starts)
    _start = barrier
