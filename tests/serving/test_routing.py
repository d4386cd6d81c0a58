"""Units are spread evenly, stay, and only join as the weight grows."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lapwise.core.deployment import BUCKETS
from lapwise.serving import bucket
from lapwise.serving.routing import Router

UNITS = [f"N{place}" for place in range(3_000)]


@given(
    st.text(), st.lists(st.text(), max_size=30), st.integers(0, BUCKETS), st.integers(0, BUCKETS)
)
def test_a_larger_weight_keeps_every_unit(
    salt: str, units: list[str], one: int, other: int
) -> None:
    small, large = sorted((one, other))
    _, fewer = Router(salt, small).split(units)
    rest, more = Router(salt, large).split(units)
    assert set(fewer) <= set(more)
    assert sorted(rest + more) == list(range(len(units)))


def test_the_share_is_the_weight() -> None:
    for weight in (0, 1_000, 5_000, BUCKETS):
        share = len(Router("salt", weight).split(UNITS)[1]) / len(UNITS)
        assert abs(share - weight / BUCKETS) < 0.03


def test_salts_assign_independently() -> None:
    both = Counter((bucket("a", unit) < 5_000, bucket("b", unit) < 5_000) for unit in UNITS)
    assert all(650 < count < 850 for count in both.values())


def test_another_process_says_the_same() -> None:
    code = "from lapwise.serving import bucket; print([bucket('s', f'N{i}') for i in range(50)])"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert told.strip() == str([bucket("s", f"N{i}") for i in range(50)])
