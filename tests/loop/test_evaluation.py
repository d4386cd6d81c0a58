"""Costly evidence: a second training, and answers over TCP; and the other kinds of product."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lapwise.core.errors import DeclarationError, LapwiseError
from tests.loop.worlds import World, make_world, ran, statuses

COSTLY = 'gates.Latency(p99="10s"), gates.Reproducible()'


def test_costly_evidence(world: World) -> None:
    """A second training in a fresh process gives the same to the bit, and the model answers over TCP.

    It is the second lap's, at a later time, so that it has a split before it, as most laps have.
    """
    world.edit('gates.Floor("recall", 0.30)', COSTLY)
    line = world.lap("2024-03-01T12:00")
    assert statuses(line)[-2:] == ["passed", "passed"], line.verdicts[-2:]
    again = world.lap("2024-03-01T12:00")
    assert ran(again) == set()
    assert again.verdicts == line.verdicts


@pytest.mark.prove
def test_chance_in_training(world: World) -> None:
    """Training that nobody seeded does not reproduce, and the gate says so."""
    world.edit('gates.Floor("recall", 0.30)', "gates.Reproducible()")
    world.edit(
        "    model = Pipeline(",
        "    import os\n\n    boosting.set_params(max_iter=5 + os.urandom(1)[0] % 90)\n    model = Pipeline(",
    )
    line = world.lap()
    assert (line.state, statuses(line)[-1]) == ("refused", "failed")


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_other_tasks(tmp_path: Path, kind: str) -> None:
    """A page says a regression, or several classes, by its label and its estimator."""
    world = make_world(tmp_path / "returns", kind=kind)
    line = world.lap()
    assert (line.state, statuses(line)) == ("waiting", ["passed", "passed"]), line.verdicts
    with world.workshop() as opened:
        version = opened.store.models.get("returns")
    assert (version.task, version.serving) == (kind, "onnx"), version.parity
    assert version.classes == (("back", "kept", "lost") if kind == "multiclass" else ())


def test_groups(tmp_path: Path) -> None:
    """A page says a split by group, and no customer is in two parts."""
    world = make_world(tmp_path / "returns", split='lw.GroupSplit(by="customer")')
    line = world.lap()
    assert line.state == "waiting", line.verdicts
    assert line.split is not None
    with world.workshop() as opened:
        parts = pl.read_parquet(opened.store.blobs.path(line.split.assignment))
    orders = pl.read_parquet(world.root / "data" / "orders.parquet")
    who = parts.join(orders, left_on="row", right_on="order_id")
    assert who.group_by("customer").agg(pl.col("part").n_unique())["part"].max() == 1


def test_late_labels(tmp_path: Path) -> None:
    """A page says a product whose label comes 30 days late: the embargo covers it, or is refused."""
    world = make_world(tmp_path / "returns", days=170, delay=24 * 6.0)
    with pytest.raises(DeclarationError, match="embargo is shorter than the label delay"):
        world.lap("2024-06-18")
    world.edit('embargo="1d"', 'embargo="30d"')
    world.edit('lw.rate("back", within="60d")', 'lw.rate("back", within="120d")')
    line = world.lap("2024-06-18")
    assert line.state == "waiting", line.verdicts
    assert line.split is not None
    assert line.split.unlabelled > 50 * 12  # those of the last days, besides one in twenty


def test_wrong_metric_for_task(tmp_path: Path) -> None:
    """A metric of another task is an error with its name, not a number."""
    world = make_world(tmp_path / "returns", kind="regression", metrics='["roc_auc"]')
    with pytest.raises(LapwiseError, match="roc_auc"):
        world.lap()
