"""The experiment of exactly one name, though the name be a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.errors import NotFoundError

if TYPE_CHECKING:
    from lapwise.core.tracked import Experiment
    from lapwise.store.model import Store

__all__ = ["experiment_named"]


def experiment_named(store: Store, name: str) -> Experiment | None:
    """Return the experiment that is called so, an archived one too, or None.

    ``experiments.get`` takes digits for a number, which may be that of another experiment.
    """
    if name.isdecimal():
        page = store.experiments.search(f"name = '{name}'", archived=None, limit=1)
        return page.items[0] if page.items else None
    try:
        return store.experiments.get(name)
    except NotFoundError:
        return None
