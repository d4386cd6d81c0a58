"""A process that trains once more: ``python -m lapwise.loop.rehearse FILE:NAME AS_OF THREADS VERSION…``.

The Reproducible gate asks for it. It writes one line of JSON to its standard output: the digest of
what each step gave. What the page's code prints goes to standard error.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import msgspec

from lapwise.core.clock import MachineClock
from lapwise.core.errors import LapwiseError
from lapwise.loop.bootstrap import open_workshop
from lapwise.loop.course import Course
from lapwise.loop.page import load_page
from lapwise.loop.steps.rehearsal import Rehearsed

__all__ = ["main"]


def main() -> None:
    """Go through examples, split, features and train without the cache."""
    answer = os.dup(1)
    os.dup2(2, 1)
    threading.Thread(target=_end_with_starter, daemon=True).start()
    clock = MachineClock()
    started = clock.monotonic()
    origin, as_of, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    loop = load_page(origin, Path.cwd())
    with open_workshop(as_of=as_of, cache=False, trusted=loop.trusted) as workshop:
        course = Course(workshop, loop, as_of, lambda _step: None)
        for reference in sys.argv[4:]:
            version = workshop.store.datasets.get(reference)
            course.versions[version.table] = version
        course.split(None)
        course.features()
        course.train_again(threads)
        made = course.results
    done = Rehearsed(made=made, seconds=clock.monotonic() - started)
    os.write(answer, msgspec.json.encode(done) + b"\n")


def _end_with_starter() -> None:
    """Stop when the lap that waits for the answer is gone: nobody would read it."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    try:
        main()
    except LapwiseError as error:
        sys.exit(str(error).replace("\n", " "))
