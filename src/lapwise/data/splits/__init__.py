"""Ways to part examples into train, validation and test, frozen as a record."""

from __future__ import annotations

from lapwise.data.splits.group import GroupSplit
from lapwise.data.splits.key import KeySplit
from lapwise.data.splits.time import TimeSplit

__all__ = ["GroupSplit", "KeySplit", "TimeSplit"]
