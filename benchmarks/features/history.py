"""Made-up histories in Parquet files, and the views that are asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lapwise.core.declaration import Table
from lapwise.features import model as lw
from lapwise.features.model import Aggregate, FeatureView

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lapwise.features.model import Latest

DAY = 86_400_000_000
YEAR = 365 * DAY
INSTANT = pl.Datetime("us", "UTC")
COLUMNS = [f"v{number}" for number in range(5)]
EVENTS = Table("events", "events.parquet", key="id", event="event")
NOW = 1_700_000_000_000_000
"""As of when the online store is asked: after all that happened."""


@dataclass(frozen=True, slots=True)
class Tables:
    """A folder with ``events.parquet`` and ``examples.parquet``, and their bytes in memory."""

    folder: Path
    size: float


def write_tables(folder: Path, examples: int, rows: int, keys: int, *, ordered: bool) -> Tables:
    """Write events with five columns over a year, and examples, in order of time or in none."""
    folder.mkdir()
    random = np.random.default_rng(1)
    events = pl.DataFrame(
        {
            "id": np.arange(rows),
            "event": instants(np.sort(random.integers(0, YEAR, rows))),
            "who": random.integers(0, keys, rows),
            **{column: random.normal(0.0, 100.0, rows) for column in COLUMNS},
        }
    )
    asked = pl.DataFrame(
        {
            "at": instants(np.sort(random.integers(0, YEAR, examples))),
            "who": random.integers(0, keys, examples),
        }
    )
    if not ordered:
        events, asked = (one.sample(fraction=1.0, shuffle=True, seed=3) for one in (events, asked))
    events.write_parquet(folder / "events.parquet")
    asked.write_parquet(folder / "examples.parquet")
    return Tables(folder, events.estimated_size("mb") + asked.estimated_size("mb"))


def write_entities(path: Path, entities: int) -> None:
    """Write one row for each entity, with five columns, all known before ``NOW``."""
    random = np.random.default_rng(1)
    pl.DataFrame(
        {
            "id": np.arange(entities),
            "event": instants(NOW - random.integers(1, DAY, entities)),
            "who": random.permutation(entities),
            **{column: random.normal(0.0, 100.0, entities) for column in COLUMNS},
        }
    ).write_parquet(path)


def activity(entities: int) -> pl.DataFrame:
    """Return 35 days of events: one entity in a hundred has 300 rows, the others 4."""
    random = np.random.default_rng(1)
    counts = np.where(np.arange(entities) % 100 == 0, 300, 4)
    who = random.permutation(np.repeat(np.arange(entities), counts))
    rows = len(who)
    return pl.DataFrame(
        {
            "id": np.arange(rows),
            "event": instants(np.sort(NOW - random.integers(1, 35 * DAY, rows))),
            "who": who,
            "amount": random.lognormal(3.0, 1.0, rows),
            "wait": random.gamma(2.0, 60.0, rows),
            "item": random.integers(0, 500, rows),
        }
    )


def last_values() -> FeatureView:
    """Return the last value of five columns."""
    features = {column: lw.last(column, within="365d") for column in COLUMNS}
    return FeatureView("last", EVENTS, by="who", features=features)


def thirty_sums() -> FeatureView:
    """Return thirty counts, sums, means and deviations over three windows."""
    features: dict[str, Aggregate] = {}
    for window in ("1d", "7d", "30d"):
        features[f"count_{window}"] = lw.count(within=window)
        for column in COLUMNS[:3]:
            features[f"sum_{column}_{window}"] = lw.sum(column, within=window)
            features[f"mean_{column}_{window}"] = lw.mean(column, within=window)
            features[f"std_{column}_{window}"] = lw.std(column, within=window)
    return FeatureView("sums", EVENTS, by="who", features=features)


def ten_extremes() -> FeatureView:
    """Return ten minima and maxima over one window."""
    features = {f"min_{column}": lw.min(column, within="30d") for column in COLUMNS}
    features |= {f"max_{column}": lw.max(column, within="30d") for column in COLUMNS}
    return FeatureView("extremes", EVENTS, by="who", features=features)


def twenty(views: int, grain: str | None) -> list[FeatureView]:
    """Return twenty features of an entity in so many views, each with all windows among its own."""
    features: dict[str, Aggregate | Latest] = {}
    for window in ("1d", "7d", "30d"):
        features[f"count_{window}"] = lw.count(within=window)
        features[f"mean_{window}"] = lw.mean("amount", within=window)
        features[f"std_{window}"] = lw.std("amount", within=window)
        features[f"max_{window}"] = lw.max("wait", within=window)
        features[f"last_{window}"] = lw.last("wait", within=window)
        features[f"distinct_{window}"] = lw.distinct("item", within=window)
    features["sum_30d"] = lw.sum("amount", within="30d")
    features["min_7d"] = lw.min("wait", within="7d")
    named = list(features.items())
    return [
        FeatureView(
            f"of{views}-{at}-{grain or 'exact'}",
            EVENTS,
            by="who",
            features=dict(named[at::views]),
            grain=grain,
        )
        for at in range(views)
    ]


def instants(values: NDArray[np.int64]) -> pl.Series:
    """Return microseconds as instants."""
    return pl.Series(values).cast(INSTANT)
