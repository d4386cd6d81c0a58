"""Curves: few points that look like all of them."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.core.errors import DeclarationError
from lapwise.core.model import Metric
from lapwise.store.chunks import FULL, Points, joined, pack, thinned, unpack
from lapwise.store.curve import downsampled
from lapwise.store.model import Store
from tests.store import making

_VALUES = st.floats(allow_nan=True, allow_infinity=True)


def shown(points: Points) -> list[tuple[int, int, str]]:
    """Return points so that NaN equals NaN."""
    return [(*rest, repr(value)) for *rest, value in zip(*points, strict=True)]  # type: ignore[misc]


def columns(values: Sequence[float]) -> Points:
    return Points(range(len(values)), range(len(values)), values)


@given(st.lists(_VALUES, min_size=1, max_size=400), st.integers(3, 40))
def test_a_curve_keeps_the_ends_and_the_extremes(values: list[float], wanted: int) -> None:
    """At most so many points, all of them real, in order; NaN only at an end, or among few."""
    found = downsampled(columns(values), wanted)
    assert len(found.steps) <= wanted
    assert list(found.steps) == sorted(set(found.steps))
    assert all(repr(values[step]) == repr(value) for step, _, value in zip(*found, strict=True))
    assert {0, len(values) - 1} <= set(found.steps)
    known = [value for value in values if not math.isnan(value)]
    if known and wanted >= 4:
        assert min(known) in found.values
        assert max(known) in found.values
    if len(values) <= wanted:
        assert list(found.steps) == list(range(len(values)))
    elif any(math.isnan(value) for value in found.values[1:-1]):
        pytest.fail("NaN has no place in a chart")


@given(st.lists(_VALUES, min_size=64, max_size=700), st.randoms())
def test_what_is_thinned_has_the_ends_and_the_extremes(
    values: list[float], rnd: random.Random
) -> None:
    """Of every bucket, by step, in whatever order the points came."""
    points = columns(values)
    places = list(range(len(values)))
    rnd.shuffle(places)
    thin = thinned(points.picked(places))
    assert thin is not None
    assert list(thin.steps) == sorted(thin.steps)
    assert {0, len(values) - 1} <= set(thin.steps)
    for start in range(0, len(values), 256):
        known = [value for value in values[start : start + 256] if not math.isnan(value)]
        kept = [value for step, _, value in zip(*thin, strict=True) if start <= step < start + 256]
        if known:
            assert min(known) in kept
            assert max(known) in kept
    assert len(thin.steps) <= 2 * math.ceil(len(values) / 256) + 2
    assert thinned(columns(values[:63])) is None


@given(
    st.lists(
        st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 9), _VALUES)),
        max_size=4,
    )
)
def test_packed_points_are_joined_without_unpacking(
    parts: list[list[tuple[int, int, float]]],
) -> None:
    made = [
        Points([one[0] for one in part], [one[1] for one in part], [one[2] for one in part])
        for part in parts
    ]
    found = unpack(joined([pack(one, "loss") for one in made]))
    assert shown(found) == [one for each in made for one in shown(each)]


def test_a_spike_and_a_step_survive(store: Store) -> None:
    """One point among tens of thousands, in many batches that come out of order, is still seen."""
    run = store.runs.create(making.run())
    values = [0.1 * math.sin(step / 500) + (step > 12_000) for step in range(20_000)]
    values[7_777], values[15_001], values[3_000] = 9.0, math.inf, math.nan
    batches = [range(start, start + 2_500) for start in range(0, 20_000, 2_500)]
    random.Random(5).shuffle(batches)
    for steps in batches:
        points = [Metric(name="loss", value=values[step], step=step, at=step) for step in steps]
        store.runs.log(run.id, metrics=points)
    curve = store.runs.curve(run.id, "loss", points=100)
    assert len(curve) <= 100
    assert [point.step for point in curve] == sorted(point.step for point in curve)
    assert {0, 7_777, 15_001, 19_999} <= {point.step for point in curve}
    assert all(values[point.step] == point.value == values[point.at] for point in curve)
    near = [point.value for point in curve if 10_000 < point.step < 14_000]
    assert min(near) < 0.2
    assert max(near) > 0.9


def test_a_window_has_the_points_within_it(store: Store) -> None:
    """From the first step to before the last, exactly, whether read whole or thin."""
    run = store.runs.create(making.run())
    for start in range(0, 4 * FULL, FULL):
        store.runs.log(
            run.id,
            metrics=[
                Metric(name="loss", value=step % 7, step=step)
                for step in range(start, start + FULL)
            ],
        )
    windows: list[tuple[int | None, int | None]] = [
        (10, 4 * FULL - 10),
        (FULL, 3 * FULL),
        (None, 9_000),
        (9_000, None),
    ]
    for since, until in windows:
        curve = store.runs.curve(run.id, "loss", points=50, start=since, end=until)
        first, last = since or 0, (until or 4 * FULL) - 1
        assert (curve[0].step, curve[-1].step, len(curve) <= 50) == (first, last, True)
    whole = store.runs.curve(run.id, "loss", points=50, start=100, end=120)
    assert [point.step for point in whole] == list(range(100, 120))
    assert store.runs.curve(run.id, "loss", start=10**6) == ()
    assert store.runs.curve(run.id, "loss", start=10, end=10) == ()


def test_points_without_steps_are_spread_by_time(store: Store) -> None:
    """A client that never says a step has all of them at 0."""
    run = store.runs.create(making.run())
    points = [Metric(name="loss", value=math.sin(at / 100), at=at) for at in range(6_000)]
    store.runs.log(run.id, metrics=points)
    found = [point.at for point in store.runs.curve(run.id, "loss", points=60)]
    assert found == sorted(found)
    assert max(b - a for a, b in pairwise(found)) < 600


@pytest.mark.parametrize("points", [-1, 0, 2, 10_001])
def test_a_curve_has_bounds(store: Store, points: int) -> None:
    run = store.runs.create(making.run())
    with pytest.raises(DeclarationError):
        store.runs.curve(run.id, "loss", points=points)


def test_curves_need_no_numpy() -> None:
    """The server draws them without the libraries that compute."""
    code = (
        "import sys, lapwise.store.runs, lapwise.store.curve;"
        "assert not {'numpy', 'polars', 'lark'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
