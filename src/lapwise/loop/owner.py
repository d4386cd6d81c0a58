"""Whose a space of a Redis server is: two projects in one would answer with each other's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.digest import digest_value
from lapwise.core.errors import ConflictError
from lapwise.core.ids import new_id
from lapwise.core.model import Record
from lapwise.store.address import without_password

if TYPE_CHECKING:
    from lapwise.features import OnlineStore
    from lapwise.features.online.backend import Writer
    from lapwise.loop.bootstrap import Workshop

__all__ = ["check_owner", "take_space"]

_KIND = "online_owner"
_KEY = b"owner"


class _Owner(Record, frozen=True, kw_only=True):
    """What tells one project's store from another's, wherever either lies."""

    id: str


def take_space(workshop: Workshop, online: OnlineStore) -> None:
    """Let a space of a Redis server be this project's, from its first write on.

    All machines that share the project's store share the space.

    Raises:
        ConflictError: it is another project's.
    """
    if "://" not in workshop.project.online:
        return
    records = workshop.store.records
    if not records.digests(_KIND):
        owner = _Owner(id=new_id())
        records.add(_KIND, digest_value(owner), owner)
    own = records.digests(_KIND)[0].encode()  # of two that were first at once, both have the older

    def take(writer: Writer) -> None:
        (found,) = writer.get([_KEY])
        _compare(workshop, found, own)
        if found is None:
            writer.put(_KEY, own)

    if online.backend.read([_KEY]) != [own]:
        online.backend.write(take)


def check_owner(workshop: Workshop, online: OnlineStore) -> None:
    """Refuse to read the space of another project; one that nobody has written to is nobody's.

    Raises:
        ConflictError: it is another project's.
    """
    if "://" in workshop.project.online:
        own = next(iter(workshop.store.records.digests(_KIND)), "").encode()
        _compare(workshop, online.backend.read([_KEY])[0], own)


def _compare(workshop: Workshop, found: bytes | None, own: bytes) -> None:
    if found not in (None, own):
        raise ConflictError(
            "the online store holds the features of another project",
            value=without_password(workshop.project.online),
            expected="a space of its own for each project that shares a Redis server",
            fix="end the address in ?space=NAME, with a name that nobody else has",
        )
