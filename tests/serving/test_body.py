"""A frame's rows arrive at the model as they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from lapwise.serving import InferenceApp, infer_body
from tests.serving.versions import make_version


class Recorder:
    """A model that keeps what it is given."""

    columns: Mapping[str, Any]

    def score(self, columns: Mapping[str, Any]) -> Any:
        """Return zeros."""
        self.columns = columns
        return np.zeros(len(columns["hour"]))


@given(
    st.lists(
        st.tuples(
            st.floats(width=32, allow_infinity=False), st.floats(width=32, allow_infinity=False),
            st.text(),
        ),
        min_size=1, max_size=5,
    )
)  # fmt: skip
def test_a_frame_survives_the_wire_to_the_bit(rows: list[tuple[float, float, str]]) -> None:
    """Float32 values come back equal, NaN as NaN, any text as itself."""
    schema = {"distance": pl.Float32, "hour": pl.Float32, "carrier": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    model = Recorder()
    InferenceApp.of_version(make_version(), model).infer(infer_body(frame))
    for name in ("distance", "hour"):
        assert np.array_equal(model.columns[name], frame[name].to_numpy(), equal_nan=True)
    assert model.columns["carrier"].tolist() == frame["carrier"].to_list()
