"""Reproduce: train the candidate once more in a fresh process, and compare to the bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lapwise.core.evidence import Reproduction

if TYPE_CHECKING:
    from lapwise.core.model import KeyPart
    from lapwise.loop.steps.rehearsal import Rehearsal

__all__ = ["reproduce"]


def reproduce(
    made: Sequence[KeyPart],
    versions: Sequence[str],  # noqa: ARG001 - part of the key: ids of what both trainings read
    *,
    rehearsal: Callable[[], Rehearsal | None],
) -> Reproduction:
    """Hear what a second training gave; name the first step that gave something else.

    Args:
        made: digest of the result of each step, in order, as the lap made them.
        versions: ids of the dataset versions that it read.
        rehearsal: gives the process, which may have started long ago; None if there can be none.
    """
    last = made[-1].digest
    process = rehearsal()
    if process is None:
        missing = "the loop was not read from a file, so no fresh process can read it"
        return Reproduction(equal=False, first=last, second="", seconds=0.0, error=missing)
    again = process.result()
    if again.error:
        return Reproduction(
            equal=False, first=last, second="", seconds=again.seconds, error=again.error
        )
    differing = [
        one.name for one, other in zip(made, again.made, strict=True) if one.digest != other.digest
    ]
    return Reproduction(
        equal=not differing,
        first=last,
        second=again.made[-1].digest,
        seconds=again.seconds,
        divergence=differing[0] if differing else "",
    )
