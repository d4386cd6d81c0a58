"""Ports for servers that are killed and come back to the same port."""

from __future__ import annotations

import os
import random
import socket

_FIRST, _LAST = 20_000, 32_000


def fixed_port() -> int:
    """Return a free port that stays free while its server is down.

    It is below those that the system gives away by itself: one of them could meanwhile become
    somebody's, or that of a client, which would then reach itself.
    """
    dice = random.Random(os.urandom(8))  # not the tests' own dice: all workers have the same
    while True:
        port = dice.randrange(_FIRST, _LAST)
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
