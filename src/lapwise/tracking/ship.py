"""Carries a run's log to the store, behind the training code's back."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from lapwise.core.clock import MachineClock
from lapwise.core.errors import AccessError, TrackingError
from lapwise.core.model import Capture, Run
from lapwise.store.blobs import Blobs
from lapwise.store.model import Runs
from lapwise.tracking.child_logs import ChildLogs
from lapwise.tracking.deliver import deliver, in_a_line, is_away
from lapwise.tracking.spool import Spool
from lapwise.tracking.upload import Uploader, bring_capture, upload, wait_for
from lapwise.tracking.wal import (
    BATCH_BYTES,
    ArtifactEntry,
    Batch,
    CaptureEntry,
    End,
    LogReader,
    LogWriter,
)

__all__ = ["PAUSE", "Chore", "Shipper", "Waiting"]

PAUSE = 0.2
"""Seconds between two shipments at most, while the store answers."""

LONGEST_PAUSE = 5.0
"""Seconds between two attempts at most, while it does not."""

REFUSED_PAUSE = 60.0
"""The same while it answers that we may not: a token that expired is not guessed at."""

AWAY = 2.0
"""Seconds that the end of a run waits for a store that never answered it."""

CARRY = 1.0
"""Seconds between two looks at the logs of forked children."""

TALK = 5.0
"""Seconds after which the end of a run says what it waits for."""

_LOG = logging.getLogger("lapwise.tracking")


@dataclass
class Chore:
    """Something small that the shipper's thread does now and then, such as the heartbeat.

    ``due`` is when it is next done, ``every`` how long after that again, in seconds of the
    monotonic clock. What it raises is nobody's affair.
    """

    act: Callable[[], object]
    every: float
    due: float = 0.0


@dataclass(frozen=True)
class Waiting:
    """How files reach a store that is far away: through the spool; ``opening`` makes the run."""

    blobs: Blobs
    spool: Spool
    opening: Callable[[], Run] | None = None


class _Bell:
    """Wakes the shipper. Who rings holds no lock: a signal handler waits for the shipper in its stead."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        with contextlib.suppress(RuntimeError):  # it rings already
            self._lock.release()

    def wait(self, seconds: float) -> None:
        self._lock.acquire(timeout=seconds)


