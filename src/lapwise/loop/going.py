"""Go round in a process of its own, started when first needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lapwise.core.lap import Lap, Trigger
from lapwise.loop.child import Child
from lapwise.loop.runner import LapAsked

if TYPE_CHECKING:
    from lapwise.loop.model import Loop

__all__ = ["Going"]


class Going:
    """Goes round a page; the process that does it may die, and is asked again.

    Args:
        loop: a page that was read from a file.
        root: the project's folder.
    """

    def __init__(self, loop: Loop, root: Path) -> None:
        self._child = Child("lapwise.loop.runner", loop.origin, folder=root)

    def round(self, as_of: int, trigger: Trigger) -> Lap:
        """Go round as the world stood at ``as_of``, and return the ledger's line.

        Raises:
            LapwiseError: the lap failed; the ledger keeps it.
        """
        asked = msgspec.json.encode(LapAsked(as_of=as_of, trigger=trigger))
        return msgspec.json.decode(self._child.ask(asked), type=Lap)

    def close(self) -> None:
        """End the process."""
        self._child.close()
