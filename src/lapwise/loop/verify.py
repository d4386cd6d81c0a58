"""Prove that production answered on the features that training would have computed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from lapwise.core.errors import ConflictError, LapwiseError, NotFoundError
from lapwise.core.feature import DifferentVector, FeatureCount, Verification
from lapwise.core.ids import new_id
from lapwise.data import scan
from lapwise.features import FeatureView, OnlineLookup, Parity, compare
from lapwise.features.proving.cause import Again, Former, Traces
from lapwise.features.request import in_microseconds
from lapwise.loop.deploy import folder_of
from lapwise.loop.online import open_online
from lapwise.loop.recipe import Recipe, read_features, read_recipe
from lapwise.serving import LogReader, log_folder, prediction_frame

if TYPE_CHECKING:
    from pathlib import Path

    from lapwise.core.model import DatasetVersion, KeyPart
    from lapwise.core.protocols import Progress
    from lapwise.features import OnDemand, OnlineStore
    from lapwise.loop.bootstrap import Workshop
    from lapwise.store.model import Store

__all__ = ["damaged_bytes", "read_predictions", "verify_features", "verify_model"]


_ALL = 10_000
_FORMER = 5
_DESCRIBED = 50


def verify_model(
    workshop: Workshop,
    model: str,
    *,
    at: int | None = None,
    versions: Mapping[str, DatasetVersion] | None = None,
    logged: pl.DataFrame | None = None,
) -> Verification:
    """Prove all of a model's logged vectors, and keep what was found in the store.

    Args:
        workshop: the project; its online store, if there is one, is asked for causes.
        model: its name.
        at: the world's time that the result bears; default: now.
        versions: as in :func:`verify_features`.
        logged: what :func:`read_predictions` gave, if it is at hand.

    Returns:
        The record, as kept.

    Raises:
        NotFoundError: nothing was predicted yet.
        LapwiseError: a table or a definition is gone.
    """
    live = workshop.project.live
    rows = read_predictions(live, model) if logged is None else logged
    with _online(workshop) as online:
        parity = verify_features(
            workshop.store, rows, versions=versions, online=online, progress=workshop.progress
        )
    return workshop.store.features.prove(
        _record(
            workshop.store,
            model,
            rows,
            parity,
            at=workshop.world.now() if at is None else at,
            damaged=damaged_bytes(live, model),
        )
    )


def _record(
    store: Store, model: str, logged: pl.DataFrame, parity: Parity, *, at: int, damaged: int
) -> Verification:
    looked_up = logged.filter("looked_up")
    answered = looked_up["version"].unique(maintain_order=True).to_list()
    parts: dict[KeyPart, None] = {}
    for version in answered:
        recipe = read_recipe(store.models.get(version).lineage.recipe or "", store.records)
        parts |= dict.fromkeys(part for part in recipe.features if part.digest)
    span: Any = looked_up.select(
        pl.col("at").min().alias("first"), pl.col("at").max().alias("last")
    )
    return Verification(
        id=new_id(),
        model=model,
        at=at,
        rows=parity.rows,
        equal=parity.equal,
        left_out=logged.height - parity.rows,
        damaged=damaged,
        by_feature=tuple(
            FeatureCount(feature=name, rows=parity.by_feature.get(name, 0))
            for name in parity.features
        ),
        differences=tuple(
            DifferentVector(
                feature=one.feature,
                row=str(one.row),
                entity={name: repr(value) for name, value in one.entity.items()},
                at=one.at,
                logged=repr(one.logged),
                offline=repr(one.offline),
                kind=one.kind,
                cause=one.cause,
            )
            for one in parity.differences
        ),
        views=tuple(parts),
        versions=tuple(answered),
        start=span["first"][0],
        end=span["last"][0],
    )


@contextmanager
def _online(workshop: Workshop) -> Iterator[OnlineStore | None]:
    """Open the online store to be asked for causes; without one there are fewer of them."""
    try:
        online = open_online(workshop, read_only=True)
    except (NotFoundError, ConflictError):
        yield None
        return
    with closing(online):
        yield online


def read_predictions(live: Path, model: str) -> pl.DataFrame:
    """Return what users were answered, one row a prediction, as the log's frame has it.

    Raises:
        NotFoundError: nothing was logged.
    """
    entries = LogReader(log_folder(folder_of(live, model)), shadows=False).read()
    logged = prediction_frame(entries)
    if logged.is_empty():
        raise NotFoundError(
            "nothing was predicted yet", value=model, fix=f"lapwise serve {model}, and ask it"
        )
    return logged


def damaged_bytes(live: Path, model: str) -> int:
    """Return how many bytes of a model's prediction log are damaged; what they held is lost.

    An entry that a killed process left half written is not damage: it was never answered.
    """
    reader = LogReader(log_folder(folder_of(live, model)))
    for _ in reader.skip(0):
        pass
    return reader.damaged


def verify_features(
    store: Store,
    logged: pl.DataFrame,
    *,
    versions: Mapping[str, DatasetVersion] | None = None,
    online: OnlineStore | None = None,
    progress: Progress | None = None,
) -> Parity:
    """Recompute every vector that was looked up from dataset tables alone, and compare bit by bit.

    Those that were looked up after all that the tables know are left out: nothing can be said of them.

    Args:
        store: where versions, definitions and tables are.
        logged: what :func:`read_predictions` gave.
        versions: by table name, what to read; default: of each table the version that
            knows most.
        online: asked, where a vector differs, whether what was missing has come since.
        progress: where to show how far it has come, in features.
    """
    looked_up = logged.filter("looked_up")
    # Versions with the same definitions were fed alike, and are compared in one go.
    groups: dict[tuple[KeyPart, ...], list[str]] = defaultdict(list)
    recipes: dict[tuple[KeyPart, ...], Recipe] = {}
    for version in looked_up["version"].unique(maintain_order=True):
        recipe = read_recipe(store.models.get(version).lineage.recipe or "", store.records)
        groups[recipe.features].append(version)
        recipes[recipe.features] = recipe
    every = _definitions(store, looked_up)
    found = [
        _compare(
            store,
            looked_up.filter(pl.col("version").is_in(fed)),
            recipes[features],
            versions or {},
            _Helps(every, online, progress),
        )
        for features, fed in groups.items()
    ]
    return _joined(found)


@dataclass(frozen=True, slots=True)
class _Helps:
    """What else a comparison is given."""

    definitions: Sequence[FeatureView | OnDemand]
    online: OnlineStore | None
    progress: Progress | None


def _definitions(store: Store, looked_up: pl.DataFrame) -> list[FeatureView | OnDemand]:
    """Return all definitions that versions of the models have been trained on."""
    found: dict[str, FeatureView | OnDemand] = {}
    models = {store.models.get(one).model for one in looked_up["version"].unique()}
    for model in sorted(models):
        for version in store.models.list(model, limit=_ALL):
            if not version.lineage.recipe:
                continue
            recipe = read_recipe(version.lineage.recipe, store.records)
            if all(part.digest in found for part in recipe.features if part.digest):
                continue
            for part, one in zip(
                recipe.features, read_features(recipe, store.records), strict=True
            ):
                if not isinstance(one, str):
                    found[part.digest] = one
    return list(found.values())


def _compare(
    store: Store,
    rows: pl.DataFrame,
    recipe: Recipe,
    versions: Mapping[str, DatasetVersion],
    helps: _Helps,
) -> Parity:
    features = read_features(recipe, store.records)
    names = {one.table.name for one in features if isinstance(one, FeatureView)}
    read = {name: versions.get(name) or _latest(store, name) for name in sorted(names)}
    tables = {name: scan(version, store) for name, version in read.items()}
    until = min((version.watermark for version in read.values()), default=None)
    if until is not None:
        rows = rows.filter(pl.col("at") <= until)
    carried = [column.name for column in recipe.inputs]
    made = [
        pl.col(name).alias(name.removeprefix("feature:"))
        for name in rows.columns
        if name.startswith("feature:") and name.removeprefix("feature:") not in carried
    ]
    inputs = [pl.col(f"input:{name}").alias(name) for name in carried]
    return compare(
        rows.select("at", "row", *inputs, *made),
        features,
        time="at",
        row="row",
        tables=tables,
        columns=recipe.inputs,
        most=_DESCRIBED,
        traces=Traces(
            former={name: _former(store, version) for name, version in read.items()},
            others=helps.definitions,
            again=None if helps.online is None else _asking(helps.online, recipe),
        ),
        progress=helps.progress,
    )


def _former(store: Store, version: DatasetVersion) -> list[Former]:
    """Return how a table was read before, latest first, where its content may have been another."""
    earlier = [one for one in store.datasets.list(version.table, limit=_ALL) if one != version]
    earlier.sort(key=lambda one: (one.created, one.number), reverse=True)
    found: list[Former] = []
    for one in earlier[:_FORMER]:
        with suppress(LapwiseError):  # its files were cleaned up
            rows = scan(one, store)
            found.append(Former(f"{one.table}@v{one.number}", one.watermark, rows))
    return found


def _asking(online: OnlineStore, recipe: Recipe) -> Again:
    """Return what asks an online store, as of a time or the first that it still answers for."""

    def again(
        view: FeatureView, entity: pl.DataFrame, at: int
    ) -> tuple[int, Mapping[str, Sequence[Any]]] | None:
        try:
            state = online.state(view)
            if state is None:
                return None
            moment = max(at, state.floor)
            lookup = OnlineLookup([view], online, columns=recipe.inputs)
            inputs = {name: in_microseconds(entity[name]).to_list() for name in view.by}
            return moment, lookup.look_up(inputs, at=moment)
        except LapwiseError:
            return None

    return again


def _latest(store: Store, table: str) -> DatasetVersion:
    """Return the version of a table that knows most: laps also keep versions of an earlier time."""
    found = store.datasets.list(table, limit=_ALL)
    return max(found, key=lambda one: one.watermark) if found else store.datasets.get(table)


def _joined(found: Sequence[Parity]) -> Parity:
    by_feature: dict[str, int] = defaultdict(int)
    for one in found:
        for name, count in one.by_feature.items():
            by_feature[name] += count
    return Parity(
        rows=sum(one.rows for one in found),
        equal=sum(one.equal for one in found),
        by_feature=dict(by_feature),
        differences=tuple(difference for one in found for difference in one.differences),
        features=tuple(dict.fromkeys(name for one in found for name in one.features)),
    )
