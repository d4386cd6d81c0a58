"""What keeps a run alive: its log, its shipper, its heartbeat; and how it ends, or lives on in a fork."""

from __future__ import annotations

import atexit
import logging
import math
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import msgspec

from lapwise.core.clock import MachineClock
from lapwise.core.errors import TrackingError
from lapwise.core.model import Capture, Param, Run, RunStatus
from lapwise.store.address import is_remote
from lapwise.store.model import Store
from lapwise.tracking.attachments import Attachments
from lapwise.tracking.capturing import completed
from lapwise.tracking.deliver import SIGNALLED
from lapwise.tracking.process import unwatch, watch
from lapwise.tracking.ship import AWAY, Chore, Shipper, Waiting
from lapwise.tracking.spool import Spool, spool_folder
from lapwise.tracking.usage import EVERY, FIRST, Usage
from lapwise.tracking.wal import (
    Begin,
    CaptureEntry,
    End,
    LogWriter,
    MetricsEntry,
    Role,
    TagsEntry,
    encode,
    log_folder,
    store_mark,
)

__all__ = ["Living"]

PATIENCE = 10.0
"""Seconds that the end of a run waits while nothing moves."""

BEAT = 10.0
"""Seconds between two beats of a run's heart."""

_LOG = logging.getLogger("lapwise.tracking")


