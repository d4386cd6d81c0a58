"""The demonstration: a year of real flights, from the first lap to the last label."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lapwise.core.clock import parse_time
from lapwise.loop.bootstrap import open_workshop
from lapwise.loop.init import start_project
from lapwise.loop.page import load_page
from lapwise.loop.project import find_project
from lapwise.loop.replay import Replay
from lapwise.loop.year import Year, sum_up

if TYPE_CHECKING:
    from pathlib import Path

    from lapwise.core.protocols import Progress
    from lapwise.loop.happening import Happened
    from lapwise.loop.model import Loop
    from lapwise.loop.project import Project
    from lapwise.loop.replay import DayDone

__all__ = ["APPROVER", "END", "START", "flights", "replay_flights"]

APPROVER = "policy:replay"
START = parse_time("2013-04-01")
END = parse_time("2014-01-01")
_DAY = 86_400_000_000


def flights(folder: Path) -> tuple[Loop, Project]:
    """Return the demo's page and project; made from the example if they are not there."""
    if not (folder / "page.py").exists():
        start_project(folder, "flights")
    project = find_project(folder)
    return load_page(project.page or "page.py", project.root), project


def replay_flights(
    folder: Path,
    *,
    days: int | None,
    approve: bool,
    progress: Progress,
    hear: Callable[[Happened | DayDone], None],
) -> Year:
    """Go round on what was known by 1 April 2013, then live through the rest of the year.

    Args:
        folder: the project; made from the example if it is not there, gone on with if it is.
        days: so many days of replay; None for all.
        approve: whether a policy approves; else the replay ends when a person is asked.
        progress: where to show how far work has come.
        hear: called with each thing that happens, and with each day that is done.

    Raises:
        LapwiseError: a part failed for good; run again, it goes on where the log ends.
    """
    loop, _ = flights(folder)
    end = END if days is None else min(END, START + days * _DAY)
    with open_workshop(folder, progress=progress, trusted=loop.trusted) as workshop:
        replay = Replay(
            workshop,
            loop,
            start=START,
            end=end,
            approver=APPROVER if approve else "",
            hear=hear,
        )
        started = workshop.machine.monotonic()
        world = replay.run()
        return sum_up(replay, world, seconds=workshop.machine.monotonic() - started)