class Shipper:
    """A background thread that reads a log and delivers it, until the log is sealed and empty.

    A store that is down costs delay and nothing else: the thread tries again, ever more slowly,
    and the log waits on the disk. (Not ``stamina``: the bare client does not have it, and its
    pauses cannot be cut short when the run ends.)

    Args:
        runs: where runs are kept.
        run: the run's id.
        writer: the log; closed by this thread.
        owns: whether this log's end is the run's end.
        waiting: how what is spooled travels; None where nothing is.
        chores: what else the thread does; begun once the run is in the store.
    """

    def __init__(
        self,
        runs: Runs,
        run: str,
        writer: LogWriter,
        *,
        owns: bool = True,
        waiting: Waiting | None = None,
        chores: Sequence[Chore] = (),
    ) -> None:
        self._runs = runs
        self._run = run
        self._writer = writer
        self._owns = owns
        self._waiting = waiting
        self._chores = chores
        self._reader = LogReader(writer.path)
        self._children = ChildLogs(writer.path.parent, run, self._deliver)
        self._carries = False
        self._carry_due = 0.0
        self._uploader = Uploader(self._complain)
        self._now = MachineClock().monotonic
        self._shipped = 0
        self._moved = self._now()
        self._answer: Run | Exception | None = None
        self._wake = _Bell()
        self._end: End | None = None
        self._abandoned = False
        self._silent = False
        self._reached = False
        self._thread = threading.Thread(target=self._work, name="lapwise-shipper", daemon=True)
        self._thread.start()

    @property
    def failing(self) -> bool:
        """Whether the store did not take what it was given last."""
        return self._silent or self._uploader.failing

    @property
    def record(self) -> Run | None:
        """The run as the store made it, once it did."""
        return self._answer if isinstance(self._answer, Run) else None

    def opened(self, timeout: float) -> Run | None:
        """Wait for the store's first answer to the run's opening; None when there is none in time.

        Raises:
            Exception: the store's refusal; a store that does not answer is none.
        """
        wait_for(lambda: self._answer is not None, timeout)
        answer = self._answer
        if isinstance(answer, Exception):
            if is_away(answer):
                return None
            raise answer
        return answer

    def carry_children(self) -> None:
        """From now on look for logs of forked children too."""
        self._carries = True

    def flush(self, timeout: float) -> bool:
        """Wait until all that is logged by now is in the store; False when time is up first."""
        target, until = self._writer.size, self._now() + timeout
        self._wake.ring()
        shipped = wait_for(lambda: self._shipped >= target, timeout)
        return shipped and self._uploader.wait(max(until - self._now(), 0.0))

    def finish(self, end: End, patience: float, limit: float | None = None) -> bool:
        """Seal the log, ship the rest, end the run, and remove the file.

        It waits for as long as something moves, files that are under way included.

        Args:
            end: how the run ended.
            patience: give up after so many seconds in which nothing moved.
            limit: give up after so many seconds in any case.

        Returns:
            False when it was given up: the file stays for ``recover``.
        """
        self._writer.seal(end)
        self._end = end
        self._wake.ring()
        begun, said = self._now(), False
        try:
            while self._thread.is_alive():
                self._thread.join(min(0.25, patience))
                now = self._now()
                if not (self._uploader.idle or self._uploader.failing):
                    self._moved = now
                still = now - max(self._moved, begun)
                allowed = patience if self._reached or not self.failing else min(patience, AWAY)
                if still > allowed or (limit is not None and now - begun > limit):
                    break
                if not said and now - begun > TALK and limit is None:
                    said = True
                    self._complain("still on its way; Ctrl-C leaves it to `lapwise sync`")
        finally:
            if self._thread.is_alive():
                self.abandon()
                self._thread.join(1.0)  # so that the next start finds the log free
        return not self._abandoned

    def abandon(self) -> None:
        """Stop after the attempt under way; what is not shipped stays on the disk."""
        self._abandoned = True
        self._uploader.abandon()
        self._wake.ring()

    def _work(self) -> None:
        """Ship what there is, pause, and again, until the end was shipped or given up."""
        try:
            where = self._waiting
            if where is not None and where.opening is not None:
                opening = partial(self._open, where.opening)
                if not self._insist(opening):
                    return
            while not self._abandoned:
                self._wake.wait(PAUSE)
                end = self._end  # read before draining: nothing is written after it was set
                self._do_chores()
                if not self._drain(last=end is not None):
                    continue
                self._carry(last=end is not None)
                if end is not None and self._conclude(end):
                    return
        finally:
            self._uploader.abandon()
            self._children.close()
            self._reader.close()
            self._writer.close()

    def _open(self, opening: Callable[[], Run]) -> None:
        try:
            record = opening()
        except Exception as error:
            if self._answer is None:
                self._answer = error
            raise
        self._answer = record
        self._bring(record.capture)

    def _bring(self, capture: Capture | None) -> None:
        where = self._waiting
        if where is None or capture is None:
            return
        digests = (capture.patch, capture.packages)
        if any(digest is not None and where.spool.has(digest) for digest in digests):
            self._uploader.put(partial(bring_capture, where.blobs, where.spool, capture))

    def _conclude(self, end: End) -> bool:
        """Say how the run ended, once its files are there; False when that is still to come."""
        if not self._uploader.wait(PAUSE):
            return False
        if self._owns and not self._insist(
            partial(self._runs.finish, self._run, end.status, end.at)
        ):
            return False
        self._writer.path.unlink(missing_ok=True)
        return True

    def _drain(self, *, last: bool) -> bool:
        """Deliver all there is; False when it was given up."""
        while True:
            waiting = self._writer.size - self._reader.offset
            if not last and waiting < BATCH_BYTES:
                if not waiting:
                    return True
                try:
                    self._writer.cut()
                except TrackingError:  # sealed meanwhile: the last round ships it
                    return True
                except OSError as error:  # no room for nine bytes: the disk keeps what it has
                    self._warn(error)
                    return True
            batch = self._reader.next(upto=self._writer.size, rest=last)
            if batch is not None and not self._deliver(self._writer.path.stem, batch):
                return False
            self._shipped = self._reader.offset
            if batch is None:
                return True
            self._do_chores()

    def _deliver(self, log: str, batch: Batch) -> bool:
        return self._insist(partial(self._try_to_deliver, f"{log}:{batch.number}", batch))

    def _try_to_deliver(self, key: str, batch: Batch) -> None:
        spooled = [e for e in batch.entries if isinstance(e, ArtifactEntry) and e.spooled]
        others = [e for e in batch.entries if not (isinstance(e, ArtifactEntry) and e.spooled)]
        for sentence in deliver(self._runs, self._run, key, others):
            self._complain(f"a parameter was not kept: {sentence}")
        for entry in others:
            if isinstance(entry, CaptureEntry):
                self._bring(entry.capture)
        if spooled and self._waiting is not None:
            where = self._waiting
            self._uploader.put(
                partial(
                    upload,
                    self._runs, where.blobs, where.spool, self._run, f"{key}:files", spooled,
                )
            )  # fmt: skip

    def _carry(self, *, last: bool) -> None:
        if self._carries and (last or self._now() >= self._carry_due):
            self._carry_due = self._now() + CARRY
            try:
                self._children.ship()
            except OSError as error:
                self._warn(error)

    def _do_chores(self) -> None:
        if self._end is not None:
            return
        for chore in self._chores:
            now = self._now()
            if now >= chore.due:
                chore.due = now + chore.every
                try:
                    chore.act()
                except Exception as error:  # noqa: BLE001 - never into training, never fatal
                    _LOG.debug("run %s: %s", self._run, error)

    def _insist(self, action: Callable[[], object]) -> bool:
        """Do it until it succeeds; False when the run was given up meanwhile."""
        pause = 0.05
        while True:
            try:
                action()
            except Exception as error:  # noqa: BLE001 - whatever ails the store, the log is safe
                self._warn(error)
                longest = REFUSED_PAUSE if isinstance(error, AccessError) else LONGEST_PAUSE
            else:
                self._silent, self._reached = False, True
                self._moved = self._now()
                return True
            if self._abandoned:
                return False
            self._wake.wait(pause)
            self._do_chores()
            pause = min(2 * pause, longest if self._end is None else 0.5)

    def _warn(self, error: Exception) -> None:
        """Say once for each outage that shipping waits."""
        if not self._silent:
            self._silent = True
            _LOG.warning(
                "run %s: the store did not take what was logged (%s); it waits in %s",
                self._run,
                in_a_line(error),
                self._writer.path,
            )

    def _complain(self, sentence: str) -> None:
        _LOG.warning("run %s: %s", self._run, sentence)