class Living(Attachments):
    """A run with a log and a shipper: an :class:`ActiveRun` without its ``with`` block.

    Args:
        record: the run as it was started.
        store: where it is kept.
        root: the project's folder.
        writer: its log.
        role: whether this process ends it.
        opening: makes the run in a store that is far away; None when it is there.
        known: parameters that the run has already.
        system_metrics: whether to sample how busy the machine is.
    """

    def __init__(
        self,
        record: Run,
        *,
        store: Store,
        root: Path,
        writer: LogWriter,
        role: Role = "owner",
        opening: Callable[[], Run] | None = None,
        known: tuple[Param, ...] = (),
        system_metrics: bool = False,
    ) -> None:
        spool = Spool(spool_folder(root))
        super().__init__(
            record,
            writer.append,
            blobs=store.blobs,
            spool=spool,
            spools=is_remote(store.url),
            known=known,
        )
        self._store = store
        self._root = root
        self._writer = writer
        self._role = role
        self._process = os.getpid()
        self._signalled = False
        self._complete = False
        self._end = End("finished", 0)
        self._usage: Usage | None = None
        self._afterwards: list[Callable[[], object]] = []
        self._shipper: Shipper | None = Shipper(
            store.runs,
            record.id,
            writer,
            owns=role != "joined",
            waiting=Waiting(store.blobs, spool, opening),
            chores=() if role == "joined" else self._chores(samples=system_metrics),
        )
        watch(self)
        atexit.register(self._exit)

    @property
    def record(self) -> Run:
        """The run as it was started, with its capture."""
        if not self._record.number and self._shipper is not None:
            made = self._shipper.record
            if made is not None:
                capture = self._record.capture or made.capture
                self._record = msgspec.structs.replace(made, capture=capture)
        return self._record

    @property
    def is_ours(self) -> bool:
        """Whether this process started the run, or opened it again, and so ends it."""
        return self._role in {"owner", "resumed"} and self._process == os.getpid()

    def flush(self, timeout: float = PATIENCE) -> bool:
        """Wait until all that is logged is in the store; False when it is not within ``timeout`` s.

        In a forked child it returns False at once: the parent ships.
        """
        if self._ended:
            return self._complete
        return self._shipper is not None and self._shipper.flush(timeout)

    def end(self, status: RunStatus = "finished") -> None:
        """End the run and wait, while something moves, until the store has all; never raises.

        Ending again does nothing. When the store does not answer for ten seconds, what is logged
        stays on the disk, and the next start, or ``lapwise sync``, ships it. Who joined the run, or
        was forked, only lets go of it.
        """
        if not self._ended:
            self._finish(status)
        while self._afterwards:
            self._afterwards.pop()()

    def after_end(self, call: Callable[[], object]) -> None:
        """Have something called when the run has ended and is shipped: the last given first."""
        self._afterwards.append(call)

    def _finish(self, status: RunStatus) -> None:
        if self.is_ours:
            self._complete_capture()
        self._close(status)
        shipper = self._shipper
        if shipper is None:
            return
        self._complete = shipper.finish(self._end, AWAY if shipper.failing else PATIENCE)
        if not self._complete:
            _LOG.warning(
                "%s: not all is in the store yet; the rest waits on this disk for the "
                "next start, or `lapwise sync`",
                self.label,
            )

    def opened(self, timeout: float) -> bool:
        """Wait until the store has the run; False when it does not answer within ``timeout`` s.

        Raises:
            Exception: the store's refusal.
        """
        return self._shipper is not None and self._shipper.opened(timeout) is not None

    def give_up(self) -> None:
        """Let go of a run that the store refuses; its log is the caller's."""
        self._ended = True
        atexit.unregister(self._exit)
        unwatch(self)
        if self._shipper is not None:
            self._shipper.abandon()

    # What `process` asks of a run that it watches.

    def note_signal(self, name: str) -> None:
        """Write down that the process is asked to end; from now on the run ends as killed."""
        self._signalled = True
        if not self._ended:
            self._try_to_write(TagsEntry({SIGNALLED: name}))

    def seal(self) -> None:
        """Take no more; called in the interrupted thread, and never waits for another."""
        if not self._ended:
            self._close("killed")

    def ship(self, limit: float) -> None:
        """Ship the rest and end the run, in so many seconds or not at all."""
        if self._shipper is not None:
            self._complete = self._shipper.finish(self._end, limit, limit)

    def carry_children(self) -> None:
        """Look for what forked children log."""
        if self._shipper is not None:
            self._shipper.carry_children()

    def become_child(self) -> None:
        """Go on as a guest, in a process that was just forked; nothing of the parent's is touched."""
        self._writer.forget()
        self._shipper = None
        self._role = "forked"
        self._spools = True
        self._signalled = False
        self._afterwards.clear()
        first = threading.Lock()

        def append(payload: bytes) -> None:
            with first:
                if self._append is append:
                    begin = Begin(self.id, store_mark(self._store.url), self._now(), "forked")
                    self._writer = LogWriter(log_folder(self._root), begin)
                    self._append = self._writer.append
            self._append(payload)

        self._append = append

    def _close(self, status: RunStatus) -> None:
        """Take no more, and write down how it ended."""
        self._ended = True
        atexit.unregister(self._exit)
        unwatch(self)
        if self._dropped:
            self._try_to_write(TagsEntry({"lapwise.dropped": str(self._dropped)}))
        self._end = End(status, self._now())
        if self._role != "forked":
            self._writer.seal(self._end)
        elif self._append == self._writer.append:
            self._writer.seal(self._end)
            self._writer.close()
        else:
            self._append = _refuse

    def _exit(self) -> None:
        """The process ends and nobody said how the run did (a forked child's end is not ours)."""
        if os.getpid() == self._process:
            if self.is_ours and not self._signalled:
                _LOG.warning(
                    "%s: nobody ended it: write run.end(), or use it by `with`", self.label
                )
            self.end("killed" if self._signalled else "crashed")

    def _chores(self, *, samples: bool) -> list[Chore]:
        chores = [Chore(partial(self._store.runs.beat, self.id), BEAT)]
        if samples:
            begun = MachineClock().monotonic()
            chores.append(Chore(self._look, math.inf))
            chores.append(Chore(self._sample, EVERY, begun + FIRST))
        return chores

    def _look(self) -> None:
        self._usage = Usage(self._root)

    def _sample(self) -> None:
        if self._usage is not None:
            step = max(0, self._now() - self._record.started) // 1_000_000
            self._append(encode(MetricsEntry(self._now(), step, self._usage.sample())))

    def keep_capture(self, capture: Capture) -> None:
        """Record better knowledge of what it takes to repeat the run.

        Raises:
            TrackingError: the run has ended, or the disk is full.
        """
        self._persist(CaptureEntry(capture))
        self._record = msgspec.structs.replace(self.record, capture=capture)

    def _complete_capture(self) -> None:
        """Record the linear algebra that was loaded after the run had started."""
        capture = self.record.capture
        better = None if capture is None else completed(capture)
        if better is not None:
            self._try_to_write(CaptureEntry(better))


def _refuse(_payload: bytes) -> NoReturn:
    raise TrackingError("the run has ended", expected="logging before end()")
