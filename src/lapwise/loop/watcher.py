"""A watcher that is told the time: ``python -m lapwise.loop.watcher FILE:NAME [--approver WHO]``.

A replay keeps one and asks it to tick, hour by hour; what happens meanwhile it says. In the product's
own time ``lapwise watch`` does the same by the machine's clock.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import msgspec

from lapwise.loop.bootstrap import open_workshop
from lapwise.loop.child import answer
from lapwise.loop.going import Going
from lapwise.loop.happening import TickAsked, Ticked
from lapwise.loop.page import load_page
from lapwise.loop.watch import Watcher

__all__ = ["main"]


def main() -> None:
    """Tick once for each line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("page")
    parser.add_argument("--approver", default="")
    parser.add_argument("--replay", action="store_true")
    given = parser.parse_args()
    loop = load_page(given.page, Path.cwd())
    going = Going(loop, Path.cwd())
    with open_workshop(trusted=loop.trusted) as workshop:
        watcher = Watcher(
            workshop, loop, going.round, approver=given.approver, barrier=given.replay
        )

        def tick(question: bytes, say: Callable[[bytes], None]) -> bytes:
            watcher.hear(lambda one: say(msgspec.json.encode(one)))
            asked = msgspec.json.decode(question, type=TickAsked)
            revision = watcher.tick(asked.at)
            return msgspec.json.encode(Ticked(at=asked.at, revision=revision))

        try:
            answer(tick)
        finally:
            going.close()


if __name__ == "__main__":
    main()
