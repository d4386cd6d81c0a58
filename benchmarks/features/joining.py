"""One join in a fresh process: ``python -m benchmarks.features.joining CASE FOLDER REPEATS``.

It reads ``events.parquet`` and ``examples.parquet`` and prints a line of JSON: seconds from the files
to the answer (the median), for last values also those with both tables in memory; megabytes of the
process at its peak after the first join, and those above what its imports took; and a sum over all features, by which two cases are known
to have computed the same.

Bare Polars does two things. For last values it is ``join_asof``. For windows, the examples are put
among the events, sorted, and rolled over by group with ``closed="left"``: the same window ends at the
example's time, in floats. It knows no known time and no correction, counts exact duplicates twice,
and its sums depend on the order of addition.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil

from benchmarks.peak import peak_mb
from lapwise.core.clock import MachineClock

if TYPE_CHECKING:
    import polars as pl

COLUMNS = [f"v{number}" for number in range(5)]


def lapwise_last(events: pl.LazyFrame, examples: pl.DataFrame) -> pl.DataFrame:
    from benchmarks.features.history import last_values

    return _lapwise([last_values()], events, examples)


def lapwise_sums(events: pl.LazyFrame, examples: pl.DataFrame) -> pl.DataFrame:
    from benchmarks.features.history import thirty_sums

    return _lapwise([thirty_sums()], events, examples)


def lapwise_extremes(events: pl.LazyFrame, examples: pl.DataFrame) -> pl.DataFrame:
    from benchmarks.features.history import ten_extremes

    return _lapwise([ten_extremes()], events, examples)


def _lapwise(views: list, events: pl.LazyFrame, examples: pl.DataFrame) -> pl.DataFrame:  # type: ignore[type-arg]
    from lapwise.features.offline.join import point_in_time

    return point_in_time(examples, views, time="at", tables={"events": events})


def bare_last(events: pl.LazyFrame, examples: pl.DataFrame) -> pl.DataFrame:
    """Join what is in order of time already."""
    return examples.join_asof(
        events.select("event", "who", *COLUMNS).collect(),
        left_on="at",
        right_on="event",
        by="who",
        allow_exact_matches=False,
        check_sortedness=False,
    )


def bare_sorted_last(events: pl.LazyFrame, examples: pl.DataFrame) -> pl.DataFrame:
    """Sort both sides first; the answer is in the order of time."""
    return bare_last(events.sort("event"), examples.sort("at"))


def bare_sums(events: pl.LazyFrame, examples: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    columns = COLUMNS[:3]
    made = [pl.col(columns[0]).count().alias("count")]
    for column in columns:
        one = pl.col(column)
        made += [one.sum(), one.mean().alias(f"mean_{column}"), one.std().alias(f"std_{column}")]
    return _rolled(events, examples, columns, ("1d", "7d", "30d"), made)


def bare_extremes(events: pl.LazyFrame, examples: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    made = [pl.col(column).min() for column in COLUMNS]
    made += [pl.col(column).max().alias(f"max_{column}") for column in COLUMNS]
    return _rolled(events, examples, COLUMNS, ("30d",), made)


def _rolled(
    events: pl.LazyFrame,
    examples: pl.DataFrame,
    columns: list[str],
    windows: tuple[str, ...],
    made: list[pl.Expr],
) -> pl.DataFrame:
    import polars as pl

    asked = examples.lazy().select(pl.col("at").alias("event"), "who", asked=True)
    both = pl.concat([events.select("event", "who", *columns), asked], how="diagonal")
    both = both.sort("who", "event").collect().lazy()
    chosen = both.select("asked").collect().to_series().fill_null(value=False)
    parts = [
        both.rolling("event", period=window, closed="left", group_by="who")
        .agg(*made)
        .drop("who", "event")
        .collect()
        .filter(chosen)
        .rename(lambda name, window=window: f"{name}_{window}")  # type: ignore[misc]
        for window in windows
    ]
    return pl.concat(parts, how="horizontal")


CASES: dict[str, Callable[[pl.LazyFrame, pl.DataFrame], pl.DataFrame]] = {
    "lapwise-last": lapwise_last,
    "lapwise-sums": lapwise_sums,
    "lapwise-extremes": lapwise_extremes,
    "bare-last": bare_last,
    "bare-sorted-last": bare_sorted_last,
    "bare-sums": bare_sums,
    "bare-extremes": bare_extremes,
}


def main(case: str, folder: Path, repeats: int) -> dict[str, float]:
    """Measure a case."""
    import polars as pl

    join, clock = CASES[case], MachineClock()

    def from_files() -> pl.DataFrame:
        return join(
            pl.scan_parquet(folder / "events.parquet"),
            pl.read_parquet(folder / "examples.parquet"),
        )

    def timed(work: Callable[[], pl.DataFrame]) -> float:
        begun = clock.monotonic()
        work()
        return clock.monotonic() - begun

    import_module("lapwise.features.offline.join")
    imported = psutil.Process().memory_info().rss / 2**20
    made = from_files()
    peak = peak_mb()
    check = sum(
        float(series.fill_null(0).sum()) for series in made.drop("at", "event", "who", strict=False)
    )
    height = made.height
    del made
    told = {"peak": peak, "grown": peak - imported, "check": check, "rows": height}
    told["files"] = median([timed(from_files) for _ in range(repeats)])
    if case.endswith("last"):
        events = pl.read_parquet(folder / "events.parquet")
        examples = pl.read_parquet(folder / "examples.parquet")
        told["memory"] = median(
            [timed(lambda: join(events.lazy(), examples)) for _ in range(repeats)]
        )
    return told


if __name__ == "__main__":
    cores = int(os.environ.get("LAPWISE_BENCH_CORES", "0"))
    if cores and hasattr(os, "sched_setaffinity"):
        # Polars has been told its threads; this holds everything else, children included.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
