"""A store of an older version, brought to this one: what was tracked can be searched and drawn."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from sqlalchemy import text

from lapwise.core.model import KeyPart, Metric, Run
from lapwise.store.database import connect
from lapwise.store.encoding import encode
from lapwise.store.migrate import migrate, upgrade
from tests.store import making
from tests.store.conftest import Place

_RUN = "INSERT INTO run (number, id, experiment, status, body) VALUES (:n, :i, :e, :s, :b)"
_CHUNK = 'INSERT INTO metric_chunk (run, "key", points) VALUES (1, 1, :points)'


def older(run: Run) -> str:
    """Return a run's body as it was written before there were users, beats and archives."""
    body = json.loads(encode(run))
    return json.dumps({k: v for k, v in body.items() if k not in {"user", "beat", "archived"}})


def test_what_was_tracked_before_is_searched_and_drawn(empty_place: Place) -> None:
    capture = making.capture(packages=making.digest("lock"))
    part = KeyPart(name="flights", digest=making.digest("f"))
    runs = [
        Run(id="a", number=1, experiment="x", status="finished", started=5, ended=9, name="first"),
        Run(id="b", number=2, experiment="y", status="running", started=7),
    ]
    body = json.loads(older(runs[0]))
    body["capture"] = json.loads(encode(capture)) | {"datasets": json.loads(encode([part]))}
    database = connect(empty_place.url)
    if database.is_sqlite:
        Path(empty_place.url.partition("///")[2]).parent.mkdir()
    with database.write() as connection:
        migrate(connection, "0003")
        for run, kept in zip(runs, (json.dumps(body), older(runs[1])), strict=True):
            row = {"n": run.number, "i": run.id, "e": run.experiment, "s": run.status, "b": kept}
            connection.execute(text(_RUN), row)
        for name, value in {"lr": 0.1, "text": "0.50", "odd": float("inf"), "flag": True}.items():
            connection.execute(
                text("INSERT INTO param (run, name, value) VALUES (1, :name, :value)"),
                {"name": name, "value": encode(value)},
            )
        connection.execute(text("INSERT INTO metric_key (id, name) VALUES (1, 'auc')"))
        for steps in ((3, 4), (1,)):
            packed = struct.pack(
                f"<{2 * len(steps)}q{len(steps)}d", *steps, *steps, *map(float, steps)
            )
            connection.execute(text(_CHUNK), {"points": packed})
        connection.execute(
            text('INSERT INTO metric_latest (run, "key", step, at, value) VALUES (1, 1, 4, 4, 4.0)')
        )
    database.close()
    assert upgrade(empty_place.url)[0] == "0003"
    with empty_place.open() as store:
        assert [one.name for one in store.experiments.search(order=["number"]).items] == ["x", "y"]
        for where in (
            "name = 'first' AND started = 5 AND ended = 9 AND code = 'a1b9c2'",
            "params.lr < 0.2 AND params.text = 0.5 AND params.text = '0.50'",
            "params.odd = 'inf' AND params.flag = true AND metrics.auc = 4",
            "dataset.name = 'flights' AND status = 'FINISHED'",
        ):
            assert [one.run.id for one in store.runs.search(where).items] == ["a"], where
        assert store.runs.holders(making.digest("lock")) == ("x",)
        assert store.runs.inputs(["a"])["a"][0].kind == "lapwise"
        store.runs.log("a", metrics=[Metric(name="auc", value=2.0, step=2, at=2)])
        points = tuple(
            Metric(name="auc", value=float(step), step=step, at=step) for step in (1, 2, 3, 4)
        )
        assert store.runs.history("a", "auc") == points == store.runs.curve("a", "auc")
        assert store.runs.points("a", "auc", limit=2).items == points[:2]
        assert store.runs.create(making.run("x")).number == 3
        assert store.experiments.create("z", at=1).number == 3
