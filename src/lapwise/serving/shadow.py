"""The shadow: a version that answers every request once more, in a process of its own.

It follows the prediction log, so production neither waits for it nor knows of it. What it answers
goes to a segment of its own in the same log. If it falls behind, the oldest requests are dropped and
counted.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from lapwise.core.clock import MachineClock
from lapwise.core.errors import NotMaterialisedError, ServingError, StoreError
from lapwise.core.prediction import Answered, Failure, FailureKind, LogEntry
from lapwise.serving.answering import Part, finite_rows
from lapwise.serving.arm import Arm
from lapwise.serving.counters import Counters
from lapwise.serving.log_reader import LogReader
from lapwise.serving.memory import keep_memory
from lapwise.serving.orphan import die_with_supervisor
from lapwise.serving.prediction_log import PredictionLog, log_folder
from lapwise.serving.served import OpenVersion
from lapwise.serving.snapshot import Published, read_published

__all__ = ["Shadow", "run_shadow"]

_BACKLOG = 10_000
_BACKLOG_BYTES = 64 * 1024 * 1024
_BATCH = 1_000
_BUSY, _IDLE = 0.002, 0.05
_BUSY_FOR = 1.0
_NICE = 10
_DEATHS = 2
_LOG = logging.getLogger(__name__)


class Shadow:
    """Answers what production answered, later and for nobody.

    Args:
        folder: the snapshot folder.
        published: its deployment, which names a shadow.
        arm: the shadow's version.
        backlog: at most so many requests wait; older ones are dropped.
        backlog_bytes: at most so many bytes of the log wait.
    """

    def __init__(
        self,
        folder: Path,
        published: Published,
        arm: Arm,
        *,
        backlog: int = _BACKLOG,
        backlog_bytes: int = _BACKLOG_BYTES,
    ) -> None:
        self._since = published.shadow_since
        self._arm = arm
        self._backlog = backlog
        self._backlog_bytes = backlog_bytes
        self._reader = LogReader(log_folder(folder), shadows=False)
        self._log = PredictionLog(log_folder(folder), shadow=True)
        self._counters = Counters(folder / "metrics")
        self._waiting: deque[Answered] = deque()
        self._done = self._answered_before(folder)
        self._at = _Bookmark(folder / "shadow.at")
        self._clock = MachineClock()

    def step(self) -> bool:
        """Answer one waiting request, reading on if none waits; return whether there was one."""
        if not self._waiting:
            self._read()
        if not self._waiting:
            return False
        entry = self._waiting[0]
        if self._at.died_at(entry.request):
            self._log.append(self._crashed(entry))
        else:
            self._at.set(entry.request)
            try:
                self._log.append(self.answer(entry))
            except (NotMaterialisedError, StoreError):  # away or emptied: no evidence, later again
                return False
        self._waiting.popleft()
        self._counters.add(1, "shadow_requests")
        return True

    def answer(self, entry: Answered) -> Answered:
        """Return the shadow's answer to a logged request, rows it fails among the failures.

        Raises:
            NotMaterialisedError: likewise.
            StoreError: its features cannot be looked up now.
        """
        started = self._clock.monotonic()
        part = Part(self._arm)
        failures: list[Failure] = []
        groups = deque([_places(entry)])
        while groups:
            group = groups.popleft()
            try:
                failures += self._score(entry, part, group)
            except (NotMaterialisedError, StoreError):
                raise
            except Exception:  # noqa: BLE001 - what a shadow raises is evidence
                if len(group) > 1:
                    # One row may spoil the others' answer: each is asked alone.
                    groups.extendleft([place] for place in reversed(group))
                else:
                    failures += self._failures(group, "exception")
        microseconds = int((self._clock.monotonic() - started) * 1e6)
        self._counters.add(len(part.places), "rows", self._arm.id, "shadow")
        for failure in failures:
            self._counters.add(1, "failures", self._arm.id, "shadow", failure.kind)
        failures.sort(key=lambda one: one.place)
        return self._entry(entry, part if part.places else None, failures, microseconds)

    def _entry(
        self, entry: Answered, part: Part | None, failures: list[Failure], microseconds: int
    ) -> Answered:
        return Answered(
            request=entry.request,
            at=entry.at,
            revision=entry.revision,
            rows=entry.rows,
            units=entry.units,
            inputs={},
            answers=(part.record(),) if part else (),
            failures=tuple(failures),
            looked_up=entry.looked_up,
            unseen=self._arm.unseen(part.features) if part else {},
            microseconds=microseconds,
            shadow=True,
        )

    def _crashed(self, entry: Answered) -> Answered:
        places = _places(entry)
        self._counters.add(len(places), "failures", self._arm.id, "shadow", "crash")
        return self._entry(entry, None, self._failures(places, "crash"), 0)

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def _score(self, entry: Answered, part: Part, places: list[int]) -> list[Failure]:
        import numpy as np

        features = self._features(entry, places)
        scores = self._arm.score(features, len(places))
        finite = finite_rows(scores)
        good = np.flatnonzero(finite).tolist()
        if good:
            kept = {name: [values[at] for at in good] for name, values in features.items()}
            part.add([places[at] for at in good], kept, scores[finite])
        return self._failures([places[at] for at in np.flatnonzero(~finite)], "not_finite")

    def _features(self, entry: Answered, places: list[int]) -> dict[str, list[Any]]:
        if entry.looked_up:
            inputs = {
                name: [values[place] for place in places] for name, values in entry.inputs.items()
            }
            return self._arm.look_up(inputs, entry.at)
        if not entry.answers:  # production failed it, so nobody kept the features but the request
            return {
                name: [entry.inputs[name][place] for place in places] for name in self._arm.features
            }
        given = _given(entry)
        return {name: [given[place][name] for place in places] for name in self._arm.features}

    def _failures(self, places: list[int], kind: FailureKind) -> list[Failure]:
        return [Failure(place=place, version=self._arm.id, kind=kind) for place in places]

    def _read(self) -> None:
        """Take up what production answered since; drop what is beyond the backlog."""
        for passed in self._reader.skip(self._backlog_bytes):
            self._drop(int(self._is_ours(passed)))
        while found := self._reader.read(_BATCH):
            self._waiting.extend(
                one for one in found if isinstance(one, Answered) and self._is_ours(one)
            )
            excess = len(self._waiting) - self._backlog
            for _ in range(excess):
                self._waiting.popleft()
            self._drop(max(excess, 0))

    def _drop(self, requests: int) -> None:
        if requests:
            self._counters.add(requests, "shadow_dropped")
            _LOG.warning("the shadow is behind: %d requests were dropped", requests)

    def _is_ours(self, entry: LogEntry) -> bool:
        if not isinstance(entry, Answered) or entry.shadow or entry.revision < self._since:
            return False
        if entry.request in self._done:
            self._done.discard(entry.request)
            return False
        return True

    def _answered_before(self, folder: Path) -> set[str]:
        """Return the requests that a shadow before this one answered for this deployment."""
        return {
            entry.request
            for entry in LogReader(log_folder(folder)).read()
            if isinstance(entry, Answered) and entry.shadow and entry.revision >= self._since
        }


class _Bookmark:
    """The request that is being answered, in a file: a shadow that died can be told where.

    One death may be chance, or somebody's kill; a request at which two shadows died is not asked a
    third time.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        length, _, rest = os.pread(self._fd, 4096, 0).partition(b" ")
        deaths, _, request = rest.partition(b" ")
        self._request, self._deaths = "", 0
        if length.isdigit() and deaths.isdigit() and int(length) <= len(request):
            self._request = request[: int(length)].decode(errors="replace")
            self._deaths = int(deaths) + 1

    def died_at(self, request: str) -> bool:
        """Say whether two shadows died at this request."""
        return request == self._request and self._deaths >= _DEATHS

    def set(self, request: str) -> None:
        """Note the request; its length says where an older, longer one goes on behind it."""
        deaths = self._deaths if request == self._request else 0
        name = request.encode()
        os.pwrite(self._fd, b"%d %d %s" % (len(name), deaths, name), 0)


