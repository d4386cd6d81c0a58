"""The composition root: the one place where rooms are put together."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lapwise.core.clock import FixedWorldClock, MachineClock, SystemWorldClock, WorldClock
from lapwise.core.protocols import Progress, SilentProgress
from lapwise.loop.project import Project, find_project

if TYPE_CHECKING:
    from lapwise.pipeline.engine import Engine
    from lapwise.store.model import Store

__all__ = ["Workshop", "open_workshop"]


@dataclass(frozen=True, slots=True)
class Workshop:
    """A project with everything that works on it: store, engine, clocks, progress."""

    project: Project
    store: Store
    engine: Engine
    world: WorldClock
    machine: MachineClock
    progress: Progress
    actor: str


@contextmanager
def open_workshop(
    start: Path | None = None,
    *,
    as_of: int | None = None,
    progress: Progress | None = None,
    cache: bool = True,
    trusted: Sequence[str] = (),
) -> Iterator[Workshop]:
    """Open the project around ``start`` (default: the working directory).

    Args:
        start: a folder in the project.
        as_of: let the world stand at this instant instead of now.
        progress: where to show how far work has come.
        cache: whether steps may be reused; a reproduction has it off.
        trusted: exact types beyond the reviewed list that the page lets models hold.

    Raises:
        StoreError: the store cannot be opened; the message says what to do.
    """
    from lapwise.pipeline.engine import Engine
    from lapwise.registry.codec import EstimatorCodec
    from lapwise.store.open import open_store

    project = find_project(start or Path.cwd())
    shown = progress or SilentProgress()
    with open_store(project.store, project.blobs) as store:
        yield Workshop(
            project=project,
            store=store,
            engine=Engine(
                store,
                root=project.root,
                progress=shown,
                cache=cache,
                codecs=(EstimatorCodec(trusted),),
            ),
            world=SystemWorldClock() if as_of is None else FixedWorldClock(as_of),
            machine=MachineClock(),
            progress=shown,
            actor=who(),
        )


def who() -> str:
    """Return the name that records carry for whoever runs this process."""
    named = os.environ.get("LAPWISE_ACTOR")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return f"uid:{os.getuid()}"
