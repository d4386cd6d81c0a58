"""Whatever is wrong: one clear error, an exit code that is not 0, and nothing half written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from lapwise.store.doctor import doctor
from tests.cli.conftest import COMMAND, Call, Done, environment, run
from tests.loop.worlds import AS_OF, World, write_old

LAP = ("lap", "--as-of", AS_OF)


def check_error(done: Done, *said: str, code: int = 1) -> None:
    """Look whether a command failed as it should: one error, in few lines, without a traceback."""
    assert done.code == code, done.out + done.err
    assert done.err.startswith("error: "), done.err
    assert done.err.count("error:") == 1
    assert "Traceback" not in done.out + done.err
    assert len(done.err.splitlines()) <= 4, done.err
    for text in said:
        assert text in done.err


def check_whole(world: World, *, deep: bool = True) -> None:
    """Look whether the store opens, is well, and nothing temporary lies about."""
    home = world.root / ".lapwise"
    if home.exists():
        checks = doctor(f"sqlite:///{home}/lapwise.db", str(home / "blobs"), deep=deep)
        assert [one for one in checks if not one.ok] == []
    left = [
        path for path in world.root.rglob("*") if path.name.endswith((".tmp", ".partial", ".new"))
    ]
    assert left == []


def rewrite(world: World, table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    path = world.root / "data" / f"{table}.parquet"
    change(pl.read_parquet(path)).write_parquet(path)


CONTRACT = '''
def outcome():
    """Return what an outcome must look like."""
    import dataframely as dy

    class Outcome(dy.Schema):
        order_id = dy.String(primary_key=True)
        customer = dy.String()
        settled_at = dy.Datetime(time_unit="us", time_zone="UTC")
        back = dy.Bool()
        fate = dy.String(regex="^(kept|back|lost)$")
        value = dy.Float64(nullable=False, allow_inf=False, allow_nan=False)

    return Outcome


orders = '''


def with_contract(world: World) -> None:
    world.edit("\norders = ", CONTRACT)
    world.edit('event="settled_at")', 'event="settled_at", contract=outcome)')


def test_missing_column(fresh: World, call: Call) -> None:
    """A column that the page names and the table lacks is named, beside those it has."""
    rewrite(fresh, "orders", lambda rows: rows.drop("shop"))
    check_error(call(*LAP, cwd=fresh.root), "orders", "shop", "channel")
    check_whole(fresh)


def test_wrong_type(fresh: World, call: Call) -> None:
    """A time that is text is refused with its column and type."""
    rewrite(fresh, "orders", lambda rows: rows.with_columns(pl.col("ordered_at").cast(pl.String)))
    check_error(call(*LAP, cwd=fresh.root), "ordered_at", "String")
    check_whole(fresh)


def test_unknown_category(fresh: World, call: Call) -> None:
    """A category that the contract does not know is counted, with the keys of such rows."""
    with_contract(fresh)
    rewrite(
        fresh,
        "outcomes",
        lambda rows: rows.with_columns(
            fate=pl.when(pl.col("order_id") < "o00003").then(pl.lit("eaten")).otherwise("fate")
        ),
    )
    check_error(call(*LAP, cwd=fresh.root), "outcomes", "fate", "order_id=o0000")
    check_whole(fresh)


def test_nan(fresh: World, call: Call) -> None:
    """NaN in a column whose contract forbids it is an error; in a plain input it is data."""
    with_contract(fresh)
    rewrite(
        fresh,
        "outcomes",
        lambda rows: rows.with_columns(
            value=pl.when(pl.col("order_id") < "o00003").then(float("nan")).otherwise("value")
        ),
    )
    check_error(call(*LAP, cwd=fresh.root), "outcomes", "value", "nan")
    check_whole(fresh)


@pytest.mark.parametrize("how", ["bytes", "rows"])
def test_empty_file(fresh: World, how: str, call: Call) -> None:
    """A file without bytes, or a table without rows, is named."""
    if how == "bytes":
        (fresh.root / "data" / "orders.parquet").write_bytes(b"")
    else:
        rewrite(fresh, "orders", lambda rows: rows.clear())
    check_error(call(*LAP, cwd=fresh.root), "orders")
    check_whole(fresh)


@pytest.mark.parametrize("how", ["cut", "middle"])
def test_corrupt_file(fresh: World, how: str, call: Call) -> None:
    """A Parquet file that was cut, or whose pages were overwritten, is named."""
    path = fresh.root / "data" / "outcomes.parquet"
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        content[:middle]
        if how == "cut"
        else content[:4] + bytes(byte ^ 0x5A for byte in content[4:middle]) + content[middle:]
    )
    check_error(call(*LAP, cwd=fresh.root), "outcomes")
    check_whole(fresh)


def test_without_label(fresh: World, call: Call) -> None:
    """A table without the column of the label is named."""
    rewrite(fresh, "outcomes", lambda rows: rows.drop("back"))
    fresh.edit('"customer_rate": lw.rate("back", within="60d"),', "")
    check_error(call(*LAP, cwd=fresh.root), "back", "outcomes")
    check_whole(fresh)


def test_without_any_label(fresh: World, call: Call) -> None:
    """If no label is known yet, the lap says so instead of training on nothing."""
    rewrite(fresh, "outcomes", lambda rows: rows.with_columns(back=pl.lit(None, pl.Boolean)))
    check_error(call(*LAP, cwd=fresh.root), "label")
    check_whole(fresh)


def test_raising_training(fresh: World, call: Call) -> None:
    """A training function that raises is told by its exception; --debug shows the traceback."""
    fresh.edit("    codes = ColumnTransformer(", "    1 / 0\n    codes = ColumnTransformer(")
    check_error(call(*LAP, cwd=fresh.root), "train", "division by zero")
    check_whole(fresh)
    debug = run("--debug", *LAP, cwd=fresh.root)
    assert debug.code != 0
    assert "Traceback" in debug.err
    assert "page.py" in debug.err
    ledger = call("laps", cwd=fresh.root)
    assert ledger.out.count("failed") == 2


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv[1:2] = []
from lapwise.cli.main import main
main()
"""


