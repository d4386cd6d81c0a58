"""Carries a run's log to the store, behind the training code's back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial

from lapwise.core.errors import ConflictError, TrackingError
from lapwise.core.model import Artifact, Metric, Param, Tag
from lapwise.store.model import Runs
from lapwise.tracking.wal import (
    BATCH_BYTES,
    ArtifactEntry,
    Batch,
    End,
    Entry,
    LogReader,
    LogWriter,
    MetricsEntry,
    ParamsEntry,
    TagsEntry,
)

__all__ = ["PAUSE", "Shipper", "deliver"]

PAUSE = 0.2
"""Seconds between two shipments at most, while the store answers."""

LONGEST_PAUSE = 5.0
"""Seconds between two attempts at most, while it does not."""

_LOG = logging.getLogger("lapwise.tracking")


def deliver(runs: Runs, run: str, key: str, entries: Iterable[Entry]) -> list[str]:
    """Put entries into the store under an idempotency key, in one transaction.

    A parameter to which another writer gave another value first stays as it is; all else of the
    batch is kept.

    Returns:
        One sentence for each parameter that was refused.

    Raises:
        Exception: whatever the store raises; delivering again later is safe.
    """
    params: list[Param] = []
    metrics: list[Metric] = []
    tags: list[Tag] = []
    artifacts: list[Artifact] = []
    for entry in entries:
        match entry:
            case MetricsEntry(at=at, step=step, values=values):
                for name, value in values.items():
                    metrics.append(Metric(name=name, value=value, step=step, at=at))
            case ParamsEntry(values=settings):
                params += [Param(name=name, value=value) for name, value in settings.items()]
            case TagsEntry(values=labels):
                tags += [Tag(name=name, value=text) for name, text in labels.items()]
            case ArtifactEntry(name=name, digest=digest, size=size):
                artifacts.append(Artifact(name=name, digest=digest, size=size))
            case _:
                pass
    if not (params or metrics or tags or artifacts):
        return []
    log = partial(runs.log, run, metrics=metrics, tags=tags, artifacts=artifacts, batch=key)
    try:
        log(params=params)
    except ConflictError:  # a parameter that is there already, or only a busy database
        kept = {param.name: param.value for param in runs.params((run,))[run]}
        refused = [one for one in params if repr(one.value) != repr(kept.get(one.name, one.value))]
        if not refused:
            raise
        log(params=[one for one in params if one not in refused])
        return [f"'{one.name}' is {kept[one.name]!r} and never changes" for one in refused]
    return []


class Shipper:
    """A background thread that reads a log and delivers it, until the log is sealed and empty.

    A store that is down costs delay and nothing else: the thread tries again, ever more slowly,
    and the log waits on the disk. (Not ``stamina``: the bare client does not have it, and its
    pauses cannot be cut short when the run ends.)
    """

    def __init__(self, runs: Runs, run: str, writer: LogWriter) -> None:
        self._runs = runs
        self._run = run
        self._writer = writer
        self._reader = LogReader(writer.path)
        self._shipped = 0
        self._progress = threading.Condition()
        self._wake = threading.Event()
        self._end: End | None = None
        self._abandoned = False
        self._silent = False
        self._thread = threading.Thread(target=self._work, name="lapwise-shipper", daemon=True)
        self._thread.start()

    def flush(self, timeout: float) -> bool:
        """Wait until all that is logged by now is in the store; False when time is up first."""
        target = self._writer.size
        self._wake.set()
        with self._progress:
            return self._progress.wait_for(lambda: self._shipped >= target, timeout)

    def finish(self, end: End, timeout: float) -> bool:
        """Seal the log, ship the rest, end the run, and remove the file.

        Returns:
            False when the store did not take it within ``timeout`` seconds: the file stays for
            ``recover``.
        """
        self._writer.seal(end)
        self._end = end
        self._wake.set()
        self._thread.join(timeout)
        if not self._thread.is_alive():
            return True
        self._abandoned = True
        self._wake.set()
        return False

    def _work(self) -> None:
        """Ship what there is, pause, and again, until the end was shipped or given up."""
        try:
            while not self._abandoned:
                self._wake.wait(PAUSE)
                self._wake.clear()
                end = self._end  # read before draining: nothing is written after it was set
                if not self._drain(last=end is not None):
                    continue
                if end is not None:
                    if self._insist(partial(self._runs.finish, self._run, end.status, end.at)):
                        self._writer.path.unlink(missing_ok=True)
                    return
        finally:
            self._reader.close()
            self._writer.close()

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
            if batch is not None and not self._insist(partial(self._deliver, batch)):
                return False
            with self._progress:
                self._shipped = self._reader.offset
                self._progress.notify_all()
            if batch is None:
                return True

    def _deliver(self, batch: Batch) -> None:
        key = f"{self._writer.path.stem}:{batch.number}"
        for sentence in deliver(self._runs, self._run, key, batch.entries):
            _LOG.warning("a parameter was not kept: %s", sentence)

    def _insist(self, action: Callable[[], object]) -> bool:
        """Do it until it succeeds; False when the run was given up meanwhile."""
        pause = 0.05
        while True:
            try:
                action()
            except Exception as error:  # noqa: BLE001 - whatever ails the store, the log is safe
                self._warn(error)
            else:
                self._silent = False
                return True
            if self._abandoned:
                return False
            self._wake.wait(pause)
            self._wake.clear()
            pause = min(2 * pause, LONGEST_PAUSE if self._end is None else 0.5)

    def _warn(self, error: Exception) -> None:
        """Say once for each outage that shipping waits."""
        if not self._silent:
            self._silent = True
            _LOG.warning(
                "run %s: the store did not take what was logged (%s); it waits in %s",
                self._run,
                error,
                self._writer.path,
            )
