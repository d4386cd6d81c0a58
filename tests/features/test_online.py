"""The online store among processes: what returned stays, and what is written is seen."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path
from random import Random

import polars as pl
import pytest

from lapwise.core.declaration import Table
from lapwise.core.errors import ConflictError, FeatureError, NotFoundError
from lapwise.core.model import Column
from lapwise.features import model as lw
from lapwise.features.model import FeatureView, view_digest
from lapwise.features.online.lookup import OnlineLookup
from lapwise.features.online.store import OnlineStore

TABLE = Table("events", "events.parquet", key="id", event="at")
VIEW = FeatureView(
    "person", TABLE, "who", {"n": lw.count(within="1h"), "total": lw.sum("x", within="1h")}
)
SCHEMA = {"id": pl.Int64, "at": pl.Datetime("us", "UTC"), "who": pl.String, "x": pl.Int64}
WHO = Column(name="who", dtype="String")
ROWS = 50


def rows(first: int, number: int = ROWS) -> pl.DataFrame:
    """Return rows a millisecond apart, each adding its own number to the total."""
    ids = pl.int_range(first, first + number, eager=True)
    frame = pl.DataFrame({"id": ids, "at": ids * 1000 + 1, "who": ["a"] * number, "x": ids})
    return frame.cast(SCHEMA)  # type: ignore[arg-type]


def asked(store: OnlineStore, who: str = "a", at: int = 3_000_000_000) -> tuple[int, int]:
    """Look one person up."""
    found = OnlineLookup([VIEW], store, columns=[WHO]).look_up({"who": [who]}, at=at)
    return found["n"][0], found["total"][0]


def empty(folder: Path) -> None:
    """Make a store that has taken nothing yet."""
    with OnlineStore.open(folder) as store:
        store.materialize([VIEW], {"events": rows(0, 0).lazy()}, at=0)


WRITER = """
    import sys
    from pathlib import Path
    from tests.features.test_online import ROWS, TABLE, VIEW, rows
    from lapwise.features.online.store import OnlineStore

    with OnlineStore.open(Path(sys.argv[1])) as store:
        for batch in range(int(sys.argv[2]), 10_000):
            store.push(TABLE, rows(batch * ROWS), [VIEW])
            print(batch, flush=True)
"""


def writer(folder: Path, first: int) -> subprocess.Popen[str]:
    """Start a process that pushes batch after batch and says which have returned."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(folder), str(first)],
        stdout=subprocess.PIPE,
        text=True,
    )


def check_kills(folder: Path, kills: int) -> None:
    """Kill writers at any moment beside a reader that stays; nothing that returned is lost."""
    empty(folder)
    random = Random(5)
    following = 0
    with OnlineStore.open(folder, read_only=True) as reader:
        for _ in range(kills):
            process = writer(folder, following)
            assert process.stdout is not None
            assert process.stdout.readline().strip() == str(following)
            time.sleep(random.random() / 20)
            process.kill()
            last = following
            for line in process.stdout.read().splitlines():
                last = int(line)
            process.wait()
            process.stdout.close()
            number, total = asked(reader)
            batches = number // ROWS
            assert number % ROWS == 0, "half a push is seen"
            assert batches in (last + 1, last + 2)  # one may have returned and not been told
            assert total == sum(range(number))
            following = batches
    with OnlineStore.open(folder) as store:
        assert store.push(TABLE, rows(0, following * ROWS), [VIEW]).rows == 0


def test_a_killed_writer_loses_nothing_that_returned(tmp_path: Path) -> None:
    check_kills(tmp_path, 3)


@pytest.mark.prove
def test_many_killed_writers_lose_nothing_that_returned(tmp_path: Path) -> None:
    check_kills(tmp_path, 25)


def test_a_reader_sees_what_another_process_commits(tmp_path: Path) -> None:
    empty(tmp_path)
    with OnlineStore.open(tmp_path, read_only=True) as reader:
        assert asked(reader)[0] == 0
        process = writer(tmp_path, 0)
        assert process.stdout is not None
        for batch in range(5):
            assert process.stdout.readline() == f"{batch}\n"
            assert asked(reader)[0] >= (batch + 1) * ROWS
        process.kill()
        process.wait()
        process.stdout.close()


