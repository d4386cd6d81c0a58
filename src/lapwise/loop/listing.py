"""The features of a page beside what the store knows of them, lapped or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lapwise.core.errors import NotFoundError
from lapwise.loop.declaring import declared_by, fresh_views
from lapwise.loop.describing import describe
from lapwise.loop.online import open_online
from lapwise.store.nearest import nearest

if TYPE_CHECKING:
    from lapwise.core.digest import Digest
    from lapwise.core.feature import ViewFreshness
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.describing import DescribedView
    from lapwise.loop.model import Loop

__all__ = ["describe_page", "find_on_page"]

_NOW = 2**62  # a turn that no store gives


def describe_page(
    workshop: Workshop, loop: Loop, *, now: int, former: bool = False
) -> tuple[DescribedView, ...]:
    """Return a page's views and on-demand features in its order, with all that is known of them.

    Below them stand versions that answer users, or may soon, and that the page declares otherwise now.

    Args:
        workshop: the project; how fresh views are is looked up in its online store.
        loop: the page; nothing of it need have been lapped.
        now: the time by which what is online is behind.
        former: also versions that the loop declared before and nobody is answered by.
    """
    page = [
        msgspec.structs.replace(one, turn=_NOW) for one in declared_by(loop, workshop.world.now())
    ]
    own = {one.digest for one in page}
    kept = workshop.store.features.list(loop.name)
    first = {one.digest: one.declared for one in kept}
    said = [
        msgspec.structs.replace(one, declared=first.get(one.digest, one.declared)) for one in page
    ]
    said += [one for one in kept if one.digest not in own]
    found = describe(
        workshop.store, said, now=now, turns={loop.name: _NOW}, fresh=_fresh(workshop, loop, now)
    )
    return tuple(one for one in found if former or one.is_current or one.served)


def find_on_page(
    workshop: Workshop, loop: Loop, name: str, *, now: int
) -> tuple[DescribedView, ...]:
    """Return all versions of what bears a name on a page, the page's own first.

    Args:
        workshop: the project.
        loop: the page.
        name: of a view, of an on-demand function, or of one of their features.
        now: the time by which what is online is behind.

    Raises:
        NotFoundError: nothing bears that name; the error lists the near ones.
    """
    every = describe_page(workshop, loop, now=now, former=True)
    found = [one for one in every if one.declared.name == name]
    if not found:
        names = {one.declared.name for one in every if name in one.declared.features}
        found = [one for one in every if one.declared.name in names]
    if not found and name in loop.feature_names:
        raise NotFoundError(
            "a plain input is taken from the request as it comes, and computed by nobody",
            value=name,
            expected=nearest(name, [one.declared.name for one in every]),
        )
    if not found:
        known = [one.declared.name for one in every]
        known += [feature for one in every for feature in one.declared.features]
        raise NotFoundError(
            "no view, on-demand function or feature of the page bears this name",
            value=name,
            expected=nearest(name, list(dict.fromkeys(known))),
            fix="lapwise features list",
        )
    return tuple(found)


def _fresh(workshop: Workshop, loop: Loop, now: int) -> dict[Digest, ViewFreshness]:
    """Return how fresh the page's views and upheld ones are online, as it is this moment."""
    from lapwise.features import view_digest
    from lapwise.loop.upheld import upheld_views

    noted = {one.digest: one for one in workshop.store.features.freshness(loop.name)}
    try:
        online = open_online(workshop, read_only=True)
    except NotFoundError:
        return noted
    with online:
        upheld = upheld_views(workshop.store, loop)
        found = fresh_views(loop, online, now, counted=noted, upheld=upheld)
    looked_at = {view_digest(view) for view in (*loop.views, *upheld)}
    return {digest: one for digest, one in noted.items() if digest not in looked_at} | found
