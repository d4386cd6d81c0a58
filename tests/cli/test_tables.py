"""What people read: tables that fit 80 columns and say what happened; JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from rich.cells import cell_len

from tests.cli.conftest import Call, Done
from tests.loop.worlds import AS_OF, World


def check_width(done: Done) -> str:
    """Look whether a command ended well and no line is wider than 80 columns."""
    assert done.code == 0, done.err
    wide = [line for line in done.out.splitlines() if cell_len(line) > 80]
    assert wide == []
    return done.out


@pytest.fixture
def used(world: World, call: Call) -> World:
    """A project after two laps, two runs, an approval, a refused candidate and a scored file."""
    assert call("approve", "returns", "--note", "reviewed the slices", cwd=world.root).code == 0
    world.edit('"max_iter": 20', '"max_iter": 2')
    world.edit(
        'gates.Floor("recall", 0.30)', 'gates.Floor("recall", 0.95, each="shop", min_rows=50)'
    )
    assert call("lap", "--as-of", AS_OF, cwd=world.root).code == 2
    orders = pl.read_parquet(world.root / "data" / "orders.parquet").tail(40)
    orders.with_columns(shop=pl.lit("moon")).write_parquet(world.root / "asked.parquet")
    done = call("score", "returns", "asked.parquet", "out.csv", "--as-of", AS_OF, cwd=world.root)
    assert done.code == 0, done.err
    assert "scored 40 rows" in done.out.replace("\n", " ")
    assert "40 rows have a value of 'shop'" in done.out
    return world


def test_width(used: World, call: Call) -> None:
    """Every listing fits 80 columns and names what it lists."""
    ident = pl.read_csv(used.root / "out.csv")["prediction_id"][7]
    cases = {
        ("laps",): ("refused", "approved", "ada"),
        ("laps", "1"): ("validate", "roc_auc", "NoLeakage", "waiting"),
        ("laps", "2"): ("shop=north", "production", "refused"),
        ("runs",): ("run", "001", "002", "log_loss", "max_iter"),
        ("compare", "1", "2"): ("max_iter", "run 001", "run 002"),
        ("models",): ("returns v1", "returns v2", "production", "bootstrap", "onnx"),
        ("data", "log"): ("orders v1", "outcomes v1"),
        ("data", "diff", "orders@v1", "orders@v1"): ("nothing",),
        ("audit", "log"): ("ada", "register", "returns@v1"),
        ("audit", "verify"): ("sound",),
        ("doctor",): ("well",),
        ("trace", "returns@v1"): ("approval", "ada", "dataset", "seed"),
        ("trace", ident): ("prediction", "customer_rate", "moon", "approval", "code"),
        ("--help",): ("lap", "approve", "trace"),
        ("lap", "--help"): ("--as-of", "Example:"),
    }
    for arguments, said in cases.items():
        text = check_width(call(*arguments, cwd=used.root))
        for word in said:
            assert word in text, (arguments, word, text)


def test_json(used: World, call: Call) -> None:
    """Every listing is JSON when asked, and nothing but JSON."""
    for arguments in (
        ("laps",),
        ("laps", "1"),
        ("runs",),
        ("compare", "1", "2"),
        ("models",),
        ("data", "log"),
        ("data", "diff", "orders@v1", "orders@v1"),
        ("data", "snapshot", "--as-of", AS_OF),
        ("audit", "log"),
        ("audit", "verify"),
        ("doctor",),
        ("trace", "returns@v1"),
        ("score", "returns", "asked.parquet", "out.parquet", "--as-of", AS_OF),
    ):
        done = call(*arguments, "--json", cwd=used.root)
        assert done.code == 0, done.err
        assert json.loads(done.out), arguments


def test_nothing_yet(fresh: World, call: Call) -> None:
    """An empty store says what would fill it."""
    assert call("db", "upgrade", cwd=fresh.root).code == 0
    for command in (["laps"], ["runs"], ["models"], ["data", "log"]):
        done = call(*command, cwd=fresh.root)
        assert (done.code, "yet" in done.out) == (0, True), done.out


def test_new_rows(world: World, call: Call) -> None:
    """New rows are a new version of the table, and the diff counts and names them."""
    path = world.root / "data" / "orders.parquet"
    rows = pl.read_parquet(path)
    more = rows.tail(2).with_columns(
        order_id=pl.lit("x") + pl.col("order_id"), published_at=pl.col("published_at")
    )
    pl.concat([rows, more]).write_parquet(path)
    done = call("data", "snapshot", "orders", "--as-of", AS_OF, "--accept", cwd=world.root)
    assert "orders v2" in check_width(done)
    done = call("data", "diff", "orders@v1", "orders@v2", cwd=world.root)
    text = check_width(done)
    assert "rows added" in text
    assert "order_id=xo02998" in text


def test_decisions(world: World, call: Call) -> None:
    """A refusal archives, is audited with its note, and stays."""
    done = call("refuse", "returns@v1", "--by", "bob", "--note", "too few", cwd=world.root)
    assert "archived" in check_width(done)
    assert "bob" in check_width(call("laps", cwd=world.root))
    assert "too few" in call("audit", "log", "--json", cwd=world.root).out


def test_backup(world: World, call: Call, tmp_path: Path) -> None:
    """A project's store can be backed up, restored elsewhere, upgraded and collected."""
    archive = tmp_path / "store.tar"
    assert call("db", "backup", str(archive), cwd=world.root).code == 0
    (tmp_path / "other" / ".lapwise").mkdir(parents=True)
    other = tmp_path / "other"
    done = call("db", "restore", str(archive), cwd=other)
    assert done.code == 0, done.err
    assert "returns v1" in check_width(call("models", cwd=other))
    assert "well" in check_width(call("doctor", "--deep", cwd=other))
    assert call("db", "upgrade", cwd=other).code == 0
    check_width(call("db", "collect", cwd=other))
    assert "well" in check_width(call("doctor", "--deep", cwd=other))