def test_rows_known_at_the_time_or_later_are_not_seen(tmp_path: Path) -> None:
    empty(tmp_path)
    with OnlineStore.open(tmp_path) as store:
        store.push(TABLE, rows(0, 10), [VIEW])
        assert asked(store, at=5_001) == (5, 10)  # the sixth becomes known that moment
        assert asked(store, at=5_002) == (6, 15)


def test_a_changed_definition_is_beside_the_old(tmp_path: Path) -> None:
    changed = FeatureView("person", TABLE, "who", {"n": lw.count(within="2ms")})
    with OnlineStore.open(tmp_path) as store:
        store.materialize([VIEW], {"events": rows(0).lazy()}, at=10**9)
        store.materialize([changed], {"events": rows(0).lazy()}, at=10**9)
        found = OnlineLookup([changed], store, columns=[WHO]).look_up({"who": ["a"]}, at=50_001)
        assert found["n"] == [2]
        assert asked(store)[0] == ROWS
        assert {one.view for one in store.stats().values()} == {"person"}
        assert set(store.stats()) == {view_digest(VIEW), view_digest(changed)}


def test_stats_and_freshness(tmp_path: Path) -> None:
    with OnlineStore.open(tmp_path, keep="1s") as store:
        assert store.freshness(view_digest(VIEW)) is None
        done = store.materialize([VIEW], {"events": rows(0).lazy()}, at=20_000)
        assert (done.rows, done.rebuilt, done.at) == (20, ("person",), 20_000)
        pushed = store.push(TABLE, rows(20, 30), [VIEW])
        assert (pushed.rows, pushed.entities) == (30, 1)
        stats = store.stats()[view_digest(VIEW)]
        assert (stats.rows, stats.entities, stats.watermark) == (50, 1, 20_000)
        assert stats.latest == store.freshness(view_digest(VIEW)) == 49_001
        assert stats.floor == 49_001 - 1_000_000


def test_a_view_that_was_never_materialised_is_told(tmp_path: Path) -> None:
    with OnlineStore.open(tmp_path) as store:
        with pytest.raises(FeatureError, match=r"'person' was never materialised") as told:
            asked(store)
        assert told.value.fix == "lapwise features materialize"
        with pytest.raises(FeatureError, match="never materialised"):
            store.push(TABLE, rows(0), [VIEW])


def test_nothing_to_push_is_nothing(tmp_path: Path) -> None:
    empty(tmp_path)
    other = Table("others", "others.parquet", key="id", event="at")
    with OnlineStore.open(tmp_path) as store:
        assert store.push(other, rows(0), [VIEW]).rows == 0
        assert store.push(TABLE, rows(0, 0), [VIEW]).rows == 0


