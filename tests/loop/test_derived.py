"""Features made of features, the whole way round: training, ONNX, serving, log, drift, proof."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import polars as pl

from lapwise.core.clock import parse_time
from lapwise.loop.drifting import drift_by_day
from lapwise.loop.online import materialize_online
from lapwise.loop.project import find_project
from lapwise.loop.serve import ServerProcess
from lapwise.loop.verify import read_predictions, verify_features, verify_model
from tests.loop.replays import make_product, replay
from tests.loop.test_serve import INFER, ROW, ask, outputs
from tests.loop.worlds import World

FROM, TO = "2024-02-27", "2024-02-28"
ROWS = 150

DECLARED = '''
shop = lw.FeatureView(
    "shop_view",
    outcomes,
    by="customer",
    grain="1h",
    features={
        "value": lw.last_n("value", 2, within="20d"),
        "fates": lw.distinct("fate", within="20d"),
        "spread": lw.std("value", within="60d"),
    },
)


@lw.on_demand
def against(value_1: pl.Expr, customer_value: pl.Expr, amount: pl.Expr) -> dict[str, pl.Expr]:
    """Return how the latest value compares with the mean, and with what is asked now."""
    return {"change": value_1 - customer_value, "per_value": amount / customer_value}


@lw.on_demand
def rising(change: pl.Expr, spread: pl.Expr) -> dict[str, pl.Expr]:
    """Return whether the change is large: made of features alone."""
    return {"rising": change > spread.fill_null(0.0)}


def train('''

_ROW = cast("dict[str, list[Any]]", ROW)


def derive(world: World) -> None:
    """Let the page have a view with a grain, and two functions that read features."""
    world.edit("\ndef train(", DECLARED)
    world.edit("[customer, calendar,", "[customer, shop, calendar, against, rising,")


def body(rows: int) -> bytes:
    """Return a request for so many customers, as of the replay's end."""
    columns: dict[str, tuple[Any, list[Any]]] = {
        name: (one[0], [one[1]] * rows) for name, one in _ROW.items()
    }
    columns["order_id"] = ("BYTES", [f"n{place}" for place in range(rows)])
    columns["customer"] = ("BYTES", [f"c{2 * place:03d}" for place in range(rows)])
    columns["ordered_at"] = ("INT64", [parse_time(TO)] * rows)
    inputs = [
        {"name": name, "datatype": kind, "shape": [rows], "data": data}
        for name, (kind, data) in columns.items()
    ]
    return json.dumps({"parameters": {"at": parse_time(TO)}, "inputs": inputs}).encode()


def test_derived_features_go_the_whole_way(tmp_path: Path) -> None:
    """Hour by hour through a real server; then one row, and a batch, are asked for by hand."""
    world = make_product(tmp_path / "returns")
    derive(world)
    turned = replay(world, FROM, TO)
    assert turned.replay.failed == 0
    with world.workshop(TO) as opened:  # what became known in the last hour
        materialize_online(opened, world.loop())
    server = ServerProcess.start(find_project(world.root), "returns", replay=True)
    try:
        url = f"http://{server.address[0]}:{server.address[1]}{INFER}"
        one, many = ask(url, body(1)), ask(url, body(ROWS))
    finally:
        server.stop()
    assert (one[0], many[0]) == (200, 200)
    assert outputs(many[1])["score"][0] == outputs(one[1])["score"][0]
    with world.workshop() as opened:
        (version, *_) = opened.store.models.list("returns")
        logged = read_predictions(opened.project.live, "returns")
        parity = verify_features(opened.store, logged, versions=turned.history.versions)
        days = drift_by_day(opened.store, "returns", 7)
        spoilt = logged.with_columns(pl.col("feature:rising").not_())
        proof = verify_model(opened, "returns", versions=turned.history.versions, logged=spoilt)
    assert version.serving == "onnx"
    assert logged.height == turned.history.examples.height + 1 + ROWS
    assert parity.differences == ()
    assert (parity.rows, parity.equal) == (logged.height, logged.height)
    assert {"value_2", "fates", "change", "per_value", "rising"} <= set(parity.features)
    assert logged["feature:rising"].null_count() < logged.height / 2
    assert {"change", "rising"} <= {moved.feature for moved in days[-1].moved}
    # What reads features alone has no entity: a difference tells what it read.
    assert {one.feature for one in proof.differences} == {"rising"}
    assert set(proof.differences[0].entity) == {"change", "spread"}
