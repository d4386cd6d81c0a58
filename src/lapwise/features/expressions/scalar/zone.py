"""Time zones as Polars has them: its own table is asked once, so that no other can differ."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from lapwise.features.expressions.scalar.node import Defer

__all__ = ["Zone", "zone_of"]

_FIRST, _END = -5_364_662_400_000_000, 7_258_118_400_000_000  # the years 1800 to 2199
_STEP = 6 * 3_600_000_000
_DAY = 4 * _STEP
_DAY = 4 * _STEP


@dataclass(frozen=True, slots=True)
class Zone:
    """Offsets from UTC, in microseconds, from each instant on that changes them."""

    starts: tuple[int, ...]
    offsets: tuple[int, ...]
    standard: tuple[int, ...]

    def place(self, instant: int) -> int:
        """Return which stretch an instant lies in.

        Raises:
            Defer: before 1800 or after 2199.
        """
        if not _FIRST <= instant < _END:
            raise Defer
        return bisect_right(self.starts, instant) - 1

    def offset(self, instant: int) -> int:
        """Return what is added to UTC for local time."""
        return self.offsets[self.place(instant)]

    def calm(self, instant: int) -> tuple[int, int, int]:
        """Return the offset, and between which instants a day and more lies to any change of it."""
        place = self.place(instant)
        end = self.starts[place + 1] if place + 1 < len(self.starts) else _END
        return self.offsets[place], self.starts[place] + _DAY, end - _DAY

    def instants(self, local: int) -> list[int]:
        """Return the instants at which clocks show a local time: none in a gap, two in a fold."""
        nearby = {self.offset(local - _DAY), self.offset(local), self.offset(local + _DAY)}
        return sorted(local - one for one in nearby if self.offset(local - one) == one)


@cache
def zone_of(name: str) -> Zone:
    """Return a zone, from about 600,000 questions to Polars: some 0.1 s, once for each zone."""
    grid = pl.int_range(_FIRST, _END, _STEP, dtype=pl.Int64, eager=True)
    offsets = _offsets(grid, name)
    changed = (offsets != offsets.shift(1)).fill_null(value=True)
    after = grid.filter(changed)
    before = after - _STEP
    old = _offsets(before, name)
    low, high = before, after  # the change is in (low, high]
    while ((high - low) > 1).any():
        middle = low + (high - low) // 2
        same = _offsets(middle, name) == old
        low, high = middle.zip_with(same, low), high.zip_with(same, middle)
    found = _offsets(high, name)
    starts: list[Any] = high.to_list()
    both = found.struct.unnest()
    total = (both["base"] + both["extra"]).to_list()
    starts[0] = _FIRST
    return Zone(tuple(starts), tuple(total), tuple(both["base"].to_list()))


def _offsets(instants: pl.Series, name: str) -> pl.Series:
    local = instants.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(name)
    return pl.DataFrame(
        {
            "base": local.dt.base_utc_offset().dt.total_microseconds(),
            "extra": local.dt.dst_offset().dt.total_microseconds(),
        }
    ).to_struct()
