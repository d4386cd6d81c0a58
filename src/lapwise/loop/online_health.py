"""Does the online store answer, and will it go on to?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.errors import LapwiseError, NotFoundError
from lapwise.store.address import without_password
from lapwise.store.doctor import Check

if TYPE_CHECKING:
    from lapwise.features.online.backends.redis_server import Server
    from lapwise.loop.project import Project

__all__ = ["check_online"]

_NAME = "online store"
_FULL = 0.9
"""From this share of a Redis server's memory limit on it is told of."""


def check_online(project: Project) -> Check:
    """Open a project's online store to read, and look at whoever keeps it; nothing is changed."""
    try:
        if "://" in project.online:
            return _redis(project.online)
        return _folder(project.online)
    except LapwiseError as error:
        seen = error.thing if error.value is None else f"{error.thing}: {error.value}"
        return Check(_NAME, False, seen, error.fix or error.expected)


def _folder(folder: str) -> Check:
    from lapwise.features import OnlineStore

    try:
        with OnlineStore.open(folder, read_only=True) as online:
            for _ in online.backend.scan(b"m"):  # the views' states; all of it may be much
                pass
    except NotFoundError:
        return Check(_NAME, True, "nothing was materialised yet")
    return Check(_NAME, True, "a folder of this machine, it opens")


def _redis(url: str) -> Check:
    from lapwise.features.online.backends.redis import RedisBackend

    backend = RedisBackend.open(url, read_only=True)
    try:
        server = backend.server()
    finally:
        backend.close()
    place = without_password(url)
    if server is None:
        return Check(_NAME, True, f"{place} answers; this user may not look at it closer")
    seen = f"{place} answers: {_words(server)}"
    if server.full is not None and server.full > _FULL:
        return Check(
            _NAME, False, seen, "raise maxmemory of the Redis server, or keep less history"
        )
    return Check(_NAME, True, seen)


def _words(server: Server) -> str:
    words = [f"Redis {server.version}"]
    if server.replica:
        words.append("a replica, which can be read only")
    if server.full is not None:
        words.append(f"{server.full:.0%} of its memory used")
    words.append(
        "writes go to its file as they come"
        if server.persistent
        else "no append-only file: after a restart, materialise"
    )
    return ", ".join(words)
