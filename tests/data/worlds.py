"""Small tables of flights and arrivals, and the hours they are told in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lapwise.core.declaration import Table
from lapwise.core.errors import DataError
from lapwise.core.model import DatasetVersion
from lapwise.data.examples import build_examples
from lapwise.data.model import Examples, Label
from lapwise.data.snapshot import snapshot
from lapwise.store.model import Store

UTC = pl.Datetime("us", "UTC")
HOUR = 3_600_000_000
DAY = 24 * HOUR

FLIGHTS = Table("flights", "flights.parquet", key="flight", event="departure", known="published")
ARRIVALS = Table("arrivals", "arrivals.parquet", key="flight", event="arrived", known="told")


def instants(hours: Sequence[float | None]) -> pl.Series:
    """Return hours since 1970 as UTC microseconds."""
    return pl.Series([None if hour is None else int(hour * HOUR) for hour in hours]).cast(UTC)


def flights(rows: Sequence[tuple[int, float, float, float]], **more: Any) -> pl.DataFrame:
    """Return flights from (flight, published, predicted, departure)."""
    flight, published, predicted, departure = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            "flight": flight,
            "published": instants(published),
            "predicted": instants(predicted),
            "departure": instants(departure),
            "tail": [f"N{number % 5}" for number in flight],
        }
        | more
    )


def arrivals(rows: Sequence[tuple[int, float, float, float | None]]) -> pl.DataFrame:
    """Return arrivals from (flight, arrived, told, delay)."""
    flight, arrived, told, delay = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            "flight": flight,
            "arrived": instants(arrived),
            "told": instants(told),
            "delay": pl.Series(delay, dtype=pl.Float64),
        }
    )


def taken(
    frame: pl.DataFrame,
    table: Table,
    store: Store,
    root: Path,
    *,
    until: float,
    accept: bool = False,
) -> DatasetVersion:
    """Write a table's only file and take a snapshot of it."""
    frame.write_parquet(root / table.sources[0])
    return snapshot(table, store, root=root, watermark=int(until * HOUR), accept=accept)


def examples_of(**more: Any) -> Examples:
    """Declare: will the flight be more than 15 minutes late?"""
    label = more.pop("label", Label(ARRIVALS, pl.col("delay") > 15, on="flight", within="12h"))
    declared: dict[str, Any] = {"unit": "tail", "inputs": ["tail"], "block": "1d"}
    return Examples(FLIGHTS, row="flight", time="predicted", label=label, **(declared | more))


def built(
    flown: pl.DataFrame,
    landed: pl.DataFrame,
    store: Store,
    root: Path,
    *,
    until: float,
    **more: Any,
) -> pl.DataFrame:
    """Snapshot both tables and build the examples as of an hour."""
    versions = {
        table.name: taken(frame, table, store, root, until=until, accept=True)
        for table, frame in ((FLIGHTS, flown), (ARRIVALS, landed))
    }
    return build_examples(examples_of(**more), versions, store, as_of=int(until * HOUR))


LATE = 1_000 * HOUR
MANY = Table("flights", "months/*.parquet", key="flight", event="departure", known="published")


def rows(count: int, start: int = 0) -> pl.DataFrame:
    """Return a flight an hour."""
    return flights([(i, float(i), i + 1.0, i + 3.0) for i in range(start, start + count)])


def months(root: Path, *frames: pl.DataFrame) -> None:
    """Write the files of the table MANY."""
    (root / "months").mkdir(exist_ok=True)
    for at, frame in enumerate(frames):
        frame.write_parquet(root / f"months/{at}.parquet")


def kept(store: Store) -> tuple[int, int]:
    """Return how many versions and blobs the store has."""
    return len(store.datasets.list()), len(list(store.blobs.digests()))


def refused(store: Store, root: Path, message: str, table: Table = FLIGHTS) -> DataError:
    """Return the one error of a snapshot that keeps nothing and says what to do."""
    with pytest.raises(DataError, match=message) as error:
        snapshot(table, store, root=root, watermark=LATE)
    assert error.value.fix
    assert kept(store) == (0, 0)
    return error.value
