"""A process that takes part in a race for rollouts: ``python -m tests.store.rolling URL BLOBS DEED``.

It says ``ready``, waits for a line on its standard input, does its deed, and says what came of it.
``DEED`` is ``create``, or the id of a rollout, which it reads before and updates after the line.
"""

from __future__ import annotations

import sys

import msgspec

from lapwise.core.errors import ConflictError
from lapwise.store.open import open_store
from tests.store import making


def main() -> None:
    url, blobs, deed = sys.argv[1:]
    with open_store(url, blobs) as store:
        seen = making.rollout() if deed == "create" else store.rollouts.get(deed)
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            if deed == "create":
                print(store.rollouts.create(seen).id)
            else:
                weight = seen.weight + 1
                changed = msgspec.structs.replace(seen, weight=weight)
                print(store.rollouts.update(changed, seen=seen).weight)
        except ConflictError as error:
            print("lost:", error.thing)


if __name__ == "__main__":
    main()
