"""Read a prediction log as it grows: over all segments, in one order, nothing twice."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lapwise.core.prediction import Answered, Feedback, Fused, LogEntry
from lapwise.serving.prediction_log import SHADOW, SUFFIX
from lapwise.store.frames import frame_start, is_torn, read_sound_frames

__all__ = ["LogReader", "RequestKey", "request_key"]

_DECODER: msgspec.msgpack.Decoder[LogEntry] = msgspec.msgpack.Decoder(LogEntry)
_REMEMBERED = 1_000_000
_RESCANNED = 8

RequestKey = tuple[str, str]
"""What kind of entry, and of which request."""


@dataclass(slots=True)
class _Segment:
    """How far a segment was read, and how large it was when it was last read to its end.

    ``spoilt`` bytes at the end are damaged, and nothing sound has come after them yet.
    """

    offset: int = 0
    size: int = -1
    spoilt: int = 0


class LogReader:
    """Reads what came since the last time.

    An entry that is not whole yet is left until it is; one that a killed writer left half written
    never becomes whole, and since that writer has no successor in its file, nothing is lost after
    it. Damaged bytes are passed over and counted (``damaged``), and what is sound after them is read.
    Of entries with one request id the first that is read counts, so a request that was sent
    twice and answered by two workers is there once. The ids of the last million requests are
    remembered.

    Args:
        folder: the log's folder; it may not exist yet.
        position: what :attr:`position` was, to go on from there.
        shadows: False leaves out what shadows answered.
    """

    def __init__(
        self, folder: Path, position: Mapping[str, int] | None = None, *, shadows: bool = True
    ) -> None:
        self._folder = folder
        self._shadows = shadows
        self._segments = {name: _Segment(offset) for name, offset in (position or {}).items()}
        self._seen: set[RequestKey] = set()
        self._order: deque[RequestKey] = deque()
        self._over = 0
        self._dealt = 0
        if position:
            self._remember_before()

    @property
    def position(self) -> dict[str, int]:
        """How far each segment was read; what :meth:`read` returned is before it."""
        return {name: one.offset for name, one in self._segments.items() if one.offset}

    @property
    def damaged(self) -> int:
        """How many bytes this reader found damaged; a frame that is not whole yet is none of them."""
        return self._over + sum(one.spoilt for one in self._segments.values())

    def read(self, most: int | None = None) -> list[LogEntry]:
        """Return what came since the last call, by (instant, kind, request).

        Args:
            most: read no further segment once so many entries were found, and stop within one;
                the order then holds within what is returned.
        """
        found = sorted(map(_DECODER.decode, self._fresh(most)), key=_order)
        return [entry for entry in found if self._is_new(request_key(entry))]

    def behind(self) -> int:
        """Return how many bytes are there that were not read, without what cannot be read."""
        known = ((size, self._segments.get(name, _Segment())) for name, size in self._sizes())
        return sum(max(size - max(one.offset, one.size), 0) for size, one in known)

    def skip(self, keep: int) -> Iterator[LogEntry]:
        """Move on until at most ``keep`` bytes are unread, yielding what is passed over."""
        target = self._dealt + self.behind() - keep
        for payload in self._fresh(None, target):
            entry = _DECODER.decode(payload)
            if self._is_new(request_key(entry)):
                yield entry

    def _fresh(self, most: int | None, target: int | None = None) -> Iterator[bytes]:
        """Yield new payloads, the oldest segment first, moving past each as it is yielded.

        With a ``target`` it ends once so many bytes, readable or not, were dealt with in all.
        """
        left = -1 if most is None else most
        for name, size in self._sizes():
            segment = self._segments.setdefault(name, _Segment())
            if size == segment.size:
                continue
            if target is not None and self._dealt >= target:
                return
            fd = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                for payload, end in read_sound_frames(fd, segment.offset):
                    self._pass_over(segment, frame_start(payload, end))
                    if target is not None and self._dealt >= target:
                        return
                    self._move(segment, end)
                    yield payload
                    left -= 1
                    if left == 0:
                        return
                rest = max(size - segment.offset, 0)
                segment.spoilt = 0 if is_torn(fd, segment.offset, size) else rest
            finally:
                os.close(fd)
            # Only now: a caller who stopped in the middle finds the rest next time.
            self._dealt += max(size - max(segment.offset, segment.size), 0)
            segment.size = size

    def _pass_over(self, segment: _Segment, start: int) -> None:
        """Move to a frame, and count the damaged bytes before it."""
        if start > segment.offset:
            self._over += start - segment.offset
            segment.spoilt = 0
            self._move(segment, start)

    def _move(self, segment: _Segment, position: int) -> None:
        """Move on; bytes that were dealt with when they could not be read count no second time."""
        self._dealt += max(position - max(segment.offset, segment.size), 0)
        segment.offset = position

    def _sizes(self) -> list[tuple[str, int]]:
        try:
            with os.scandir(self._folder) as entries:
                found = [
                    (one.name, one.stat().st_size)
                    for one in entries
                    if one.name.endswith(SUFFIX)
                    and (self._shadows or not one.name.endswith(SHADOW))
                ]
        except FileNotFoundError:
            return []
        return sorted(found)

    def _is_new(self, key: RequestKey | None) -> bool:
        if key is None:
            return True
        if key in self._seen:
            return False
        self._seen.add(key)
        self._order.append(key)
        if len(self._order) > _REMEMBERED:
            self._seen.discard(self._order.popleft())
        return True

    def _remember_before(self) -> None:
        """Read again the ids of what was read before, of the newest segments."""
        for name in sorted(self._segments)[-_RESCANNED:]:
            try:
                fd = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                for payload, _ in read_sound_frames(fd, upto=self._segments[name].offset):
                    self._is_new(request_key(_DECODER.decode(payload)))
            finally:
                os.close(fd)


def request_key(entry: LogEntry) -> RequestKey | None:
    """Return what tells an entry from its repetition; None if it has no id."""
    if isinstance(entry, Answered):
        return ("shadow" if entry.shadow else "answered", entry.request)
    if isinstance(entry, Feedback) and entry.request:
        return ("feedback", entry.request)
    return None


def _order(entry: LogEntry) -> tuple[int, str, str, bool]:
    if isinstance(entry, Fused):
        return (entry.at, "fused", entry.version, False)
    kind = "answered" if isinstance(entry, Answered) else "feedback"
    return (entry.at, kind, entry.request, isinstance(entry, Answered) and entry.shadow)
