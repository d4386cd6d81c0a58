"""How many threads a training may use: its sums come in their order, and others work beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["VARIABLE", "half", "limited", "threads_in_use"]

VARIABLE = "OMP_NUM_THREADS"
"""The environment variable that OpenMP, OpenBLAS and MKL read when they are loaded."""


def half() -> int:
    """Return half the processors that this process may use, at least one.

    A training and its reproduction run side by side. With all threads each, every barrier of the
    one would wait for a thread that the other keeps from running: on two busy cores that made a
    training ten times slower.
    """
    given = os.environ.get(VARIABLE, "")
    if given.isdecimal() and int(given) > 0:
        return max(int(given) // 2, 1)
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)) // 2, 1)
    return max((os.cpu_count() or 1) // 2, 1)


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Let numerical libraries use so many threads, those loaded meanwhile too; 0: no limit."""
    if not threads:
        yield
        return
    import sklearn  # noqa: F401 - it brings the OpenMP that a limit must find
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(threads)
    try:
        with threadpool_limits(limits=threads):
            yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def threads_in_use() -> int:
    """Return the number of OpenMP threads of this process; 0 if it has loaded no OpenMP."""
    if "sklearn" not in sys.modules:
        return 0
    from threadpoolctl import threadpool_info

    found = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"]
    return min(found, default=0)
