"""Feast's own figures, in an environment of its own: ``feast_figures.py WHAT FOLDER ARGUMENT...``.

``join FOLDER EVENTS EXAMPLES ENGINE MEMORY``, ``materialize FOLDER ROWS``, ``online FOLDER STORE
ENTITIES LOOKUPS``, ``demand FOLDER LOOKUPS``. Each prints one line of JSON. It is set up as its documentation advises for speed:
the registry is cached in memory and refreshed by a thread, features are asked for by a feature
service, writes to Redis do not look for older values, on-demand features are plain Python, and nothing
is reported home.
"""

import gc
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ["FEAST_USAGE"] = "False"

import numpy as np
import pandas as pd  # type: ignore[import-untyped,unused-ignore]
from feast import (  # type: ignore[import-not-found,unused-ignore]
    Entity,
    FeatureService,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    RepoConfig,
    RequestSource,
    ValueType,
)
from feast.on_demand_feature_view import (  # type: ignore[import-not-found,unused-ignore]
    on_demand_feature_view,
)
from feast.types import (  # type: ignore[import-not-found,unused-ignore]
    Bool,
    Float64,
    Int64,
    String,
    UnixTimestamp,
)

COLUMNS = [f"v{number}" for number in range(5)]
WIDE = 20
WARM = 50
YEAR = timedelta(days=400)


def store(folder: str, online: dict[str, object], engine: str = "file") -> FeatureStore:
    """Open a store with a local registry."""
    registry = {
        "path": f"{folder}/registry.db",
        "cache_mode": "thread",
        "cache_ttl_seconds": 3600,
    }
    return FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=registry,
            online_store=online,
            offline_store={"type": engine},
            entity_key_serialization_version=3,
        )
    )


def view(name: str, path: str, columns: list[str], field: str = "event") -> FeatureView:
    """Return a view of columns by ``who``."""
    return FeatureView(
        name=name,
        entities=[entity()],
        ttl=YEAR,
        schema=[Field(name=column, dtype=Float64) for column in columns],
        source=FileSource(name=name, path=path, timestamp_field=field),
    )


def entity() -> Entity:
    """Return the entity of all views."""
    return Entity(name="who", join_keys=["who"], value_type=ValueType.INT64)


def sqlite(folder: str) -> dict[str, object]:
    """Return the settings of an online store on SQLite."""
    return {"type": "sqlite", "path": f"{folder}/online.db"}


