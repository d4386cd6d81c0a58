"""A version as the data plane keeps it: packed with all that its answers need, and opened again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import msgspec

from lapwise.core.errors import NotFoundError
from lapwise.core.model import ModelVersion, Record
from lapwise.features.definition import load_definition
from lapwise.loop.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from lapwise.core.digest import Digest
    from lapwise.features import FeatureView, OnDemand, OnlineStore
    from lapwise.serving import OpenVersion, ServedVersion
    from lapwise.store.model import Blobs, Store

__all__ = ["Unpacked", "opener", "pack", "unpack"]

_RECIPE = "recipe"
_DEFINITIONS = ("feature_view", "on_demand")


class _Kept(Record, frozen=True, kw_only=True):
    """One record of the store, as JSON."""

    kind: str
    digest: str
    body: msgspec.Raw


class _Packed(Record, frozen=True, kw_only=True):
    """A version with the records that say how its inputs are made."""

    version: ModelVersion
    records: tuple[_Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A packed version, decoded: ``recipe`` is None for one that takes its features as given."""

    version: ModelVersion
    recipe: Recipe | None
    features: Sequence[FeatureView | OnDemand | str]


def pack(version: ModelVersion, store: Store) -> bytes:
    """Return a version with its recipe and its features' definitions, as JSON.

    Raises:
        CorruptError: a definition is not what its digest says.
    """
    kept = []
    if version.lineage.recipe is not None:
        recipe = read_recipe(version.lineage.recipe, store.records)
        kept.append(_kept(_RECIPE, version.lineage.recipe, recipe))
        kept += [_definition(part.digest, store) for part in recipe.features if part.digest]
    packed = msgspec.json.encode(_Packed(version=version, records=tuple(kept)))
    unpack(packed)  # what a worker would refuse is found before it is laid out for one
    return packed


def unpack(content: bytes) -> Unpacked:
    """Return what :func:`pack` packed; no store is asked."""
    packed = msgspec.json.decode(content, type=_Packed)
    records = _Records(packed.records)
    if packed.version.lineage.recipe is None:
        return Unpacked(packed.version, None, ())
    recipe = read_recipe(packed.version.lineage.recipe, records)
    features = [
        load_definition(part.digest, records) if part.digest else part.name
        for part in recipe.features
    ]
    return Unpacked(packed.version, recipe, features)


def opener(folder: Path, features: Path | str) -> OpenVersion:
    """Return what opens versions of a snapshot folder, so that they can answer.

    Args:
        folder: the snapshot folder.
        features: the folder of the online features, or the address of a Redis server.
    """
    from lapwise.serving import read_version, snapshot_blobs

    online: list[OnlineStore] = []

    def open_version(version: str) -> ServedVersion:
        """Load a version.

        Raises:
            ModelError: a file is missing or is not what it says.
            FeatureError: an on-demand feature is not what it was in training, by another Polars.
        """
        from lapwise.features import OnlineStore

        if not online:
            try:
                online.append(OnlineStore.open(features, read_only=True))
            except NotFoundError:  # an empty one, which says itself what it lacks
                OnlineStore.open(features).close()
                online.append(OnlineStore.open(features, read_only=True))
        return _served(unpack(read_version(folder, version)), snapshot_blobs(folder), online[0])

    return open_version


def _served(unpacked: Unpacked, blobs: Blobs, online: OnlineStore) -> ServedVersion:
    from lapwise.registry import load, load_scorer
    from lapwise.serving import FrameScorer, ServedVersion

    version, recipe = unpacked.version, unpacked.recipe
    scorer = load_scorer(version, blobs) or FrameScorer(load(version, blobs))
    if recipe is None:
        return ServedVersion(version=version, scorer=scorer)

    from lapwise.features import OnlineLookup

    lookup = OnlineLookup(unpacked.features, online, columns=recipe.inputs)
    lookup.prove()
    return ServedVersion(
        version=version,
        scorer=scorer,
        lookup=lookup,
        inputs=recipe.inputs,
        row=recipe.row,
        unit=recipe.unit,
        categories={one.column: frozenset(one.values) for one in recipe.categories},
    )


def _definition(digest: Digest, store: Store) -> _Kept:
    for kind in _DEFINITIONS:
        try:
            record = store.records.get(kind, digest, msgspec.Raw)  # type: ignore[arg-type]
        except NotFoundError:
            continue
        return _Kept(kind=kind, digest=digest, body=cast("msgspec.Raw", record))
    raise NotFoundError("a feature's definition is gone", value=digest, fix="lapwise doctor")


def _kept(kind: str, digest: Digest, record: msgspec.Struct) -> _Kept:
    return _Kept(kind=kind, digest=digest, body=msgspec.Raw(msgspec.json.encode(record)))


class _Records:
    """The packed records, a :class:`lapwise.store.model.RecordSource`."""

    def __init__(self, kept: Sequence[_Kept]) -> None:
        self._kept = {(one.kind, one.digest): bytes(one.body) for one in kept}

    def get(self, kind: str, digest: Digest, type: type[msgspec.Struct]) -> msgspec.Struct:
        """Return a record decoded as ``type``; raises NotFoundError."""
        body = self._kept.get((kind, digest))
        if body is None:
            raise NotFoundError(f"there is no {kind} in the snapshot", value=digest)
        return msgspec.json.decode(body, type=type)
