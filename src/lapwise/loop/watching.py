"""Watch in the product's own time, under a lease: ``python -m lapwise.loop.watching FILE:NAME``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lapwise.core.clock import format_time
from lapwise.core.errors import LapwiseError
from lapwise.loop.bootstrap import open_workshop
from lapwise.loop.going import Going
from lapwise.loop.happening import Happened
from lapwise.loop.online import materialize_online
from lapwise.loop.page import load_page
from lapwise.loop.watch import Watcher

if TYPE_CHECKING:
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop

__all__ = ["keep_watching", "main"]

_TICK = 5.0
_BETWEEN = 12
"""Ticks between two looks at the tables for new rows."""
_FOREVER = 10 * 365 * 86_400.0


def keep_watching(workshop: Workshop, loop: Loop, *, say: Callable[[Happened], None]) -> None:
    """Tick every few seconds until interrupted.

    Of several watchers one holds the lease and works; the others wait to take over. Each minute the
    online features are brought up to what the tables hold. When a file beside the page changes, the
    process starts anew, so that what it watches by is what the page says.

    Raises:
        LapwiseError: the store fails for good.
    """
    clock = workshop.machine
    going = Going(loop, workshop.project.root)
    try:
        with workshop.store.leases.hold(f"watch:{loop.name}", wait=_FOREVER):
            watcher = Watcher(workshop, loop, going.round, say=say)
            begun = _newest_source(loop)
            ticks = 0
            while True:
                if ticks % _BETWEEN == 0 and loop.views:
                    _materialize(workshop, loop, say)
                watcher.tick(workshop.world.now())
                if _newest_source(loop) != begun:
                    break
                ticks += 1
                clock.sleep(_TICK)
    finally:
        going.close()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very command


def main() -> None:
    """Watch the page that is named, and say what happens on standard output."""
    loop = load_page(sys.argv[1], Path.cwd())

    def say(one: Happened) -> None:
        print(f"{format_time(one.at)}  {one.kind}  {one.sentence}", flush=True)

    folder = Path(loop.origin.rpartition(":")[0]).parent
    with open_workshop(folder, trusted=loop.trusted) as workshop:
        keep_watching(workshop, loop, say=say)


def _materialize(workshop: Workshop, loop: Loop, say: Callable[[Happened], None]) -> None:
    """Bring online features up to now; a table that cannot be read is told, and stops nothing."""
    try:
        materialize_online(workshop, loop)
    except LapwiseError as error:
        now = workshop.world.now()
        say(Happened(at=now, kind="trouble", sentence=str(error).splitlines()[0]))


def _newest_source(loop: Loop) -> float:
    """Return when a file beside the page was last changed."""
    folder = Path(loop.origin.rpartition(":")[0]).parent
    return max((path.stat().st_mtime for path in folder.glob("*.py")), default=0.0)


if __name__ == "__main__":
    main()
