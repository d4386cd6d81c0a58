"""Prove that production answered on the features that training would have computed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from lapwise.core.errors import NotFoundError
from lapwise.data import scan
from lapwise.features import Parity, compare
from lapwise.loop.deploy import folder_of
from lapwise.loop.recipe import Recipe, read_features, read_recipe
from lapwise.serving import LogReader, log_folder, prediction_frame

if TYPE_CHECKING:
    from pathlib import Path

    from lapwise.core.model import DatasetVersion, KeyPart
    from lapwise.store.model import Store

__all__ = ["damaged_bytes", "read_predictions", "verify_features"]


_ALL = 10_000


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
    store: Store, logged: pl.DataFrame, *, versions: Mapping[str, DatasetVersion] | None = None
) -> Parity:
    """Recompute every vector that was looked up from dataset tables alone, and compare bit by bit.

    Those that were looked up after all that the tables know are left out: nothing can be said of them.

    Args:
        store: where versions, definitions and tables are.
        logged: what :func:`read_predictions` gave.
        versions: by table name, what to read; default: of each table the version that
            knows most.
    """
    looked_up = logged.filter("looked_up")
    # Versions with the same definitions were fed alike, and are compared in one go.
    groups: dict[tuple[KeyPart, ...], list[str]] = defaultdict(list)
    recipes: dict[tuple[KeyPart, ...], Recipe] = {}
    for version in looked_up["version"].unique(maintain_order=True):
        recipe = read_recipe(store.models.get(version).lineage.recipe or "", store.records)
        groups[recipe.features].append(version)
        recipes[recipe.features] = recipe
    found = [
        _compare(
            store,
            looked_up.filter(pl.col("version").is_in(fed)),
            recipes[features],
            versions or {},
        )
        for features, fed in groups.items()
    ]
    return _joined(found)


def _compare(
    store: Store, rows: pl.DataFrame, recipe: Recipe, versions: Mapping[str, DatasetVersion]
) -> Parity:
    features = read_features(recipe, store.records)
    names = {
        one.table.name for one in features if not isinstance(one, str) and hasattr(one, "table")
    }
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
    )


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
    )