def peak_mb() -> float:
    """Return the megabytes of this process at its peak; ``getrusage`` begins with its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def join(folder: str, events: str, examples: str, engine: str, memory: str) -> dict[str, float]:
    """Return seconds and megabytes of a point-in-time join, and how many rows came back."""
    most = int(memory) << 20
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    feast = store(folder, sqlite(folder), engine)
    feast.apply([entity(), view("last", events, COLUMNS)])
    asked = pd.read_parquet(examples).rename(columns={"at": "event_timestamp"})
    refs = [f"last:{column}" for column in COLUMNS]
    begun = time.perf_counter()
    found = feast.get_historical_features(entity_df=asked, features=refs).to_df()
    spent = time.perf_counter() - begun
    return {
        "s": spent,
        "mb": peak_mb(),
        "rows": len(found),
        "check": float(found[COLUMNS].sum().sum()),
    }


def materialize(folder: str, rows: str) -> dict[str, float]:
    """Return seconds, megabytes on disk and of memory to bring one row of each entity online."""
    feast = store(folder, sqlite(folder))
    feast.apply([entity(), view("last", rows, COLUMNS)])
    begun = time.perf_counter()
    feast.materialize(datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
    spent = time.perf_counter() - begun
    disk = sum(one.stat().st_blocks * 512 for one in Path(folder).glob("online.db*"))
    peak = peak_mb()
    return {"s": spent, "disk": disk / 1e6, "mb": peak}


def online(folder: str, where: str, entities: str, lookups: str) -> dict[str, list[float]]:
    """Return microseconds of look-ups of 20 features of 1 and 100 entities, and of a push.

    A service that is called "whole" reads what was put together for it beforehand, in one piece.

    Args:
        folder: for the registry, and the store if it is on SQLite.
        where: ``sqlite``, or Redis's ``HOST:PORT``.
        entities: how many are in the store.
        lookups: how many of one entity are made; of 100, a tenth.
    """
    size, times = int(entities), int(lookups)
    setting = (
        sqlite(folder)
        if where == "sqlite"
        else {"type": "redis", "connection_string": where, "skip_dedup": True}
    )
    feast = store(folder, setting)
    names = [f"f{at}" for at in range(WIDE)]
    one = view("one", f"{folder}/none.parquet", names)
    four = [view(f"of4_{at}", f"{folder}/none.parquet", names[at::4]) for at in range(4)]
    values = pd.DataFrame(np.random.default_rng(1).normal(size=(size, WIDE)), columns=names)
    values.insert(0, "who", np.arange(size))
    values.insert(1, "event", datetime.now(UTC))
    values.head(10).to_parquet(f"{folder}/none.parquet")
    services = {
        "one": FeatureService(name="one", features=[one]),
        "four": FeatureService(name="four", features=four),
    }
    if where != "sqlite":  # the only store that it can make them in
        for name, of in (("one", [one]), ("four", four)):
            made = FeatureService(name=f"{name}_whole", features=of, precompute_online=True)
            services[f"{name}_whole"] = made
    feast.apply([entity(), one, *four, *services.values()])
    for each in (one, *four):
        columns = [field.name for field in each.schema if field.name != "who"]
        feast.write_to_online_store(each.name, df=values[["who", "event", *columns]])
    if where != "sqlite":
        assert feast.precompute_feature_service() == 2 * size
    chance = random.Random(7)

    def ask(service: FeatureService, count: int) -> Callable[[], object]:
        def asking() -> object:
            rows = {"who": [chance.randrange(size) for _ in range(count)]}
            return feast.get_online_features(
                features=service, entity_rows=rows, full_feature_names=True
            ).to_dict()

        return asking

    def push() -> object:
        row = values.iloc[[chance.randrange(size)]].assign(event=datetime.now(UTC))
        return feast.write_to_online_store("one", df=row)

    found = ask(services["one"], 1)()
    assert isinstance(found, dict)
    assert all(found[f"one__{name}"][0] is not None for name in names)
    told = {"push": timed(push, times // 4)}
    for name, service in services.items():
        told[f"{name}, 1"] = timed(ask(service, 1), times)
        if name.startswith("one"):
            told[f"{name}, 100"] = timed(ask(service, 100), times // 10)
    return told


REQUEST = RequestSource(
    name="request",
    schema=[
        Field(name="distance", dtype=Float64),
        Field(name="seats", dtype=Int64),
        Field(name="carrier", dtype=String),
        Field(name="scheduled", dtype=UnixTimestamp),
    ],
)
TWO = {"hour": Int64, "far": Bool}
TEN = TWO | {
    "weekday": Int64,
    "month": Int64,
    "kilometres": Float64,
    "crowd": Int64,
    "each": Float64,
    "major": Bool,
    "short": String,
    "known": Float64,
}


def fields(types: dict[str, Any]) -> list[Field]:
    """Return a schema."""
    return [Field(name=name, dtype=dtype) for name, dtype in types.items()]


@on_demand_feature_view(sources=[REQUEST], schema=fields(TWO), mode="python")  # type: ignore[untyped-decorator,unused-ignore]
def two(inputs: dict[str, Any]) -> dict[str, Any]:
    """Compute two features of a request."""
    return {
        "hour": [one.hour for one in inputs["scheduled"]],
        "far": [one > 1000 for one in inputs["distance"]],
    }


@on_demand_feature_view(sources=[REQUEST], schema=fields(TEN), mode="python")  # type: ignore[untyped-decorator,unused-ignore]
def ten(inputs: dict[str, Any]) -> dict[str, Any]:
    """Compute ten features of a request."""
    whens, distances, seats = inputs["scheduled"], inputs["distance"], inputs["seats"]
    return {
        "hour": [one.hour for one in whens],
        "weekday": [one.isoweekday() for one in whens],
        "month": [one.month for one in whens],
        "far": [one > 1000 for one in distances],
        "kilometres": [round(one * 1.609344, 1) for one in distances],
        "crowd": [2 if one > 200 else 1 if one > 100 else 0 for one in seats],
        "each": [one / each for one, each in zip(distances, seats, strict=True)],
        "major": [one in {"UA", "AA", "DL"} for one in inputs["carrier"]],
        "short": [one.lower() for one in inputs["carrier"]],
        "known": [(one or 0) + (each or 0) for one, each in zip(distances, seats, strict=True)],
    }


def demand(folder: str, lookups: str) -> dict[str, list[float]]:
    """Return microseconds of two and of ten on-demand features, of 1 and of 100 rows."""
    feast = store(folder, sqlite(folder))
    services = {
        "two": FeatureService(name="service_two", features=[two]),
        "ten": FeatureService(name="service_ten", features=[ten]),
    }
    feast.apply([two, ten, *services.values()])
    begun = datetime(2024, 1, 1, tzinfo=UTC)
    chance = random.Random(7)
    told = {}
    for size in (1, 100):
        for name, service in services.items():

            def ask(size: int = size, service: FeatureService = service) -> object:
                rows = {
                    "distance": [3000 * chance.random() for _ in range(size)],
                    "seats": [chance.randrange(50, 350) for _ in range(size)],
                    "carrier": [chance.choice(["UA", "EV", "B6"]) for _ in range(size)],
                    "scheduled": [begun] * size,
                }
                return feast.get_online_features(features=service, entity_rows=rows).to_dict()

            told[f"{name}, {size}"] = timed(ask, int(lookups) if size == 1 else int(lookups) // 5)
    return told


def timed(act: Callable[[], object], times: int) -> list[float]:
    """Return the microseconds of each of several calls, after some that are not counted.

    What lives before is kept from the garbage collector, as for Lapwise.
    """
    gc.collect()
    gc.freeze()
    spent = []
    for number in range(WARM + times):
        begun = time.perf_counter()
        act()
        if number >= WARM:
            spent.append((time.perf_counter() - begun) * 1e6)
    return spent


if __name__ == "__main__":
    acts = {"join": join, "materialize": materialize, "online": online, "demand": demand}
    print(json.dumps(acts[sys.argv[1]](*sys.argv[2:])))  # type: ignore[operator]
