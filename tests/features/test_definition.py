"""What the store keeps of a definition is what its digest says, or it is not used."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import polars as pl
import pytest

from lapwise.core.declaration import Table
from lapwise.core.digest import digest_value
from lapwise.core.errors import CorruptError, FeatureError
from lapwise.features import model as lw
from lapwise.features.definition import keep_definition, load_definition
from lapwise.features.expressions.demand import OnDemand, on_demand
from lapwise.features.model import FeatureView, view_definition
from lapwise.store.model import Store
from lapwise.store.open import open_store

TABLE = Table("arrivals", "arrivals.parquet", key="id", event="at")
PLANE = FeatureView("plane", TABLE, "tail", {"last_delay": lw.last("delay", within="3d")})


@on_demand
def calendar(time: pl.Expr) -> dict[str, pl.Expr]:
    """Return the hour."""
    return {"hour": time.dt.hour()}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A real store."""
    with open_store(f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs") as opened:
        yield opened


def by_hand(database: Path, before: str, after: str) -> None:
    """Change all kept records as somebody at the database's prompt would."""
    with closing(sqlite3.connect(database)) as connection, connection:
        changed = connection.execute(
            "update record set body = replace(body, ?, ?) where instr(body, ?)",
            (before, after, before),
        )
        assert changed.rowcount == 1


@pytest.mark.parametrize(
    ("feature", "before", "after"),
    [
        (PLANE, '"last"', '"first"'),
        (PLANE, f'"within":{3 * 86_400_000_000}', f'"within":{7 * 86_400_000_000}'),
        (calendar, '"inputs":["time"]', '"inputs":["at"]'),
    ],
)
def test_a_definition_that_was_changed_by_hand_is_not_used(
    store: Store, tmp_path: Path, feature: FeatureView | OnDemand, before: str, after: str
) -> None:
    digest = keep_definition(feature, store)
    load_definition(digest, store.records)
    by_hand(tmp_path / "lapwise.db", before, after)
    with pytest.raises(CorruptError, match=rf"'{feature.name}' was changed") as caught:
        load_definition(digest, store.records)
    assert digest[:12] in str(caught.value)


def test_a_definition_that_meant_other_numbers_is_not_used(store: Store) -> None:
    earlier = msgspec.structs.replace(view_definition(PLANE), semantics=1)
    store.records.add("feature_view", digest_value(earlier), earlier)
    with pytest.raises(FeatureError, match="gave other numbers"):
        load_definition(digest_value(earlier), store.records)
