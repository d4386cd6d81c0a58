"""One principal at one store: what may be done, where, and under which name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from lapwise.core.access import ROLES, Principal, Role, allows
from lapwise.core.errors import AccessError, NotFoundError
from lapwise.server.access.places import Asked, Finder, Places

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["Asking", "Called"]

_ALL = "*"


class Called(Protocol):
    """A call that can be made: those of :mod:`lapwise.store.calls`, and those on blobs."""

    @property
    def name(self) -> str:
        """As rules name it: ``runs/log``."""
        ...

    def apply(self, store: Store, request: Any) -> Any:
        """Make the call and return its answer."""
        ...


class Asking:
    """Answers what rules ask of a principal; the products of things are looked up at most once.

    Args:
        principal: who asks.
        store: the bare store.
    """

    def __init__(self, principal: Principal, store: Store) -> None:
        self.principal = principal
        self.store = store
        self.places = Places(store)

    def has(self, role: Role, product: str | None) -> bool:
        """Say whether a role is held in a product; None asks for any product at all."""
        return allows(self.principal.grants, role, product)

    def everywhere(self, role: Role) -> bool:
        """Say whether a role is held in all products, those to come included."""
        return allows(self.principal.grants, role, _ALL)

    def visible(self) -> tuple[str, ...]:
        """Return the products that are named in grants, sorted."""
        return tuple(sorted({one.product for one in self.principal.grants} - {_ALL}))

    def require_everywhere(self, role: Role) -> None:
        """Refuse unless a role is held in all products; raises AccessError."""
        if not self.everywhere(role):
            raise self.refusal(role, "all products (*)")

    def require_somewhere(self, role: Role) -> None:
        """Refuse unless a role is held in some product; raises AccessError."""
        if not self.has(role, None):
            raise self.refusal(role, "a product")

    def require(self, role: Role, find: Finder, asked: Asked) -> None:
        """Refuse unless a role is held in every product that a call touches.

        Raises:
            AccessError: it is not.
            NotFoundError: the call names what is not there.
        """
        if self.everywhere(role):
            return
        self.require_somewhere(role)
        self.require_all(role, find(self.places, asked))

    def require_all(self, role: Role, products: Iterable[str]) -> None:
        """Refuse unless a role is held in each of some products; raises AccessError."""
        if not all(self.has(role, one) for one in set(products)):
            raise self.refusal(role, "the product that this belongs to")

    def refusal(self, role: Role, place: str) -> AccessError:
        """Return what a refused caller is told; it names no product, for its name may be a secret."""
        more = " or ".join(ROLES[ROLES.index(role) :])
        return AccessError(
            f"this needs the role {role} in {place}",
            expected=f"a token with the role {more}",
            fix=f"ask an admin for: lapwise token create NAME --role {role}",
        )

    def signed(self, request: Any, names: Iterable[str]) -> Any:
        """Return a request whose acts are the principal's own, whatever name it came with."""
        changed: dict[str, Any] = {}
        for name in names:
            value = getattr(request, name)
            if isinstance(value, str):
                changed[name] = self.principal.name
            elif value is not None:
                actor = "actor" if hasattr(value, "actor") else "by"
                changed[name] = msgspec.structs.replace(value, **{actor: self.principal.name})
        return msgspec.structs.replace(request, **changed)

    def quietly(self, act: Callable[[], Any]) -> Any:
        """Do something, and tell nobody of the near names that others' products have.

        Raises:
            NotFoundError: as the act raised it; what it expected instead is left out for those who
                do not see all products.
        """
        if self.everywhere("viewer"):
            return act()
        try:
            return act()
        except NotFoundError as error:
            raise NotFoundError(error.thing, value=error.value, fix=error.fix) from None
