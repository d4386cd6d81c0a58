"""Which products there are, and which version bears a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.errors import NotFoundError

if TYPE_CHECKING:
    from lapwise.core.model import ModelVersion
    from lapwise.store.model import Store

__all__ = ["aliases_of", "find_version", "names", "require", "versions_by_id"]

_LOOKED_AT = 1000


def names(store: Store) -> tuple[str, ...]:
    """Return the names of all loops and models, the one that moved last first."""
    laps = {lap.loop: None for lap in store.laps.list(limit=_LOOKED_AT)}
    models = {version.model: None for version in store.models.list(limit=_LOOKED_AT)}
    return tuple({**laps, **models})


def aliases_of(store: Store, model: str) -> dict[int, tuple[str, ...]]:
    """Return a model's aliases by the number of the version that each names."""
    found: dict[int, tuple[str, ...]] = {}
    for label in store.labels.of("alias", [model]).get(model, ()):
        number = int(label.value)
        found[number] = (*found.get(number, ()), label.name)
    return found


def find_version(store: Store, model: str, number: int) -> ModelVersion:
    """Return a version by its number; raises NotFoundError."""
    return store.models.get(f"{model}@v{number}")


def versions_by_id(store: Store, model: str) -> dict[str, ModelVersion]:
    """Return a model's newest versions by id, newest first."""
    return {version.id: version for version in store.models.list(model, limit=_LOOKED_AT)}


def require(store: Store, name: str) -> None:
    """Refuse a name that nothing has; raises NotFoundError."""
    if not (store.laps.list(name, limit=1) or store.models.list(name, limit=1)):
        raise NotFoundError(
            "there is no loop or model of that name",
            expected=", ".join(names(store)) or "a store in which a lap was gone",
            fix="lapwise laps",
        )
