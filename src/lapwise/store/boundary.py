"""Named points at which a process may die, so that a proof can kill it exactly there.

``LAPWISE_KILL_AT=commit:before:3`` kills the process, by SIGKILL, just before its third commit.
Without the variable, :func:`crossing` does nothing.
"""

from __future__ import annotations

import os
import signal

__all__ = ["BOUNDARIES", "crossing"]

BOUNDARIES = ("blob-rename", "row", "commit", "audit-append")
"""Each is crossed twice: ``before`` and ``after`` the act it is named for."""


class _Countdown:
    def __init__(self, setting: str) -> None:
        boundary, side, left = setting.split(":")
        self._point = (boundary, side)
        self._left = int(left)

    def __call__(self, boundary: str, side: str) -> None:
        if (boundary, side) == self._point:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _nothing(_boundary: str, _side: str) -> None:
    pass


_SETTING = os.environ.get("LAPWISE_KILL_AT", "")
crossing = _Countdown(_SETTING) if _SETTING else _nothing
