"""Run benchmarks: ``python -m benchmarks`` runs all, ``python -m benchmarks lap tracking`` those.

What follows one name is that benchmark's own: ``python -m benchmarks features --rows 5000000``.
Timings never fail a build: they are for people, beside what the same machine did at that minute.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from itertools import takewhile

from benchmarks.machine import facts

NAMES = ("lap", "pipeline", "tracking", "features", "serving")


def main(argv: list[str]) -> None:
    """Print the machine's facts, then each benchmark's tables."""
    named = list(takewhile(lambda word: not word.startswith("-"), argv))
    options = argv[len(named) :]
    if (unknown := sorted(set(named) - set(NAMES))) or (options and len(named) != 1):
        problem = f"no benchmark '{unknown[0]}'" if unknown else "options belong to one benchmark"
        sys.exit(f"{problem}: python -m benchmarks [{'|'.join(NAMES)}]... [OPTION]...")
    # As the command line sets it: threads that spin while they wait slow whatever is measured next.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    print(facts(), flush=True)
    for name in named or NAMES:
        print(f"\n── {name} {'─' * (76 - len(name))}", flush=True)
        import_module(f"benchmarks.{name}").main(options)


if __name__ == "__main__":
    main(sys.argv[1:])
