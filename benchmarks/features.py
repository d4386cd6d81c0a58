"""The point-in-time join beside bare Polars ``join_asof``, and many sums, in the same process.

``python -m benchmarks features --examples 1000000 --rows 5000000`` is the size that peers are
compared at.
"""

from __future__ import annotations

import argparse
import resource
import statistics
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import polars as pl

from benchmarks.table import table
from lapwise.core.clock import MachineClock
from lapwise.core.declaration import Table
from lapwise.features import model as lw
from lapwise.features.join import point_in_time
from lapwise.features.model import Aggregate, FeatureView

EVENTS = Table("events", "events.parquet", key="id", event="event")
COLUMNS = [f"v{number}" for number in range(5)]
YEAR = 365 * 86_400 * 1_000_000


def made_up(rows: int, keys: int, seed: int) -> pl.DataFrame:
    """Return events in order of time: five float columns over a year."""
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": np.arange(rows),
            "event": pl.Series(np.sort(random.integers(0, YEAR, rows))).cast(
                pl.Datetime("us", "UTC")
            ),
            "who": random.integers(0, keys, rows),
            **{column: random.normal(0.0, 100.0, rows) for column in COLUMNS},
        }
    )


def last_values() -> FeatureView:
    """Return the last value of five columns."""
    return FeatureView(
        "last", EVENTS, by="who", features={c: lw.last(c, within="365d") for c in COLUMNS}
    )


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


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of some runs."""
    clock = MachineClock()
    taken = []
    for _ in range(repeats):
        before = clock.monotonic()
        work()
        taken.append(clock.monotonic() - before)
    return statistics.median(taken)


def measure(examples: int, rows: int, keys: int, repeats: int) -> list[tuple[str, float, float]]:
    """Return for each piece of work its seconds, and their ratio to ``join_asof``."""
    events = made_up(rows, keys, seed=1)
    random = np.random.default_rng(2)
    asked = pl.DataFrame(
        {
            "at": pl.Series(np.sort(random.integers(0, YEAR, examples))).cast(
                pl.Datetime("us", "UTC")
            ),
            "who": random.integers(0, keys, examples),
        }
    )
    tables = {"events": events.lazy()}

    def bare() -> pl.DataFrame:
        return asked.join_asof(
            events.drop("id"),
            left_on="at",
            right_on="event",
            by="who",
            allow_exact_matches=False,
            check_sortedness=False,
        )

    floor = seconds(bare, repeats)
    results = [("bare Polars join_asof, 5 columns", floor, 1.0)]
    for label, view in (
        ("last of 5 columns", last_values()),
        ("30 counts, sums, means, deviations", thirty_sums()),
        ("10 minima and maxima", ten_extremes()),
    ):
        taken = seconds(partial(point_in_time, asked, [view], time="at", tables=tables), repeats)
        results.append((label, taken, taken / floor))
    return results


def main(argv: Sequence[str]) -> None:
    """Measure, and print a small table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks features")
    parser.add_argument("--examples", type=int, default=200_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args(argv)
    print(
        f"{asked.examples:,} examples, {asked.rows:,} rows, {asked.keys:,} keys;"
        f" medians of {asked.repeats}\n"
    )
    results = measure(asked.examples, asked.rows, asked.keys, asked.repeats)
    print(table(["point-in-time join", "s", "x join_asof"], results))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory of this process {peak:,.0f} MB")