@pytest.mark.parametrize("limit", [1_000, 250_000])
def test_full_disk(fresh: World, call: Call, limit: int) -> None:
    """When no file may grow further, wherever it happens, that is said, and room mends it."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *LAP],
        cwd=fresh.root,
        # Python does not notice that compiled code was cut short, and would trust it later.
        env={**environment(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    check_error(Done(done.returncode, done.stdout, done.stderr), "to mend:")
    if (fresh.root / ".lapwise" / "lapwise.db").exists():
        check_whole(fresh)
    again = call(*LAP, cwd=fresh.root)
    assert again.code == 0, again.err
    check_whole(fresh)


def test_corrupted_blob(world: World, call: Call) -> None:
    """A blob whose bytes changed is found when it is needed, and by the doctor."""
    blobs = [path for path in (world.root / ".lapwise" / "blobs").rglob("*") if path.is_file()]
    for path in blobs:
        if path.stat().st_size > 2_000:
            path.chmod(0o644)
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
    world.edit('"max_iter": 20', '"max_iter": 10')
    check_error(call(*LAP, cwd=world.root), "digest")
    ill = call("doctor", "--deep", cwd=world.root)
    assert ill.code == 1
    assert "Traceback" not in ill.err
    assert "ill" in ill.out


def test_newer_database(world: World, call: Call) -> None:
    """A database of a newer Lapwise is left alone."""
    path = world.root / ".lapwise" / "lapwise.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    before = path.read_bytes()
    check_error(call("laps", cwd=world.root), "9999")
    assert path.read_bytes() == before


def test_no_database(world: World, call: Call) -> None:
    """A file that is no database is refused, and stays what it is."""
    path = world.root / ".lapwise" / "lapwise.db"
    for one in path.parent.glob("lapwise.db*"):
        one.unlink()
    path.write_text("something else" * 1000)
    check_error(call("laps", cwd=world.root), "not a database")
    assert path.read_text() == "something else" * 1000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("loop = (\n", "page.py, line 1"),
        ("import lapwise as lw\nlw.Loop()\n", "page.py, line 2"),
        ("", "declares 0 loops"),
        ("import nothing_of_that_name\n", "nothing_of_that_name"),
    ],
    ids=["syntax", "arguments", "empty", "import"],
)
def test_broken_page(fresh: World, text: str, said: str, call: Call) -> None:
    """A page that cannot be read is told with its line, and leaves no store behind."""
    write_old(fresh.root / "page.py", text)
    check_error(call(*LAP, cwd=fresh.root), said)
    assert not (fresh.root / ".lapwise").exists()


def test_interrupted(fresh: World, call: Call) -> None:
    """Ctrl-C during training stops at once, says so, and the next lap goes on from there."""
    fresh.edit(
        '    """Return the encoder of text columns."""\n',
        "    import pathlib, time\n"
        '    place = pathlib.Path(__file__).with_name("pau" + "se")\n'
        "    if place.exists():\n"
        "        place.rename(place.with_suffix('.begun'))\n"
        "        time.sleep(120)\n",
        file="shaping.py",
    )
    (fresh.root / "pause").touch()
    process = subprocess.Popen(
        [*COMMAND, *LAP],
        cwd=fresh.root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        if (fresh.root / "pause.begun").exists():
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    check_error(Done(process.returncode, out, err), "stopped", code=130)
    check_whole(fresh)
    ledger = call("laps", "1", cwd=fresh.root)
    assert "stopped by Ctrl-C" in ledger.out
    again = call("lap", "page.py", "--as-of", AS_OF, "--json", cwd=fresh.root)
    assert again.code == 0, again.err
    assert again.out.count('"reused": true') == 4


def test_no_page(tmp_path: Path) -> None:
    """Without a page, the two ways to name one are told, and nothing is made."""
    check_error(run("lap", cwd=tmp_path), "no page", "page.py")
    check_error(run("lap", "nothing.py", cwd=tmp_path), "nothing.py")
    assert list(tmp_path.iterdir()) == []


def test_names(world: World, call: Call) -> None:
    """A loop, model, lap, run, table or prediction that is not there is named."""
    cases = [
        (("lap", "page.py:nothing"), ("nothing", "loop")),
        (("models", "nothing"), ()),
        (("approve", "nothing"), ("nothing", "returns")),
        (("laps", "9"), ("9",)),
        (("compare", "1", "9"), ("9",)),
        (("data", "snapshot", "nothing"), ("nothing", "orders")),
        (("data", "diff", "orders@v1", "orders@v9"), ("orders@v9",)),
        (("trace", "nothing"), ("nothing",)),
        (("score", "returns", "in.parquet", "out.parquet"), ("production",)),
        (("lap", "--as-of", "next week"), ("next week", "2013-04-01")),
    ]
    for arguments, said in cases:
        done = call(*arguments, cwd=world.root)
        if arguments[0] == "models":
            assert done.code == 0
            continue
        check_error(done, *said)
    check_whole(world)


def test_approvals(world: World, call: Call) -> None:
    """Nobody approves twice, and nobody approves namelessly."""
    check_error(call("approve", "returns", "--by", " ", cwd=world.root), "nobody approves")
    assert call("approve", "returns", "--by", "ada", cwd=world.root).code == 0
    check_error(call("approve", "returns", "--by", "bob", cwd=world.root), "approved by ada")
    check_error(call("archive", "returns", cwd=world.root), "answers requests")


def test_usage(world: World, call: Call) -> None:
    """A wrong option or number is told by the parser, with another exit code."""
    for arguments in (["laps", "-n", "0"], ["laps", "first"], ["nothing"], ["lap", "--fast"]):
        done = call(*arguments, cwd=world.root)
        assert done.code == 2
        assert "Traceback" not in done.err


def test_option_order(world: World, call: Call) -> None:
    """Options stand before or after the page."""
    first = call("lap", "--as-of", AS_OF, "--json", "page.py", cwd=world.root)
    second = call("lap", "page.py", "--json", "--as-of", AS_OF, cwd=world.root)
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert '"reused": false' not in second.out


def test_no_place_for_store(fresh: World, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that cannot be made where it should be is named."""
    (fresh.root / "file").touch()
    monkeypatch.setenv("LAPWISE_STORE", f"sqlite:///{fresh.root}/file/lapwise.db")
    check_error(call(*LAP, cwd=fresh.root), "to mend:")


def test_locked(world: World, call: Call) -> None:
    """While another process holds the database, reading goes on."""
    with closing(sqlite3.connect(world.root / ".lapwise" / "lapwise.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert call("laps", cwd=world.root).code == 0


def test_closed_pipe(world: World) -> None:
    """A reader that goes away early is no error to speak of."""
    process = subprocess.Popen(
        [*COMMAND, "laps", "1", "--json"],
        cwd=world.root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate()
    assert err == b""
    assert process.returncode in {1, 141}


def test_looking_where_nothing_is(tmp_path: Path) -> None:
    """A command that only looks says so, and leaves no store behind."""
    for words in (["laps"], ["runs"], ["models"], ["data", "log"], ["audit", "verify"]):
        done = run(*words, cwd=tmp_path)
        assert done.code == 1
        assert "nothing has been kept here yet" in done.err
    assert not list(tmp_path.iterdir())
