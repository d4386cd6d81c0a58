"""Wait for the shadow: a replay goes on only when it has answered all that production has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from lapwise.core.prediction import Answered

if TYPE_CHECKING:
    from lapwise.core.clock import MachineClock
    from lapwise.core.prediction import LogEntry
    from lapwise.serving import LogReader

__all__ = ["ShadowBarrier"]

_PATIENCE = 30.0
_PAUSE = 0.002


class ShadowBarrier:
    """Reads a log on until no answer of the shadow is missing.

    A shadow that does not answer within half a minute is not waited for any more: it is not part
    of what users see, and its silence is no evidence.
    """

    def __init__(self, log: LogReader, clock: MachineClock) -> None:
        self._log = log
        self._clock = clock
        self._missing: set[str] = set()
        self._given_up = False

    def wait(self, entries: Sequence[LogEntry], revisions: Collection[int]) -> list[LogEntry]:
        """Return what was logged while waiting.

        Args:
            entries: what was read last.
            revisions: the deployments that have a shadow.
        """
        self._look(entries, revisions)
        waited: list[LogEntry] = []
        until = self._clock.monotonic() + _PATIENCE
        while self._missing and not self._given_up:
            if self._clock.monotonic() > until:
                self._given_up = True
            self._clock.sleep(_PAUSE)
            fresh = self._log.read()
            self._look(fresh, revisions)
            waited += fresh
        if self._given_up:
            self._missing.clear()
        return waited

    def _look(self, entries: Iterable[LogEntry], revisions: Collection[int]) -> None:
        answered = set()
        for entry in entries:
            if not isinstance(entry, Answered):
                continue
            if entry.shadow:
                answered.add(entry.request)
            elif entry.revision in revisions:
                self._missing.add(entry.request)
        if answered:
            self._given_up = False
        self._missing -= answered
