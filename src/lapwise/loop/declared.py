"""What a page says, as one digest: when it changes, a lap may give another model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.core.digest import Digest
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop

__all__ = ["declaration_digest"]


def declaration_digest(workshop: Workshop, loop: Loop) -> Digest:
    """Return a digest of all of a page that a lap's result depends on, its functions' code included.

    What only watches and rolls out (``monitors``, ``triggers``, ``rollout``) is left out.
    """
    said = (
        list(loop.features),
        loop.examples,
        loop.split,
        loop.baseline,
        loop.decide,
        dict(loop.params),
        loop.seed,
        list(loop.metrics),
        list(loop.gates),
    )
    # The engine follows functions to all the code that they reach; so it does with what is bound.
    return workshop.engine.fingerprint(partial(loop.train, said))