def run_shadow(folder: Path, open_version: OpenVersion) -> None:
    """Answer as the shadow that a snapshot folder names, until SIGTERM or until it names another.

    The process makes itself the last in line for the processor and the first for the kernel to kill
    when memory runs out. Under a supervisor it dies with it.

    Args:
        folder: the snapshot folder.
        open_version: loads a version by its id.

    Raises:
        ServingError: the folder names no shadow.
        LapwiseError: the version cannot be loaded.
    """
    die_with_supervisor()
    keep_memory()
    os.nice(_NICE)
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:  # another kernel, or a container that forbids it
        _LOG.info("this process is killed no earlier than others when memory runs out")
    published = read_published(folder)
    if published is None or published.shadow is None:
        raise ServingError("no version is in shadow", value=str(folder))
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    shadow = Shadow(folder, published, Arm(open_version(published.shadow), "shadow"))
    clock = MachineClock()
    worked = clock.monotonic()
    while not stopped.is_set():
        if shadow.step():
            worked = clock.monotonic()
        else:
            # A replay waits for the shadow every hour of the world: it looks often for a second.
            stopped.wait(_BUSY if clock.monotonic() - worked < _BUSY_FOR else _IDLE)
    shadow.close()


def _places(entry: Answered) -> list[int]:
    """Return the rows that production or the canary answered, else those that production failed."""
    answered = {place for answer in entry.answers for place in answer.places}
    return sorted(answered or {failure.place for failure in entry.failures})


def _given(entry: Answered) -> dict[int, Mapping[str, Any]]:
    """Return the features that the caller gave, by row: every arm kept those that it takes."""
    return {
        place: {name: values[at] for name, values in answer.features.items()}
        for answer in entry.answers
        for at, place in enumerate(answer.places)
    }
