"""At the limits of int64, online and offline give the same number, or both refuse."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lapwise.core.declaration import Table
from lapwise.core.errors import FeatureError
from lapwise.core.model import Column
from lapwise.features import model as lw
from lapwise.features.model import FeatureView
from lapwise.features.offline.join import point_in_time
from lapwise.features.online.lookup import OnlineLookup
from tests.features.test_equal import FOLDS, opened

TIGHT = Table("tight", "tight.parquet", key="key", event="at")
LIMITS = [2**62 - 1, 2**61, -(2**62) + 1, 2**62, -(2**62), 2**47 - 1, 2**47, 2**46, 1, -1, 0, None]
TOTALS = FeatureView(
    "totals",
    TIGHT,
    "who",
    {
        "sum": lw.sum("i", within="9us"),
        "mean": lw.mean("i", within="4us"),
        "fine": lw.sum("f", within="9us", quantum=2.0**-30),
    },
    grain="2us",
)
SPREAD = FeatureView("spread", TIGHT, "who", {"std": lw.std("i", within="9us")})


def told(work: Any) -> Any:
    """Return what work gives, or that it was refused."""
    try:
        return work()
    except FeatureError as error:
        return str(error).partition("fit")[1] or str(error)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from(LIMITS)), max_size=12),
    st.lists(st.integers(0, 45), min_size=1, max_size=3),
    FOLDS,
)
def test_what_does_not_fit_is_refused_by_both(
    drawn: list[tuple[int, int | None]], times: list[int], fold: int
) -> None:
    """At the limits of int64 both paths give the same number, or both refuse."""
    rows = pl.DataFrame(
        {
            "key": range(len(drawn)),
            "at": [at for at, _ in drawn],
            "who": ["a"] * len(drawn),
            "i": [value for _, value in drawn],
            "f": [None if value is None else value * 2.0**-30 for _, value in drawn],
        },
        schema={
            "key": pl.Int64,
            "at": pl.Int64,
            "who": pl.String,
            "i": pl.Int64,
            "f": pl.Float64,
        },
    ).with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
    tables = {"tight": rows.lazy()}
    with opened(None, "12us", fold) as store:
        store.materialize([TOTALS, SPREAD], tables, at=0)
        store.push(TIGHT, rows[::2], [TOTALS, SPREAD])
        store.push(TIGHT, rows[1::2], [TOTALS, SPREAD])
        for view in (TOTALS, SPREAD):
            lookup = OnlineLookup([view], store, columns=[Column(name="who", dtype="String")])
            state = store.state(view)
            assert state is not None
            for at in {max(time, state.floor) for time in times}:
                asked = pl.DataFrame({"who": ["a"], "at": [at]}).with_columns(
                    pl.col("at").cast(pl.Datetime("us", "UTC"))
                )

                def offline(view: FeatureView = view, asked: pl.DataFrame = asked) -> Any:
                    made = point_in_time(asked, [view], time="at", tables=tables)
                    return {name: made[name].to_list() for name in view.names}

                def answer(lookup: OnlineLookup = lookup, at: int = at) -> Any:
                    return {k: list(v) for k, v in lookup.look_up({"who": ["a"]}, at=at).items()}

                assert repr(told(answer)) == repr(told(offline)), (view.name, at)
