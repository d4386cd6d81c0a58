"""The kinds of rules that the table in ``rules.py`` is written with.

A rule is a function: it looks at who asks and at the arguments, refuses or makes the call, and gives
back what of the answer may be seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec

from lapwise.core.access import Role
from lapwise.core.errors import AccessError, DeclarationError
from lapwise.core.tracked import Page
from lapwise.server.access.asking import Asking, Called
from lapwise.server.access.places import (
    Asked,
    Finder,
    both,
    descended,
    follow,
    named,
    subject,
    version,
)

__all__ = [
    "Rule",
    "anywhere",
    "everywhere",
    "identified",
    "lists",
    "may",
    "moving",
    "pages",
    "registering",
    "searches",
    "shown",
    "telling",
]

Rule: TypeAlias = Callable[[Asking, Called, Asked], Any]

_ROUND = 1000  # records looked through at a time where the store cannot leave others' out
_USERS_MEET = frozenset({"canary", "production"})
_SHAPES = {
    "run": re.compile(r"[A-Za-z0-9_-]{10,64}"),  # an MLflow client's may be another's
    "logged": re.compile(r"m-[0-9a-f]{32}"),
    "record": re.compile(r"[0-9a-z]{26}"),  # as lapwise.core.ids makes them
}
_REGISTER = "register"  # the action of lapwise.registry.registration
_OF_ADMINS = ("token-", "webhook-")
_STAGE = "stage"  # the action of lapwise.registry.moves; only a move may say so in the log


def may(role: Role, find: Finder, *, answer: str = "", signed: Iterable[str] = ()) -> Rule:
    """Let whoever has a role in all products that the arguments belong to.

    Args:
        role: at least this one.
        find: finds the products.
        answer: where the answer names its product, if what is there already may be answered.
        signed: arguments that say who acts.
    """
    names = tuple(signed)

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        asking.require(role, find, asked)
        found = call.apply(asking.store, asking.signed(asked, names) if names else asked)
        if answer and not asking.everywhere(role):
            asking.require_all(role, follow(answer, found))
        return found

    return rule


def identified(kind: str, path: str, rule: Rule) -> Rule:
    """Refuse an id that a new record brings, if it could be read as a number, a name or a place.

    Args:
        kind: of the record: ``run``, ``logged``, or ``record`` for all others.
        path: where its id stands.
        rule: what is asked besides.
    """
    shape = _SHAPES[kind]

    def checked(asking: Asking, call: Called, asked: Asked) -> Any:
        if not all(isinstance(one, str) and shape.fullmatch(one) for one in follow(path, asked)):
            raise DeclarationError(
                f"the id of a new {kind} is none", expected=f"a text like {shape.pattern}"
            )
        return rule(asking, call, asked)

    return checked


def everywhere(role: Role, *, signed: Iterable[str] = ()) -> Rule:
    """Let whoever has a role in all products (``*``)."""
    names = tuple(signed)

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        asking.require_everywhere(role)
        return call.apply(asking.store, asking.signed(asked, names) if names else asked)

    return rule


def anywhere(role: Role, *, keeps: str | None = None) -> Rule:
    """Let whoever has a role in some product.

    Args:
        role: at least this one.
        keeps: where each item of the answer names its product, empty for itself; others' are left
            out. None: all of it is for everybody.
    """

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        asking.require_somewhere(role)
        found = call.apply(asking.store, asked)
        if keeps is None or asking.everywhere("viewer"):
            return found
        return tuple(one for one in found if _is_seen(asking, keeps, one))

    return rule


def shown(place: str) -> Rule:
    """Show a record to viewers of its product, which the record itself names."""

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        asking.require_somewhere("viewer")
        found = call.apply(asking.store, asked)
        if not asking.everywhere("viewer"):
            asking.require_all("viewer", follow(place, found))
        return found

    return rule


def lists(argument: str, place: str, *, newest: str) -> Rule:
    """List what viewers may see, the newest first, at most ``limit``.

    Args:
        argument: the argument that names one product; None lists all that are seen.
        place: where a record names its product.
        newest: the field by which the newest come first.
    """

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        if asking.everywhere("viewer"):
            return call.apply(asking.store, asked)
        asking.require_somewhere("viewer")
        product = getattr(asked, argument)
        if product is not None:
            asking.require_all("viewer", [product])
            return call.apply(asking.store, asked)
        if getattr(asked, "after", ""):
            raise DeclarationError(
                f"to go on in a list, name the {argument}", expected=f"{argument}="
            )
        found: list[Any] = []
        for one in asking.visible():
            request = msgspec.structs.replace(asked, **{argument: one})
            found.extend(call.apply(asking.store, request))
        found = [one for one in found if _is_seen(asking, place, one)]
        return sorted(found, key=lambda one: getattr(one, newest), reverse=True)[: asked.limit]

    return rule


def pages(argument: str, place: str) -> Rule:
    """Search among the products that are named, or else among all that are seen."""

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        if asking.everywhere("viewer"):
            return call.apply(asking.store, asked)
        asking.require_somewhere("viewer")
        products = tuple(getattr(asked, argument))
        asking.require_all("viewer", products)
        request = msgspec.structs.replace(asked, **{argument: products or asking.visible()})
        page = call.apply(asking.store, request)
        items = tuple(one for one in page.items if _is_seen(asking, place, one))
        for one in items:
            run: Any = getattr(one, "run", None)
            if hasattr(run, "experiment"):
                asking.places.known["run", run.id] = run.experiment
        return Page(items=items, next=page.next)

    return rule


def searches(place: str) -> Rule:
    """Search by name among all, and leave others' products out."""

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        if asking.everywhere("viewer"):
            return call.apply(asking.store, asked)
        asking.require_somewhere("viewer")
        # The store leaves others' out itself, or a page of one would be a walk through all there are.
        where = _among(asking.visible(), asked.where)
        asked = msgspec.structs.replace(asked, where=where)
        found: list[Any] = []
        after = asked.after
        while len(found) < asked.limit:
            rest = asked.limit - len(found)
            page = call.apply(asking.store, msgspec.structs.replace(asked, after=after, limit=rest))
            found.extend(one for one in page.items if _is_seen(asking, place, one))
            after = page.next
            if not after:
                break
        return Page(items=tuple(found), next=after)

    return rule


