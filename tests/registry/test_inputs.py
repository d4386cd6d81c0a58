from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from lapwise.core.errors import ModelError
from lapwise.core.model import Column
from lapwise.registry import model_inputs

SIGNATURE = (Column(name="n", dtype="Float32"), Column(name="t", dtype="String"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None], [1.0, math.nan]),
        ([0.5, math.nan], [0.5, math.nan]),
        ([math.inf, -math.inf], [math.nan, math.nan]),
        ([1e300, -1e300], [math.nan, math.nan]),
        ([True, None], [1.0, math.nan]),
        ([timedelta(seconds=90), None], [90.0, math.nan]),
        ([Decimal("1.5"), None], [1.5, math.nan]),
        ([None, None], [math.nan, math.nan]),
    ],
)
def test_numbers_become_float32_and_all_that_is_not_one_becomes_nan(
    values: list[Any], expected: list[float]
) -> None:
    """Numbers, Booleans, durations are Float32; null, infinite and too large are NaN."""
    given = model_inputs(pl.DataFrame({"n": values}), ["n"])
    assert given.schema == {"n": pl.Float32}
    assert_frame_equal(given, pl.DataFrame({"n": expected}, schema={"n": pl.Float32}))


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["a", "b"])])
def test_text_becomes_string_and_null_the_empty_text(dtype: Any) -> None:
    """Text and categories are String; null is the empty text."""
    given = model_inputs(pl.DataFrame({"t": pl.Series(["a", None], dtype=dtype)}), ["t"])
    assert given["t"].dtype == pl.String
    assert given["t"].to_list() == ["a", ""]


def test_columns_come_in_the_order_asked_and_others_are_ignored() -> None:
    """The order is that of the signature; extra columns are left out."""
    frame = pl.DataFrame({"x": [datetime(2013, 1, 1, tzinfo=UTC)], "t": ["a"], "n": [1]})
    assert model_inputs(frame, SIGNATURE).columns == ["n", "t"]


@pytest.mark.parametrize(
    "value",
    [datetime(2013, 1, 1, tzinfo=UTC), date(2013, 1, 1), datetime(2013, 1, 1).time()],  # noqa: DTZ001
)
def test_a_moment_in_time_is_refused_with_what_to_do(value: Any) -> None:
    """Dates and times are refused by column name and the way to a feature."""
    with pytest.raises(ModelError, match=r"'when' is a moment in time.*(?s:.)*lw.on_demand"):
        model_inputs(pl.DataFrame({"when": [value]}), ["when"])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"n": [1]}, "lack a column that the model takes: 't'"),
        ({"x": [1]}, "lack columns that the model takes: 'n, t'"),
        ({"n": ["secret"], "t": ["a"]}, "input 'n' has the wrong type: 'String'"),
        ({"n": [1], "t": [271828]}, "input 't' has the wrong type: 'Int64'"),
        ({"n": [[1]], "t": ["a"]}, "input 'n' has a type that no model takes"),
        ({"n": [b"secret"], "t": ["a"]}, "input 'n' has a type that no model takes"),
    ],
)
def test_rows_against_the_signature_are_refused_by_name_without_values(
    frame: dict[str, list[Any]], message: str
) -> None:
    """A missing column or a wrong type names the column and never shows a value of the rows."""
    with pytest.raises(ModelError) as caught:
        model_inputs(pl.DataFrame(frame), SIGNATURE)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "271828" not in str(caught.value)


@pytest.mark.parametrize("columns", [[], ["n", "n"]])
def test_no_input_and_an_input_named_twice_are_refused(columns: list[str]) -> None:
    """A model needs inputs, each once."""
    with pytest.raises(ModelError, match=r"at least one input|named twice"):
        model_inputs(pl.DataFrame({"n": [1]}), columns)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(), st.integers(-(2**40), 2**40).map(float)),
            st.one_of(st.none(), st.text(max_size=5)),
        )
    )
)
def test_normalising_twice_changes_nothing(rows: list[tuple[float | None, str | None]]) -> None:
    """Normalised rows pass through unchanged, by names or by signature; no null or infinity is left."""
    frame = pl.DataFrame(rows, schema={"n": pl.Float64, "t": pl.String}, orient="row")
    once = model_inputs(frame, SIGNATURE)
    assert_frame_equal(model_inputs(once, SIGNATURE), once)
    assert_frame_equal(model_inputs(frame, ["n", "t"]), once)
    assert once.null_count().sum_horizontal().item() == 0
    assert not once["n"].is_infinite().any()
