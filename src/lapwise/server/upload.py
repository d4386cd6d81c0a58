"""How files of users come in: in pieces that are worth writing, and no larger than is allowed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException

from lapwise.core.errors import StoreError
from lapwise.server.limits import Limits

__all__ = ["arriving", "largest_file"]

_PIECE = 1 << 20
_TOO_LARGE = 413


async def arriving(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """Yield a body as it comes, about a MiB at a time; before a cut is told, all that came.

    Raises:
        HTTPException: the body is too large (413).
        StoreError: the sender went away, or was silent for too long.
    """
    waiting: list[bytes] = []
    held = 0
    cut = False
    try:
        async for some in request.stream():
            waiting.append(some)
            held += len(some)
            if held >= _PIECE:
                yield b"".join(waiting)
                waiting, held = [], 0
    except HTTPException as error:
        if error.status_code == _TOO_LARGE:
            raise
        cut = True
    if waiting:
        yield b"".join(waiting)
    if cut:
        raise StoreError("an upload was cut", fix="ask how far it is and go on, or send it again")


def largest_file(request: Request[Any, Any, Any]) -> int:
    """Return how many bytes one file may have at this server."""
    limits: Limits = request.app.state.get("limits") or Limits()
    return limits.artifact