def telling(number: str, find: Finder) -> Rule:
    """Tell the log's entries of the products that are seen, in their order, at most ``limit``.

    Args:
        number: the field that counts the entries.
        find: finds the product of an entry.
    """

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        if asking.everywhere("viewer"):
            return call.apply(asking.store, asked)
        asking.require_somewhere("viewer")
        found: list[Any] = []
        after = asked.after
        while len(found) < asked.limit:
            request = msgspec.structs.replace(asked, after=after, limit=_ROUND)
            page = call.apply(asking.store, request)
            if not page:
                break
            after = getattr(page[-1], number)
            found.extend(
                one
                for one in page
                if all(asking.has("viewer", place) for place in find(asking.places, one))
            )
        return found[: asked.limit]

    return rule


def registering() -> Rule:
    """Let contributors register a version that stands nowhere yet; the log says that they did."""
    find = both(named("version.model"), subject("audit.subject"))

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        asking.require("contributor" if asked.version.stage == "none" else "approver", find, asked)
        asking.require("viewer", descended, asked)
        _check_act(asked.audit.action, _REGISTER)
        found = call.apply(asking.store, asking.signed(asked, ("audit",)))
        if not asking.everywhere("contributor"):
            asking.require_all("contributor", [found.model])
        return found

    return rule


def moving() -> Rule:
    """Let contributors move what no user meets; canary, production and decisions are approvers'."""
    find = both(version("moves[].version"), version("approval.version"), subject("audit.subject"))

    def rule(asking: Asking, call: Called, asked: Asked) -> Any:
        stages = {stage for move in asked.moves for stage in (move.source, move.target)}
        _check_act(asked.audit.action)
        says = asked.audit.action == _STAGE and not asked.moves
        decides = says or asked.approval is not None or bool(stages & _USERS_MEET)
        asking.require("approver" if decides else "contributor", find, asked)
        return call.apply(asking.store, asking.signed(asked, ("audit", "approval")))

    return rule


def _check_act(action: str, only: str = "") -> None:
    """Refuse an act that the log would tell of under the name of another."""
    is_other = action == _REGISTER or action.startswith(_OF_ADMINS)
    if action != only if only else is_other:
        raise AccessError(
            "the log tells of each act by its own name",
            expected=f"the action '{only}'" if only else "an action that this call does",
        )


def _among(products: tuple[str, ...], where: str) -> str:
    """Return a filter that also asks for a name among some; as it was where that were too long.

    Raises:
        DeclarationError: the filter cannot be read alone; so it cannot close our parenthesis either.
    """
    from lapwise.store.search.parse import LONGEST, parse_filter, quoted

    ours = "name IN (" + ", ".join(map(quoted, products)) + ")"
    asked = f"({where}) AND {ours}" if parse_filter(where) is not None else ours
    return asked if len(asked) <= LONGEST else where


def _is_seen(asking: Asking, place: str, item: Any) -> bool:
    products = follow(place, item) if place else [item]
    return bool(products) and all(asking.has("viewer", one) for one in products)
