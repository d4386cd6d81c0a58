"""Watch in the product's own time, under a lease: ``python -m lapwise.loop.watching FILE:NAME``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
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
from lapwise.serving.orphan import die_with_supervisor

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
    process starts anew, so that what it watches by is what the page says; while the page cannot be
    read, it goes on by what it said before.

    Raises:
        LapwiseError: the store fails for good.
    """
    clock = workshop.machine
    begun = _newest_source(loop)  # before the wait for the lease, which may take days
    going = Going(loop, workshop.project.root)
    try:
        with workshop.store.leases.hold(f"watch:{loop.name}", wait=_FOREVER):
            watcher = Watcher(workshop, loop, going.round, say=say)
            ticks = 0
            while True:
                if ticks % _BETWEEN == 0 and loop.views:
                    _materialize(workshop, loop, say)
                watcher.tick(workshop.world.now())
                changed = _newest_source(loop)
                if changed != begun:
                    problem = _problem(loop)
                    if not problem:
                        break
                    say(Happened(at=workshop.world.now(), kind="trouble", sentence=problem))
                    begun = changed
                ticks += 1
                clock.sleep(_TICK)
    finally:
        going.close()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very command


def main() -> None:
    """Watch the page that is named, and say what happens on standard output.

    With ``--check`` only read it. What fails is one line on standard error.
    """
    die_with_supervisor()
    try:
        loop = load_page(sys.argv[-1], Path.cwd())
        if "--check" not in sys.argv:
            _watch(loop)
    except LapwiseError as error:
        sys.exit(str(error).splitlines()[0])
    except KeyboardInterrupt:
        sys.exit(130)


def _watch(loop: Loop) -> None:
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


def _problem(loop: Loop) -> str:
    """Return why the page cannot be read as it is now; empty if it can."""
    command = [sys.executable, "-m", "lapwise.loop.watching", "--check", loop.origin]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


def _newest_source(loop: Loop) -> float:
    """Return when a file beside the page was last changed."""
    folder = Path(loop.origin.rpartition(":")[0]).parent
    newest = 0.0
    for path in folder.glob("*.py"):
        with suppress(OSError):  # an editor's link to nowhere, or a file that is gone again
            newest = max(newest, path.stat().st_mtime)
    return newest


if __name__ == "__main__":
    main()
