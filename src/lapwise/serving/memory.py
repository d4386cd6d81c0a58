"""Memory that a request gave back stays with the process for the next one."""

from __future__ import annotations

from contextlib import suppress

__all__ = ["keep_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 64 * 1024 * 1024
_MAPPED = 32 * 1024 * 1024  # the most that the library takes


def keep_memory() -> None:
    """Let the C library keep up to 64 MiB that are free, where it is glibc.

    By default it returns them after each request, and the next one pays for every page anew: that
    takes as long as looking a hundred rows up.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_TRIM_THRESHOLD, _KEPT)
        library.mallopt(_MMAP_THRESHOLD, _MAPPED)
