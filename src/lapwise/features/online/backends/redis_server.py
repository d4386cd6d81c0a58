"""What a Redis server must be, so that it can keep the online store."""

from __future__ import annotations

import msgspec

from lapwise.core.errors import NotFoundError, StoreError
from lapwise.features.online.backends.redis_line import Line, cluster

__all__ = ["Server", "check_server", "look_at"]


class Server(msgspec.Struct, frozen=True):
    """What a server says of itself.

    ``persistent`` is whether it logs each write to a file (AOF); ``full`` the share of its
    memory limit that is used, None without a limit.
    """

    version: str
    replica: bool
    clustered: bool
    evicts: str
    persistent: bool
    full: float | None


def look_at(line: Line) -> Server | None:
    """Ask a server about itself; None if this user may not."""
    try:
        text: bytes = line.ask(["INFO"])[0]
    except NotFoundError:
        raise
    except StoreError as error:
        if "may not do this" in error.thing:
            return None
        raise
    said = dict(
        pair.split(":", 1) for pair in text.decode(errors="replace").splitlines() if ":" in pair
    )
    limit, used = int(said.get("maxmemory", 0)), int(said.get("used_memory", 0))
    policy = said.get("maxmemory_policy", "noeviction")
    return Server(
        version=said.get("redis_version", "?"),
        replica=said.get("role") == "slave",
        clustered=said.get("cluster_enabled") == "1",
        evicts=policy if limit and policy.startswith("allkeys") else "",
        persistent=said.get("aof_enabled") == "1",
        full=used / limit if limit else None,
    )


def check_server(line: Line, *, writes: bool) -> None:
    """Refuse a server that could quietly answer wrong.

    One that drops keys when memory is short would serve entities without their history, and
    nothing would say so. One that loses all, or its last second, in a crash is taken: its state is
    then an earlier one as a whole, or none, and materialising mends it.

    Raises:
        StoreError: it evicts, is a cluster, or is a replica that is to be written to.
    """
    server = look_at(line)
    if server is None:
        return
    if server.clustered:
        raise cluster(line.place)
    if writes and server.replica:
        raise StoreError(
            "the online store is a replica, which takes no writes",
            value=line.place,
            expected="the primary server",
            fix="let LAPWISE_ONLINE of whoever pushes name the primary",
        )
    if server.evicts:
        raise StoreError(
            "the Redis server drops keys when memory is short: features would be wrong, quietly",
            value=f"{line.place}: maxmemory-policy {server.evicts}",
            expected="maxmemory-policy noeviction",
            fix=f"redis-cli -u {line.place} CONFIG SET maxmemory-policy noeviction",
        )