def test_little_address_space_is_enough(tmp_path: Path) -> None:
    """A process that may not take 64 GiB of addresses opens the store with less."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30));"
        "from pathlib import Path; from tests.features.test_online import empty;"
        "empty(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    with OnlineStore.open(tmp_path, read_only=True) as store:
        assert asked(store)[0] == 0


def test_a_time_before_the_floor_is_refused(tmp_path: Path) -> None:
    with OnlineStore.open(tmp_path, keep="1ms") as store:
        store.materialize([VIEW], {"events": rows(0).lazy()}, at=40_000)
        assert asked(store, at=39_000)[0] == 39
        with pytest.raises(FeatureError, match="no longer answers"):
            asked(store, at=38_999)
        store.materialize([VIEW], {"events": rows(0).lazy()}, at=20_000)
        assert asked(store, at=20_000)[0] == 20


def test_other_types_are_refused(tmp_path: Path) -> None:
    empty(tmp_path)
    with OnlineStore.open(tmp_path) as store:
        wrong = rows(0).with_columns(pl.col("x").cast(pl.Float64))
        with pytest.raises(FeatureError, match=r"column 'x' has another type") as told:
            store.push(TABLE, wrong, [VIEW])
        assert (told.value.value, told.value.expected) == ("Float64", "Int64")
        with pytest.raises(FeatureError, match="no column"):
            store.push(TABLE, rows(0).drop("x"), [VIEW])
        with pytest.raises(FeatureError, match="have no key"):
            store.push(TABLE, rows(0).with_columns(id=pl.lit(None, pl.Int64)), [VIEW])
        assert asked(store)[0] == 0
        store.materialize([VIEW], {"events": wrong.lazy()}, at=10**9)
        assert OnlineLookup([VIEW], store, columns=[WHO]).look_up({"who": ["a"]}, at=10**9)[
            "total"
        ] == [float(sum(range(ROWS)))]


def test_a_rebuild_refuses_rows_without_a_key(tmp_path: Path) -> None:
    """They are not passed over in silence: the frame refuses them too."""
    table = rows(0).with_columns(id=pl.when(pl.col("id") > 0).then("id"))
    with OnlineStore.open(tmp_path) as store, pytest.raises(FeatureError, match="have no key"):
        store.materialize([VIEW], {"events": table.lazy()}, at=10**9)


def test_the_order_of_a_table_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that comes after the floor has passed it was corrected before: it is not counted."""
    monkeypatch.setattr("lapwise.features.online.store._STEP", 1)
    hour = 3_600_000_000
    told = [(1, 3 * hour // 2, 2 * hour), (2, 5 * hour, 5 * hour), (1, 5 * hour, hour)]
    table = pl.DataFrame(told, schema=["id", "at", "known"], orient="row").with_columns(
        pl.col("at", "known").cast(pl.Datetime("us", "UTC")), who=pl.lit("a")
    )
    source = Table("events", "events.parquet", key="id", event="at", known="known")
    view = FeatureView("person", source, "who", {"n": lw.count(within="1h")})
    with OnlineStore.open(tmp_path, keep="1m") as store:
        for at, events in ((0, table.clear()), (5 * hour + 9, table)):
            store.materialize([view], {"events": events.lazy()}, at=at)
        lookup = OnlineLookup([view], store, columns=[WHO])
        assert lookup.look_up({"who": ["a"]}, at=5 * hour + 9) == {"n": [1]}


def test_types_that_are_not_held_are_refused(tmp_path: Path) -> None:
    view = FeatureView("person", TABLE, "who", {"x": lw.last("x", within="1h")})
    for kind in (pl.Decimal(10, 2), pl.Int128()):
        table = rows(0).with_columns(pl.col("x").cast(kind)).lazy()
        with OnlineStore.open(tmp_path) as store, pytest.raises(FeatureError, match="not hold"):
            store.materialize([view], {"events": table}, at=1)


def test_a_store_that_is_not_there_or_open_already(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no online store"):
        OnlineStore.open(tmp_path / "none", read_only=True)
    with (
        OnlineStore.open(tmp_path),
        pytest.raises(ConflictError, match="open already"),
    ):
        OnlineStore.open(tmp_path, read_only=True)


def test_it_makes_room_when_there_is_too_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lapwise.features.online.backends.lmdb._ROOM", 1 << 17)
    with OnlineStore.open(tmp_path) as store:
        store.materialize([VIEW], {"events": rows(0, 0).lazy()}, at=0)
        for first in range(0, 4000, 500):
            store.push(TABLE, rows(first, 500), [VIEW])
        assert asked(store, at=10**9)[0] == 4000


def test_a_planted_shift_is_in_the_store(tmp_path: Path) -> None:
    with OnlineStore.open(tmp_path) as store:
        store.materialize([VIEW], {"events": rows(0).lazy()}, at=10**9)
        assert store.displace(VIEW, ["a"], by=10**10) == ROWS - 1
        assert asked(store)[0] == ROWS - 1
        with pytest.raises(NotFoundError, match="no row online"):
            store.displace(VIEW, ["nobody"], by=1)
