"""Reading: all rows before the watermark, or the newest of each key."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lapwise.core.errors import CorruptError
from lapwise.data.read import current, scan
from lapwise.store.model import Store
from lapwise.store.open import open_store
from tests.data.worlds import ARRIVALS, FLIGHTS, arrivals, flights, taken


def test_a_later_known_row_replaces_the_earlier(store: Store, tmp_path: Path) -> None:
    """Before a correction is known the first row stands, afterwards the correction does."""
    frame = arrivals([(1, 2, 3, 10.0), (2, 2, 4, 20.0), (1, 2, 8, 99.0)])
    before = taken(frame, ARRIVALS, store, tmp_path, until=8)
    after = taken(frame, ARRIVALS, store, tmp_path, until=9)
    assert current(before, store).select("flight", "delay").collect().rows() == [(1, 10), (2, 20)]
    assert current(after, store).select("flight", "delay").collect().rows() == [(2, 20), (1, 99)]
    assert scan(after, store).collect().equals(frame)


ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25
)


@given(rows=ROWS, until=st.integers(1, 8))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_newest_row_is_the_greatest_by_known_and_event(
    rows: list[tuple[int, int, int]], until: int, store: Store, tmp_path: Path
) -> None:
    """What a loop over the rows would keep, the reader keeps."""
    frame = arrivals([(key, event, known, 10.0 * event + known) for key, event, known in rows])
    wanted: dict[int, tuple[int, int]] = {}
    for key, event, known in rows:
        if known < until:
            wanted[key] = max(wanted.get(key, (-1, -1)), (known, event))
    version = taken(frame, ARRIVALS, store, tmp_path, until=until, accept=True)
    seen = current(version, store).select("flight", "delay").collect().rows()
    assert sorted(seen) == sorted(
        (key, 10.0 * event + known) for key, (known, event) in wanted.items()
    )


def test_a_damaged_blob_is_not_read(store: Store, tmp_path: Path) -> None:
    """Bytes that differ from their digest are an error, not other rows."""
    frame = flights([(n, n, n + 1, n + 2) for n in range(50)])
    version = taken(frame, FLIGHTS, store, tmp_path, until=100)
    path = store.blobs.path(version.parts[0].digest)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    with open_store(store.url, str(path.parent.parent)) as again, pytest.raises(CorruptError):
        scan(version, again)


def test_infinities_and_nan_pass_through_and_do_not_spoil_statistics(
    store: Store, tmp_path: Path
) -> None:
    """NaN counts as missing, infinities as values, and the mean is over finite numbers."""
    values = [1.0, float("nan"), float("inf"), float("-inf"), 3.0]
    frame = arrivals([(n, n, n, value) for n, value in enumerate(values)])
    version = taken(frame, ARRIVALS, store, tmp_path, until=100)
    delay = version.statistics[-1]
    assert (delay.name, delay.nulls, delay.distinct) == ("delay", 1, 4)
    assert (delay.minimum, delay.maximum, delay.mean) == (1.0, 3.0, 2.0)
    assert store.datasets.get("arrivals") == version
    assert scan(version, store).collect().equals(frame)


def test_every_type_has_statistics(store: Store, tmp_path: Path) -> None:
    """No type of column makes a snapshot fail, and each record survives the store."""
    frame = flights([(n, n, n + 1, n + 2) for n in range(3)]).with_columns(
        flag=pl.Series([True, None, False]),
        day=pl.col("departure").dt.date(),
        hour=pl.col("departure").dt.time(),
        lasts=pl.duration(minutes=pl.col("flight")),
        price=pl.col("flight").cast(pl.Decimal(10, 2)),
        kind=pl.col("tail").cast(pl.Categorical),
        grade=pl.lit("b").cast(pl.Enum(["a", "b"])),
        raw=pl.col("tail").cast(pl.Binary),
        many=pl.concat_list("flight", "flight"),
        pair=pl.struct("flight", "tail"),
        none=pl.lit(None),
        long=pl.lit("x" * 1_000),
        big=pl.lit(2**64 - 1, dtype=pl.UInt64),
    )
    version = taken(frame, FLIGHTS, store, tmp_path, until=100)
    assert store.datasets.get("flights") == version
    found = {column.name: column for column in version.statistics}
    assert (found["flag"].nulls, found["flag"].minimum, found["flag"].distinct) == (1, False, 2)
    assert (found["kind"].minimum, found["kind"].distinct) == ("N0", 3)
    assert (found["none"].nulls, found["none"].distinct) == (3, 0)
    assert len(str(found["long"].maximum)) == 100
    assert found["many"].distinct == 3
