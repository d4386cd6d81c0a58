"""A feature frame is stored once, under the digest of its bytes, and read back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lapwise.core.declaration import Table
from lapwise.core.digest import encode_canonical
from lapwise.core.errors import FeatureError, NotFoundError
from lapwise.core.model import DatasetVersion, FeatureFrame
from lapwise.features import model as lw
from lapwise.features.definition import definition_digest, load_definition
from lapwise.features.expressions.demand import OnDemand, OnDemandDefinition, on_demand
from lapwise.features.frame import Feature, build_frame, compute, read_frame
from lapwise.features.model import FeatureView
from lapwise.store.model import Store
from lapwise.store.open import open_store

DAY = datetime(2013, 1, 1, tzinfo=UTC)
TABLE = Table("arrivals", "arrivals.parquet", key="id", event="at")
PLANE = FeatureView("plane", TABLE, "tail", {"last_delay": lw.last("delay", within="3d")})


@on_demand
def calendar(time: pl.Expr) -> dict[str, pl.Expr]:
    """Return the hour."""
    return {"hour": time.dt.hour()}


FEATURES: list[Feature] = [PLANE, calendar, "carrier"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A real store."""
    with open_store(f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs") as opened:
        yield opened


def arrivals() -> pl.DataFrame:
    """Return one arrival an hour."""
    times = [DAY + timedelta(hours=hour) for hour in range(48)]
    tails = ["N1", "N2", "N3"] * 16
    return pl.DataFrame({"id": range(48), "at": times, "tail": tails, "delay": range(48)})


def examples() -> pl.DataFrame:
    """Return six examples, in no order of time."""
    hours = [5, 3, 40, 20, 1, 47]
    return pl.DataFrame(
        {
            "row": [f"r{hour}" for hour in hours],
            "time": [DAY + timedelta(hours=hour) for hour in hours],
            "tail": ["N1", "N2", "N3", "N4", "N1", None],
            "carrier": ["AA", "UA", None, "AA", "UA", "DL"],
        }
    )


def version() -> DatasetVersion:
    """Return a version that says nothing but its digest."""
    return DatasetVersion(
        id="1", table="arrivals", number=1, digest="d" * 64, parts=(), columns=(), statistics=(),
        rows=48, watermark=0, key=("id",), event="at", known="at", event_minimum=None,
        event_maximum=None, source="", created=0,
    )  # fmt: skip


def built(store: Store, features: list[Feature] | None = None) -> FeatureFrame:
    """Build the frame."""
    return build_frame(
        examples(),
        FEATURES if features is None else features,
        time="time",
        row="row",
        tables={"arrivals": arrivals().lazy()},
        datasets={"arrivals": version()},
        store=store,
    )


def test_a_frame_says_what_it_holds_and_from_what(store: Store) -> None:
    """Row and time first, features in the order of the page, then what was known when."""
    frame = built(store)
    assert [c.name for c in frame.columns] == [
        "row", "time", "last_delay", "hour", "carrier", "plane__known",
    ]  # fmt: skip
    assert frame.features == ("last_delay", "hour", "carrier")
    assert frame.rows == 6
    assert [(part.name, part.digest) for part in frame.datasets] == [("arrivals", "d" * 64)]
    assert [part.name for part in frame.views] == ["plane", "calendar"]
    assert {m.name: m.value for m in frame.null_shares}["last_delay"] == 2 / 6
    content = read_frame(frame, store)
    assert content["last_delay"].to_list() == [3, 1, 38, None, 0, None]
    assert content["row"].to_list() == examples()["row"].to_list()
    assert content["plane__known"][0] == (DAY + timedelta(hours=3)).timestamp() * 1e6


def test_equal_input_gives_equal_bytes(store: Store) -> None:
    """Building twice is one blob and one record; another view is another frame."""
    frame = built(store)
    assert built(store) == frame
    assert store.records.digests("feature_frame") == [frame.digest]
    assert store.records.get("feature_frame", frame.digest, FeatureFrame) == frame
    assert built(store, [PLANE]).digest != frame.digest


def test_a_definition_outlives_its_page(store: Store) -> None:
    """Kept definitions compute the same features without the code that declared them."""
    frame = built(store)
    loaded: list[Feature] = [load_definition(part.digest, store.records) for part in frame.views]
    assert [definition_digest(one) for one in loaded if not isinstance(one, str)] == [
        part.digest for part in frame.views
    ]
    tables = {"arrivals": arrivals().lazy()}
    again = compute(examples(), loaded, time="time", tables=tables)
    assert_frame_equal(again, compute(examples(), FEATURES, time="time", tables=tables))
    with pytest.raises(NotFoundError):
        load_definition("0" * 64, store.records)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ([PLANE, PLANE], "declared twice: 'last_delay'"),
        (["origin"], "no input column: 'origin'"),
        ([calendar, "hour"], "declared twice: 'hour'"),
    ],
)
def test_a_frame_that_cannot_be_leaves_nothing(
    store: Store, features: list[Feature], words: str
) -> None:
    """An error names the feature, and no record is written."""
    with pytest.raises(FeatureError, match=words):
        built(store, features)
    assert not store.records.digests("feature_frame")
    assert not list(store.blobs.digests())


def test_an_on_demand_name_may_not_hide_an_input(store: Store) -> None:
    """An output named like a column of the examples is refused."""

    @on_demand
    def clash(time: pl.Expr) -> dict[str, pl.Expr]:
        return {"carrier": time.dt.hour()}

    with pytest.raises(FeatureError, match="taken by a column of the examples: 'carrier'"):
        built(store, [clash])


def test_a_store_below_a_folder_with_brackets(tmp_path: Path) -> None:
    """A frame is read again from a store whose path holds characters of patterns."""
    place = tmp_path / "a [b]"
    with open_store(f"sqlite:///{place}/lapwise.db", f"{place}/blobs") as opened:
        assert read_frame(built(opened), opened).height == examples().height


def test_an_on_demand_feature_is_proven(store: Store) -> None:
    """A feature that looks at other rows, however it was made, gives no frame."""
    later = pl.col("time").shift(-1).dt.hour().alias("later").meta.serialize(format="json")
    definition = OnDemandDefinition(name="peek", inputs=("time",), outputs=(("later", later),))
    peek = OnDemand("peek", ("time",), ("later",), encode_canonical(definition).decode())
    with pytest.raises(FeatureError, match="depends on other rows"):
        built(store, [peek])
    assert not list(store.blobs.digests())
