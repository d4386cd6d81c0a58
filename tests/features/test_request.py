"""The types of a request are those of the frame."""

import polars as pl
import pytest
from polars._typing import TimeUnit

from lapwise.core.errors import FeatureError
from lapwise.core.model import Column
from lapwise.features.request import in_microseconds, input_series, type_of

TYPES = [
    pl.Int8(),
    pl.UInt64(),
    pl.Float32(),
    pl.Boolean(),
    pl.String(),
    pl.Date(),
    pl.Time(),
    pl.Datetime("ms"),
    pl.Datetime("us", "Europe/Berlin"),
    pl.Duration("ns"),
]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_type_is_read_from_its_text(dtype: pl.DataType) -> None:
    assert type_of(Column(name="x", dtype=str(dtype))) == dtype


def test_categories_are_text_and_lists_are_refused() -> None:
    assert type_of(Column(name="x", dtype=str(pl.Enum(["a", "b"])))) == pl.String
    assert type_of(Column(name="x", dtype=str(pl.Categorical()))) == pl.String
    for text in ("List(Int64)", "Nonsense", "DataFrame", "Struct"):
        with pytest.raises(FeatureError, match="cannot carry"):
            type_of(Column(name="x", dtype=text))


@pytest.mark.parametrize(
    ("value", "dtype"),
    [("\ud800", pl.String()), (10**400, pl.Float64()), (10**400, pl.Date()), ({}, pl.Int8())],
)
def test_what_no_column_holds_is_a_wrong_type(value: object, dtype: pl.DataType) -> None:
    with pytest.raises(FeatureError, match="column 'x' has a value of a wrong type"):
        input_series("x", [value], dtype)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_durations_come_and_leave_as_microseconds(unit: TimeUnit) -> None:
    given = [0, 90_061_000_000, -1_000, None]
    series = input_series("x", given, pl.Duration(unit))
    assert series.dtype == pl.Duration(unit)
    assert in_microseconds(series).to_list() == given


@pytest.mark.parametrize(
    "dtype", [pl.Datetime("ms"), pl.Datetime("us", "Europe/Berlin"), pl.Date()]
)
def test_instants_come_and_leave_as_microseconds(dtype: pl.DataType) -> None:
    given = [0, 86_400_000_000 * 20_000, None]
    series = input_series("x", given, dtype)
    assert series.dtype == dtype
    assert in_microseconds(series).to_list() == given
