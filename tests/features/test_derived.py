"""On-demand features may read features: computed after them, in the order of the list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lapwise.core.declaration import Table
from lapwise.core.errors import DeclarationError, FeatureError
from lapwise.core.model import Column
from lapwise.features import model as lw
from lapwise.features.definition import load_definition
from lapwise.features.expressions.demand import OnDemand, on_demand
from lapwise.features.expressions.scalar import translate
from lapwise.features.frame import Feature, build_frame, compute, feature_names, read_frame
from lapwise.features.model import FeatureView
from lapwise.features.online.lookup import OnlineLookup
from lapwise.features.online.store import OnlineStore
from lapwise.features.order import columns_read
from lapwise.features.types import feature_type
from lapwise.store.model import Store
from lapwise.store.open import open_store

DAY = datetime(2013, 1, 1, tzinfo=UTC)
TABLE = Table("arrivals", "arrivals.parquet", key="id", event="at")
PLANE = FeatureView(
    "plane",
    TABLE,
    "tail",
    {"latest": lw.last("delay", within="3d"), "usual": lw.mean("delay", within="3d")},
)


@on_demand
def trend(latest: pl.Expr, usual: pl.Expr) -> dict[str, pl.Expr]:
    """Return how much worse the latest is than usual."""
    return {"trend": latest - usual}


@on_demand
def worse(trend: pl.Expr, limit: pl.Expr) -> dict[str, pl.Expr]:
    """Read an on-demand feature and a column of the request."""
    return {"worse": trend / 60.0 > limit}


FEATURES: list[Feature] = [PLANE, trend, "limit", worse]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A real store."""
    with open_store(f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs") as opened:
        yield opened


def tables() -> dict[str, pl.LazyFrame]:
    """Return an arrival every hour."""
    times = [DAY + timedelta(hours=hour) for hour in range(48)]
    rows = {"id": range(48), "at": times, "tail": ["N1", "N2", "N3"] * 16, "delay": range(48)}
    return {"arrivals": pl.DataFrame(rows).lazy()}


def examples() -> pl.DataFrame:
    """Return four examples, one of an unknown plane."""
    return pl.DataFrame(
        {
            "row": ["a", "b", "c", "d"],
            "time": [DAY + timedelta(hours=hour) for hour in (10, 20, 30, 40)],
            "tail": ["N1", "N2", "N3", None],
            "limit": [0.1, 0.1, 0.2, 0.2],
        }
    )


def test_derived_features_are_made_of_features_and_columns() -> None:
    frame = compute(examples(), FEATURES, time="time", tables=tables())
    assert frame.columns == ["row", "time", "tail", "limit", "latest", "usual", "trend", "worse"]
    plain = compute(examples(), [PLANE], time="time", tables=tables())
    assert frame["trend"].to_list() == (plain["latest"] - plain["usual"]).to_list()
    assert frame["trend"].to_list()[-1] is None
    assert frame["worse"].to_list() == [False, True, True, None]
    assert feature_names(FEATURES) == ("latest", "usual", "trend", "limit", "worse")


def test_row_by_row_without_polars_they_are_the_same() -> None:
    """What a server does: each row alone, every feature after what it reads."""
    frame = compute(examples(), FEATURES, time="time", tables=tables())
    types: dict[str, pl.DataType] = {"limit": pl.Float64()}
    types |= {name: feature_type(one, pl.Int64()) for name, one in PLANE.features}
    evaluators = []
    for feature in (trend, worse):
        evaluator = translate(feature, types)
        types |= dict(zip(feature.outputs, evaluator.types, strict=True))
        evaluators.append((feature, evaluator))
    for row in frame.iter_rows(named=True):
        known = {name: row[name] for name in ("latest", "usual", "limit")}
        for feature, evaluator in evaluators:
            made = evaluator.scalar([known[name] for name in feature.inputs])
            known |= dict(zip(feature.outputs, made, strict=True))
        assert (known["trend"], known["worse"]) == (row["trend"], row["worse"])


def test_what_is_no_feature_is_refused() -> None:
    with pytest.raises(DeclarationError, match="no feature: 3"):
        columns_read(cast("list[Feature]", [3]))
    with pytest.raises(DeclarationError, match="no feature"):
        feature_names(cast("list[Feature]", [PLANE, None]))


def test_requests_carry_what_is_no_feature() -> None:
    assert columns_read(FEATURES) == ("tail", "limit")
    assert columns_read([trend]) == ("latest", "usual")
    assert columns_read([]) == ()


def test_a_frame_keeps_and_proves_them(store: Store) -> None:
    frame = build_frame(
        examples(), FEATURES, time="time", row="row", tables=tables(), datasets={}, store=store
    )
    assert frame.features == ("latest", "usual", "trend", "limit", "worse")
    assert [part.name for part in frame.views] == ["plane", "trend", "worse"]
    loaded: list[Feature] = [load_definition(part.digest, store.records) for part in frame.views]
    again = compute(examples(), loaded, time="time", tables=tables())
    assert_frame_equal(read_frame(frame, store).select("worse"), again.select("worse"))


def test_what_is_read_must_be_declared_before() -> None:
    with pytest.raises(DeclarationError, match="'worse' reads 'trend' before 'trend' is declared"):
        compute(examples(), [PLANE, worse, trend], time="time", tables=tables())
    with pytest.raises(DeclarationError, match="'trend' reads 'latest' before 'plane' is declared"):
        compute(examples(), [trend, PLANE], time="time", tables=tables())


def test_a_circle_names_both() -> None:
    @on_demand
    def hen(egg: pl.Expr) -> dict[str, pl.Expr]:
        return {"hen": egg + 1}

    @on_demand
    def nest(hen: pl.Expr) -> dict[str, pl.Expr]:
        return {"nest": hen + 1}

    @on_demand
    def egg(nest: pl.Expr) -> dict[str, pl.Expr]:
        return {"egg": nest + 1}

    @on_demand
    def self(self: pl.Expr) -> dict[str, pl.Expr]:
        return {"self": self + 1}

    with pytest.raises(DeclarationError, match="'hen' and 'egg' read each other: 'egg'"):
        compute(examples(), [hen, nest, egg], time="time", tables=tables())
    with pytest.raises(DeclarationError, match="'self' reads 'self', which it gives itself"):
        compute(examples(), [self], time="time", tables=tables())


def test_a_name_that_nobody_gives_is_a_missing_column() -> None:
    with pytest.raises(FeatureError, match=r"'worse' reads a column that .* not have: 'trend'"):
        compute(examples(), [PLANE, worse], time="time", tables=tables())


def test_another_polars_is_found_before_a_version_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Polars that means something else by an expression; what is not online yet is not judged."""

    @on_demand
    def doubled(usual: pl.Expr) -> dict[str, pl.Expr]:
        return {"doubled": usual * 2.0}

    def other(self: OnDemand, frame: pl.DataFrame) -> pl.DataFrame:
        return meant(self, frame).with_columns(pl.all() + 1.0)

    columns = [
        Column(name="tail", dtype="String"),
        Column(name="limit", dtype="Float64"),
    ]
    with OnlineStore.open(tmp_path / "online") as online:
        lookup = OnlineLookup([*FEATURES, doubled], online, columns=columns)
        meant = OnDemand.compute
        with monkeypatch.context() as patch:
            patch.setattr(OnDemand, "compute", other)
            lookup.prove()
            online.materialize([PLANE], tables(), at=round(DAY.timestamp() * 1e6) + 10**12)
            with pytest.raises(FeatureError, match="is not the same without Polars"):
                lookup.prove()
        lookup.prove()
