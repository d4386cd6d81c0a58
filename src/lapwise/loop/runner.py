"""A process that goes round when it is asked: ``python -m lapwise.loop.runner FILE:NAME``.

A watcher keeps one, so that training can be killed, or take all memory, without taking the watch
along; and a warm one spares each lap the import of the libraries that train.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from lapwise.core.lap import Trigger
from lapwise.core.model import Record
from lapwise.loop.bootstrap import open_workshop
from lapwise.loop.child import answer
from lapwise.loop.lap import lap
from lapwise.loop.page import load_page

__all__ = ["LapAsked", "main"]


class LapAsked(Record, frozen=True, kw_only=True):
    """Go round, as the world stood at ``as_of``."""

    as_of: int
    trigger: Trigger


def main() -> None:
    """Go round once for each line, and answer with the ledger's."""
    loop = load_page(sys.argv[1], Path.cwd())

    def go_round(question: bytes, _say: Callable[[bytes], None]) -> bytes:
        asked = msgspec.json.decode(question, type=LapAsked)
        with open_workshop(as_of=asked.as_of, trusted=loop.trusted) as workshop:
            return msgspec.json.encode(lap(workshop, loop, trigger=asked.trigger, once=True))

    answer(go_round)


if __name__ == "__main__":
    main()
