"""The two clocks; nothing else in Lapwise asks what time it is.

``WorldClock`` says what time it is in the product's world: predictions, windows, schedules.
``MachineClock`` is this computer's: leases, time-outs, how long a step took. Replay moves the
first and never the second.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from lapwise.core.errors import DeclarationError

__all__ = [
    "FixedWorldClock",
    "MachineClock",
    "SystemWorldClock",
    "WorldClock",
    "format_time",
    "parse_time",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WorldClock(Protocol):
    """Tells the time of the product's world."""

    def now(self) -> int:
        """Return microseconds since 1970, UTC."""
        ...


class SystemWorldClock:
    """The world's time is the machine's time: every use but replay and ``--as-of``."""

    def now(self) -> int:
        """Return microseconds since 1970, UTC."""
        return time.time_ns() // 1_000


class FixedWorldClock:
    """The world stands still at one instant, as in ``lapwise lap --as-of``.

    >>> format_time(FixedWorldClock(parse_time("2013-04-01")).now())
    '2013-04-01T00:00:00Z'
    """

    def __init__(self, at: int) -> None:
        self._at = at

    def now(self) -> int:
        """Return microseconds since 1970, UTC."""
        return self._at


class MachineClock:
    """This computer's time, never simulated."""

    def monotonic(self) -> float:
        """Return seconds that only grow; differences are durations."""
        return time.perf_counter()

    def timestamp(self) -> int:
        """Return microseconds since 1970, UTC, for the ``created`` of records."""
        return time.time_ns() // 1_000

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        time.sleep(seconds)


def parse_time(text: str) -> int:
    """Return the microseconds since 1970 of an ISO 8601 date or time; no zone means UTC.

    Raises:
        DeclarationError: the text is not ISO 8601.

    >>> parse_time("2013-04-01") == parse_time("2013-04-01T02:00+02:00")
    True
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DeclarationError(
            "not a date or time",
            value=text,
            expected="ISO 8601, such as 2013-04-01 or 2013-04-01T06:00Z",
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def format_time(at: int) -> str:
    """Return ISO 8601 in UTC, with as many digits as the instant needs.

    >>> format_time(1_500_000)
    '1970-01-01T00:00:01.500000Z'
    """
    return (_EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")
