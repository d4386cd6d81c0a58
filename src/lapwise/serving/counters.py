"""Counts that many processes keep and any of them can add up, and that outlive ``kill -9``.

Each process has a file of 64-bit numbers that is mapped into memory: to count is to add to a number
there, with no lock and no call of the system. A second file names the numbers, one line each.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import TypeAlias

import msgspec

from lapwise.core.ids import new_id
from lapwise.store.durable import make_folder

__all__ = ["READY", "Counters", "Key", "totals"]

Key: TypeAlias = tuple[str, ...]
"""A metric's name, then the values of its labels."""

READY = "ready"
"""The count of workers that answer, for the supervisor."""

_SLOTS = 4096
_BYTES = 8


class Counters:
    """This process's counts.

    Args:
        folder: where all processes of a server keep theirs; None keeps them in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._slots: dict[Key, int] = {}
        self._names = -1
        if folder is None:
            memory = mmap.mmap(-1, _SLOTS * _BYTES)
        else:
            make_folder(folder)
            path = folder / f"{new_id()}-{os.getpid()}"
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
            numbers = os.open(path.with_suffix(".numbers"), flags, 0o600)
            os.ftruncate(numbers, _SLOTS * _BYTES)
            memory = mmap.mmap(numbers, _SLOTS * _BYTES)
            os.close(numbers)
            self._names = os.open(path.with_suffix(".names"), flags | os.O_APPEND, 0o600)
        self.values = memoryview(memory).cast("q")

    def slot(self, *key: str) -> int:
        """Return the place in ``values`` of a metric with its labels; made when first asked for.

        Beyond 4,096 of them everything new is counted in the last place, named ``overflow``.
        """
        place = self._slots.get(key)
        if place is None:
            place = len(self._slots)
            if place >= _SLOTS - 1:
                key, place = ("overflow",), _SLOTS - 1
                if key in self._slots:
                    return place
            if self._names >= 0:
                line = msgspec.json.encode((place, *key)) + b"\n"
                os.write(self._names, line)
            self._slots[key] = place
        return place

    def add(self, amount: int, *key: str) -> None:
        """Add to a count."""
        self.values[self.slot(*key)] += amount

    def put(self, value: int, *key: str) -> None:
        """Set a number that goes up and down."""
        self.values[self.slot(*key)] = value

    def totals(self) -> dict[Key, int]:
        """Return this process's counts."""
        return {key: self.values[place] for key, place in self._slots.items()}


def totals(folder: Path, *, dead: bool = False) -> dict[Key, int]:
    """Return the counts of all processes added up; with ``dead`` of those that have ended."""
    found: dict[Key, int] = {}
    for names in folder.glob("*.names"):
        if dead and Path(f"/proc/{names.stem.rpartition('-')[2]}").exists():
            continue
        try:
            values = memoryview(names.with_suffix(".numbers").read_bytes()).cast("q")
            lines = names.read_bytes().split(b"\n")
        except FileNotFoundError:
            continue
        for line in lines[:-1]:  # the last is empty, or not whole yet
            place, *key = msgspec.json.decode(line)
            found[tuple(key)] = found.get(tuple(key), 0) + values[place]
    return found
