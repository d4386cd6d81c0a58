"""Features of one row are proven to be what they are among many, before anything is trained."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from lapwise.core.digest import encode_canonical
from lapwise.core.errors import FeatureError
from lapwise.features.expressions.demand import OnDemand, OnDemandDefinition, on_demand
from lapwise.features.expressions.proof import prove_elementwise
from lapwise.features.expressions.scalar.translation import FAMILIES


@on_demand
def calendar(scheduled: pl.Expr) -> dict[str, pl.Expr]:
    """Return the hour."""
    return {"hour": scheduled.dt.hour()}


def departures() -> pl.DataFrame:
    """Return departures an hour and a half apart, one of them unknown."""
    start = datetime(2013, 1, 1, tzinfo=UTC)
    times = [start + timedelta(minutes=90 * step) for step in range(40)]
    return pl.DataFrame({"scheduled": [*times, None]})


def test_a_probe_has_the_edges_of_every_type() -> None:
    """Even without a sample: the list is right, so a proof passes on all of them."""
    types: dict[str, pl.DataType | type[pl.DataType]] = {
        "i": pl.Int64, "u": pl.UInt8, "f": pl.Float64, "s": pl.Float32, "b": pl.Boolean,
        "t": pl.String, "d": pl.Date, "w": pl.Datetime("us", "America/New_York"),
        "n": pl.Datetime("ns"), "h": pl.Time, "p": pl.Duration("ms"),
    }  # fmt: skip

    @on_demand
    def all_of(
        i: pl.Expr, u: pl.Expr, f: pl.Expr, s: pl.Expr, b: pl.Expr, t: pl.Expr, d: pl.Expr,
        w: pl.Expr, n: pl.Expr, h: pl.Expr, p: pl.Expr,
    ) -> dict[str, pl.Expr]:  # fmt: skip
        return {
            "whole": (i // 7 + u) % 5, "float": (f / 3.0).round(2).clip(-5, 5), "single": s * 0.1,
            "chosen": pl.when(b).then(f).otherwise(i), "upper": t.str.to_uppercase(),
            "day": d.dt.offset_by("1mo").dt.weekday(), "local": w.dt.hour(),
            "start": w.dt.truncate("1d"), "nano": n.dt.microsecond(), "late": h.dt.hour() > 20,
            "hours": p.dt.total_hours(), "small": i.cast(pl.Int8, strict=False),
        }  # fmt: skip

    prove_elementwise(all_of, pl.DataFrame(schema=types))


def test_an_edge_that_a_cast_refuses_is_refused_everywhere() -> None:
    """A strict cast fails for extremes; that is no difference, and no reason to refuse it."""

    @on_demand
    def small(x: pl.Expr) -> dict[str, pl.Expr]:
        return {"small": x.cast(pl.Int8)}

    prove_elementwise(small, pl.DataFrame({"x": [1, 2, 3]}))
    with pytest.raises(FeatureError, match="cannot be computed"):
        prove_elementwise(small, pl.DataFrame({"x": [1, 2, 300]}))


def test_a_proof_names_the_feature_the_input_and_both_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A translation that were wrong by a bit would be found."""
    monkeypatch.setitem(FAMILIES["TemporalExpr"], "Hour", lambda _: lambda _: 7)
    with pytest.raises(FeatureError) as raised:
        prove_elementwise(calendar, departures())
    said = str(raised.value)
    assert "'calendar.hour' is not the same without Polars" in said
    assert "scheduled=1356998400000000 gives 7: 0" in said


def test_the_proof_takes_what_requests_carry() -> None:
    """A type that no request can carry is named."""

    @on_demand
    def known(x: pl.Expr) -> dict[str, pl.Expr]:
        return {"known": x.is_null()}

    with pytest.raises(FeatureError, match="cannot carry"):
        prove_elementwise(known, pl.DataFrame({"x": [[1]]}))
    prove_elementwise(known, pl.DataFrame({"x": pl.Series(["a"], dtype=pl.Categorical)}))


def test_the_probe_finds_what_the_list_let_through() -> None:
    """A feature whose value depends on its neighbours fails the proof, bit by bit."""
    text = pl.col("x").mean().alias("y").meta.serialize(format="json")
    definition = OnDemandDefinition(name="sly", inputs=("x",), outputs=(("y", text),))
    sly = OnDemand("sly", ("x",), ("y",), encode_canonical(definition).decode())
    with pytest.raises(FeatureError, match="depends on other rows"):
        prove_elementwise(sly, pl.DataFrame({"x": [1.0, 2.0]}))
