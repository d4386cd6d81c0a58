"""Features of the year: two versions of a view, an on-demand function, their spread and proof."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl

from lapwise.core.declaration import Table
from lapwise.core.feature import (
    FRAME_SUMMARY,
    Declared,
    DifferentVector,
    FeatureCount,
    FrameSummary,
    Verification,
    ViewFreshness,
)
from lapwise.core.ids import new_id
from lapwise.core.model import KeyPart, ModelVersion
from lapwise.features import (
    FeatureView,
    count,
    definition_digest,
    last,
    last_n,
    mean,
    view_definition,
)
from lapwise.features.summary import summarize
from lapwise.features.words import feature_words
from lapwise.store.model import Store
from tests.server.seen import DAY, END, FIRST, HOSTILE, MODEL

ARRIVALS = Table(
    "arrivals", "arrivals.parquet", key="flight", event="arrived_at", known="reported_at"
)
WEATHER = Table("weather", "weather.parquet", key=("origin", "seen_at"), event="seen_at")
PLANE_BEFORE = FeatureView(
    "plane",
    ARRIVALS,
    by="tailnum",
    owner="ada",
    features={"plane_last_delay": last("delay", within="3d"), "plane_flights": count(within="7d")},
)
PLANE = FeatureView(
    "plane",
    ARRIVALS,
    by="tailnum",
    grain="1h",
    owner="ada",
    features={
        "plane_last_delay": last("delay", within="3d"),
        "plane_mean_delay": mean("delay", within="7d"),
        "plane_flights": count(within="7d"),
        "plane_delay": last_n("delay", 2, within="7d"),
    },
)
SKY = FeatureView(
    "sky",
    WEATHER,
    by="origin",
    owner="weather-team <script>",
    features={"wind_speed": last("wind", within="3h"), "sky": last("sky", within="3h")},
)
NOW_FROM = 4
"""The lap from which on the page had the new version of the view."""


def views_of(lap: int) -> tuple[KeyPart, ...]:
    """Return what a version of a lap was trained on."""
    views = (KeyPart(name=one.name, digest=definition_digest(one)) for one in _views(lap))
    return (*views, KeyPart(name="calendar", digest="ca" * 32))


def _views(lap: int) -> tuple[FeatureView, ...]:
    return (PLANE if lap >= NOW_FROM else PLANE_BEFORE, SKY)


def fill_features(store: Store, versions: Sequence[ModelVersion]) -> None:
    """Keep what laps and watchers would have kept of features."""
    for version in versions:
        _declare(store, version)
        _summarize(store, version)
    _note(store)
    _verify(store, versions)


def _declare(store: Store, version: ModelVersion) -> None:
    lap = version.number
    declared = []
    for view in _views(lap):
        digest = definition_digest(view)
        store.records.add("feature_view", digest, view_definition(view))
        declared.append(
            Declared(
                digest=digest, name=view.name, kind="view", features=view.names,
                words=feature_words(view), table=view.table.name, by=view.by, owner=view.owner,
                loop=MODEL, declared=version.created, said=version.created,
            )
        )  # fmt: skip
    declared.append(
        Declared(
            digest="ca" * 32, name="calendar", kind="on_demand", features=("hour", "night"),
            words=('col("scheduled").dt.hour()', '[(col("scheduled").dt.hour()) < (6)]'),
            inputs=("scheduled",), loop=MODEL, declared=version.created, said=version.created,
        )
    )  # fmt: skip
    store.features.declare(declared)


def _summarize(store: Store, version: ModelVersion) -> None:
    chance = random.Random(version.number)
    rows = 2000

    def some(share: float, value: Any) -> Any:
        return None if chance.random() < share else value

    delays = [some(0.12, chance.gauss(8, 30)) for _ in range(rows)]
    columns: dict[str, list[Any]] = {
        "plane_last_delay": delays,
        "plane_mean_delay": [some(0.08, chance.gauss(6, 12)) for _ in range(rows)],
        "plane_flights": [chance.randrange(30) for _ in range(rows)],
        "plane_delay_1": delays,
        "plane_delay_2": [some(0.2, chance.gauss(8, 30)) for _ in range(rows)],
        "wind_speed": [
            float("nan") if chance.random() < 0.01 else chance.gauss(9, 3) for _ in delays
        ],
        "sky": [some(0.01, HOSTILE if chance.random() < 0.1 else "clear") for _ in range(rows)],
        "hour": [chance.randrange(24) for _ in range(rows)],
        "night": [chance.random() < 0.2 for _ in range(rows)],
    }
    frame = version.lineage.frame or ""
    summary = FrameSummary(
        frame=frame,
        features=tuple(summarize(pl.Series(name, values)) for name, values in columns.items()),
        start=FIRST,
        end=END,
    )
    store.records.add(FRAME_SUMMARY, frame, summary)


def _note(store: Store) -> None:
    store.features.note(
        [
            ViewFreshness(
                loop=MODEL, digest=definition_digest(view), view=view.name, table=view.table.name,
                by=view.by, watermark=END - late, latest=END - late, floor=END - DAY, noted=END,
                entities=4043, rows=61_234,
            )
            for view, late in ((PLANE, 12 * 60_000_000), (SKY, 0))
        ]
    )  # fmt: skip


def _verify(store: Store, versions: Sequence[ModelVersion]) -> None:
    views = tuple(part for part in views_of(9) if part.name != "calendar")
    passed = Verification(
        id=new_id(), model=MODEL, at=END - 30 * DAY, rows=70_000, equal=70_000, views=views_of(1),
        by_feature=(FeatureCount(feature="plane_last_delay", rows=0),),
    )  # fmt: skip
    store.features.prove(passed)
    different = DifferentVector(
        feature="plane_last_delay", row=f"UA1-{HOSTILE}", entity={"tailnum": "N12122"},
        at=END - DAY, logged="12.5", offline="None", kind="not_in_table", cause="online, 1 row more",
    )  # fmt: skip
    store.features.prove(
        msgspec.structs.replace(
            passed,
            id=new_id(),
            at=END,
            rows=81_022,
            equal=81_021,
            left_out=120,
            by_feature=(
                FeatureCount(feature="plane_last_delay", rows=1),
                FeatureCount(feature="wind_speed", rows=0),
            ),
            differences=(different,),
            views=views,
            versions=(versions[-1].id,),
            start=FIRST,
            end=END,
        )
    )
