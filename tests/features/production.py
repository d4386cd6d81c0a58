"""A small production: a store that serves, a log of what it served, and tables that say what is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from lapwise.core.declaration import Table
from lapwise.core.model import Column
from lapwise.features import model as lw
from lapwise.features.expressions.demand import OnDemand
from lapwise.features.frame import Feature
from lapwise.features.model import FeatureView
from lapwise.features.online.lookup import OnlineLookup
from lapwise.features.online.store import OnlineStore
from lapwise.features.proving.cause import Former, Traces
from lapwise.features.proving.parity import Difference, compare

START = datetime(2024, 3, 1, tzinfo=UTC)
TABLE = Table("landings", "landings.parquet", key="flight", event="landed", known="reported")
PLANE = FeatureView(
    "plane",
    TABLE,
    by="tail",
    features={
        "n": lw.count(within="1d"),
        "n_3h": lw.count(within="3h"),
        "mean": lw.mean("delay", within="1d"),
        "sum": lw.sum("delay", within="1d"),
        "last": lw.last("delay", within="1d"),
        "most": lw.max("delay", within="3h"),
    },
)
COLUMNS = [Column(name="tail", dtype="String"), Column(name="distance", dtype="Float64")]
HOUR = 3_600_000_000
ORIGIN = int(START.timestamp()) * 1_000_000


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def micros(hours: float) -> int:
    return ORIGIN + round(hours * HOUR)


def landing(
    flight: str, landed: float | None, reported: float, delay: float, tail: str = "N1"
) -> dict[str, Any]:
    return {
        "flight": flight,
        "landed": None if landed is None else at(landed),
        "reported": at(reported),
        "tail": tail,
        "delay": delay,
    }


def table_of(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    moment = pl.Datetime("us", "UTC")
    types: dict[str, Any] = {"landed": moment, "reported": moment, "delay": pl.Float64}
    return pl.DataFrame(
        list(rows), schema_overrides=types, schema=["flight", "landed", "reported", "tail", "delay"]
    )


ROWS = [
    *(landing(f"A{hour}", hour, hour + 0.25, 7.0 * hour + 1) for hour in range(10)),
    landing("B", 8.5, 9.5, 40.0, "N2"),
]


class Production:
    """A store that serves, a log of what it served, and the tables that say what is right."""

    def __init__(
        self, folder: Path, features: Sequence[Feature] = (PLANE,), keep: str = "7d"
    ) -> None:
        self.store = OnlineStore.open(folder, keep=keep)
        self.features = list(features)
        self.views = [one for one in features if isinstance(one, FeatureView)]
        self.logged: list[dict[str, Any]] = []

    def serve(self, hours: float, tail: str = "N1", features: Sequence[Feature] = ()) -> None:
        """Answer one request, and log it."""
        chosen = features or self.features
        inputs: dict[str, Any] = {"tail": [tail], "distance": [150.0]}
        lookup = OnlineLookup(chosen, self.store, columns=COLUMNS)
        found = lookup.look_up(inputs, at=micros(hours))
        values = {name: value[0] for name, value in {**inputs, **found}.items()}
        self.logged.append({"id": f"r{len(self.logged)}", "at": micros(hours)} | values)

    def again(self, view: FeatureView, entity: pl.DataFrame, moment: int) -> Any:
        """Ask the store now, as of a moment or the first that it still answers for."""
        state = self.store.state(view)
        moment = max(moment, state.floor if state else moment)
        lookup = OnlineLookup([view], self.store, columns=COLUMNS)
        return moment, lookup.look_up({"tail": entity["tail"].to_list()}, at=moment)

    def differences(
        self,
        rows: Sequence[Mapping[str, Any]] = ROWS,
        *,
        online: bool = True,
        former: Sequence[Former] = (),
        others: Sequence[FeatureView | OnDemand] = (),
        logged: pl.DataFrame | None = None,
    ) -> tuple[Difference, ...]:
        """Compare what was served with what the tables say."""
        again = self.again if online else None
        traces = Traces(former={"landings": former}, others=others, again=again)
        return compare(
            pl.DataFrame(self.logged) if logged is None else logged,
            self.features,
            time="at",
            row="id",
            tables={"landings": table_of(rows).lazy()},
            columns=COLUMNS,
            traces=traces,
        ).differences

    def cause(self, **options: Any) -> tuple[str, str]:
        """Return the one kind of cause of all differences, and its sentence."""
        found = {(one.kind, one.cause) for one in self.differences(**options)}
        assert len(found) == 1, found
        return found.pop()
