"""A store as one principal may use it: the one place where access is decided.

Whoever answers a request is handed a bound store and needs no checks of its own: routes, pages and
MLflow's calls all end here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from lapwise.core.digest import Digest
from lapwise.core.errors import AccessError
from lapwise.server.access.asking import Asking, Called
from lapwise.server.access.rules import RULES

if TYPE_CHECKING:
    import msgspec

    from lapwise.core.access import Principal
    from lapwise.store.calls import Call
    from lapwise.store.model import Store
    from lapwise.store.uploads import Uploads

__all__ = ["BoundBlobs", "bind", "principal_of"]

T = TypeVar("T")


def bind(store: Store, principal: Principal) -> Store:
    """Return a store of which each call is held against the rules for a principal.

    It is made for one request, and closing it closes nothing.

    Args:
        store: the bare store.
        principal: who asks, and what they may do.
    """
    from lapwise.store.calls import nouns
    from lapwise.store.model import Store

    asking = Asking(principal, store)

    def act(call: Call, request: msgspec.Struct) -> Any:
        return _judge(asking, call, request)

    return Store(url="", blobs=BoundBlobs(asking), **nouns(act))


def principal_of(store: Store) -> Principal | None:
    """Return whom a store is bound to; None for a bare one."""
    return store.blobs.principal if isinstance(store.blobs, BoundBlobs) else None


class BoundBlobs:
    """The blobs that a principal may read and write; as :class:`lapwise.store.blobs.Blobs`."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._bare = asking.store.blobs

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self._asking.principal

    def put(self, content: bytes) -> Digest:
        """Keep bytes; for contributors."""
        return self._call(self._bare.put, content=content)

    def put_file(self, path: Path, *, expected: Digest | None = None) -> Digest:
        """Keep a file; for contributors."""
        return self._call(self._bare.put_file, path=path, expected=expected)

    def get(self, digest: Digest) -> bytes:
        """Return the bytes of a blob that something visible names."""
        return self._call(self._bare.get, digest=digest)

    def path(self, digest: Digest) -> Path:
        """Return a file with a blob that something visible names."""
        return self._call(self._bare.path, digest=digest)

    def has(self, digest: Digest) -> bool:
        """Return whether a blob is there and may be read."""
        return self._call(self._bare.has, digest=digest)

    def size(self, digest: Digest) -> int:
        """Return the size of a blob that something visible names."""
        return self._call(self._bare.size, digest=digest)

    def uploads(self) -> Uploads:
        """Return what has come of blobs that are sent in pieces; for contributors."""
        return self._call(self._bare.uploads)

    def digests(self) -> Iterator[Digest]:
        """Yield all digests; for admins."""
        return self._call(self._bare.digests)

    def remove(self, digest: Digest) -> None:
        """Remove a blob; for admins."""
        self._call(self._bare.remove, digest=digest)

    def anchor(self, name: str, content: bytes) -> None:
        """Anchor an entry of the audit log; for approvers."""
        self._call(self._bare.anchor, name=name, content=content)

    def anchors(self) -> dict[str, bytes]:
        """Return every anchor; for viewers of all products."""
        return self._call(self._bare.anchors)

    def _call(self, verb: Callable[..., T], **asked: Any) -> T:
        found: T = _judge(self._asking, _BlobCall(verb), SimpleNamespace(**asked))
        return found


class _BlobCall:
    def __init__(self, verb: Callable[..., Any]) -> None:
        self.name = f"blobs/{verb.__name__}"
        self._verb = verb

    def apply(self, store: Store, request: Any) -> Any:
        return self._verb(**vars(request))


def _judge(asking: Asking, call: Called, request: Any) -> Any:
    rule = RULES.get(call.name)
    if rule is None:
        raise AccessError("this is for the server itself", expected="a call that others may make")
    return asking.quietly(lambda: rule(asking, call, request))
