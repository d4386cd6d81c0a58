"""The type of a feature is known before it is computed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from lapwise.core.declaration import Table
from lapwise.features import model as lw
from lapwise.features.model import Aggregate, FeatureView
from lapwise.features.offline.join import point_in_time
from lapwise.features.types import feature_type

DAY = datetime(2013, 1, 1, tzinfo=UTC)
NUMBERS = (pl.Int8(), pl.Int32(), pl.Int64(), pl.UInt16(), pl.UInt64(), pl.Float32(), pl.Float64())
OTHERS = (pl.Boolean(), pl.Duration("ms"), pl.Date(), pl.Datetime("us", "UTC"), pl.Time(),
          pl.Datetime("ms"), pl.String(), pl.Categorical(), pl.Enum(["a", "b"]))  # fmt: skip
SUMMED = (pl.Boolean(), pl.Duration("ms"))


def aggregates(dtype: pl.DataType) -> dict[str, Aggregate]:
    """Return every aggregate that takes a type."""
    found = {
        "count": lw.count(within="2d"),
        "distinct": lw.distinct("value", within="2d"),
        "last": lw.last("value", within="2d"),
        "first": lw.first("value", within="2d"),
    }
    if not isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        found |= {"min": lw.min("value", within="2d"), "max": lw.max("value", within="2d")}
    if dtype.is_numeric() or dtype in SUMMED:
        found |= {
            "sum": lw.sum("value", within="2d"),
            "coarse": lw.sum("value", within="2d", quantum=0.5),
            "mean": lw.mean("value", within="2d"),
            "std": lw.std("value", within="2d"),
        }
    if isinstance(dtype, pl.Boolean):
        found["rate"] = lw.rate("value", within="2d")
    return found


def values(dtype: pl.DataType) -> list[Any]:
    if dtype.is_numeric():
        return [1, 2, None]
    if isinstance(dtype, pl.Boolean):
        return [True, False, None]
    if dtype.is_temporal():
        return pl.Series([1, 2, None]).cast(dtype).to_list()
    return ["a", "b", None]


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("dtype", [*NUMBERS, *OTHERS], ids=str)
def test_the_type_is_that_of_the_frame(dtype: pl.DataType, *, empty: bool) -> None:
    rows = pl.DataFrame(
        {
            "id": [1, 2, 3],
            "at": [DAY + timedelta(hours=hour) for hour in range(3)],
            "who": ["x", "x", "x"],
            "value": pl.Series(values(dtype), dtype=dtype),
        }
    )
    table = Table("rows", "rows.parquet", key="id", event="at")
    view = FeatureView("view", table, "who", aggregates(dtype))
    asked = pl.DataFrame({"who": ["x", "y"], "time": [DAY + timedelta(hours=5)] * 2})
    frame = point_in_time(
        asked, [view], time="time", tables={"rows": (rows.clear() if empty else rows).lazy()}
    )
    wanted = {name: feature_type(one, dtype) for name, one in view.features}
    assert dict(frame.select(view.names).schema) == wanted
