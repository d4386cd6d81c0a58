"""What differs between two versions of a view or of on-demand features, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.duration import format_duration
from lapwise.loop.describing import definition_of

if TYPE_CHECKING:
    from lapwise.loop.describing import DescribedView
    from lapwise.store.model import Store

__all__ = ["changed"]

_SHOWN = 8


def changed(store: Store, one: DescribedView, other: DescribedView) -> tuple[str, ...]:
    """Return what is otherwise in ``other`` than in ``one``, a phrase each; at most nine.

    Args:
        store: where definitions are; of one that is not there only names are compared.
        one: the version that is looked at.
        other: the version beside it.
    """
    if one.declared.digest == other.declared.digest:
        return ()
    found = [*_around(store, one, other), *_features(one, other)]
    if not found:
        return ("what it means, by a later version of Lapwise",)
    more = len(found) - _SHOWN
    return (*found[:_SHOWN], f"and {more} more") if more > 0 else tuple(found)


def _around(store: Store, one: DescribedView, other: DescribedView) -> list[str]:
    """Compare what a view's features have in common."""
    facts = [
        ("table", one.declared.table, other.declared.table),
        ("for each", ", ".join(one.declared.by), ", ".join(other.declared.by)),
        ("reads", ", ".join(one.declared.inputs), ", ".join(other.declared.inputs)),
    ]
    here, there = definition_of(store, one), definition_of(store, other)
    if here is not None and there is not None:
        facts += [
            ("key", ", ".join(here.key), ", ".join(there.key)),
            ("event", here.event, there.event),
            ("known", here.known, there.known),
            ("grain", format_duration(here.grain), format_duration(there.grain)),
        ]
    return [f"{what} {that or 'none'}" for what, this, that in facts if this != that]


def _features(one: DescribedView, other: DescribedView) -> list[str]:
    here = {each.name: each.words for each in one.features}
    there = {each.name: each.words for each in other.features}
    found = [f"without {name}" for name in here if name not in there]
    for name, words in there.items():
        if name not in here:
            found.append(f"with {name}: {words}" if words else f"with {name}")
        elif words != here[name] and words and here[name]:
            found.append(f"{name}: {words}")
    return found
