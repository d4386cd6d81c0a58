"""Answers remembered for a while, so that a request that is sent again is not carried out again.

A client whose connection broke cannot know whether its request was carried out, and asks again under
the same id. Most calls of the store are idempotent by themselves; this is for those that are not.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

__all__ = ["Answers"]

_KEPT = 4 << 20
_KEY = 1 << 10  # what a key and its place weigh, at most


class Answers:
    """The last answers by what they answered, in this process; 4 MiB of them."""

    def __init__(self) -> None:
        self._size = 0
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, bytes] = OrderedDict()
        self._working: dict[Hashable, threading.Event] = {}

    def once(self, key: Hashable | None, make: Callable[[], bytes]) -> bytes:
        """Return the answer that was made under a key, or make it; without a key, make it.

        Whoever asks while it is being made waits. What raised is made again.
        """
        if key is None:
            return make()
        mine = threading.Event()
        while (other := self._claim(key, mine)) is not mine:
            if isinstance(other, bytes):
                return other
            other.wait()
        try:
            answer = make()
            with self._lock:
                self._answers[key] = answer
                self._size += len(answer) + _KEY
                while self._size > _KEPT:
                    self._size -= len(self._answers.popitem(last=False)[1]) + _KEY
            return answer
        finally:
            with self._lock:
                del self._working[key]
            mine.set()

    def _claim(self, key: Hashable, mine: threading.Event) -> bytes | threading.Event:
        """Return the answer that is there, what tells that another makes it, or what was given."""
        with self._lock:
            if key in self._answers:
                return self._answers[key]
            return self._working.setdefault(key, mine)
