"""How much of a metric goes with a cause, and never more than there is."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.tracking.explained import explained


def test_a_cause_that_decides_all_explains_all() -> None:
    assert explained(["a", "b"] * 6, [1.0, 2.0] * 6) == 1.0
    assert explained(list(range(12)), [value**3 for value in range(12)]) == pytest.approx(1.0)


def test_chance_explains_about_nothing_however_many_values_it_has() -> None:
    chance = random.Random(3)
    outcome = [chance.random() for _ in range(300)]
    for values in (2, 20, 100):
        cause: list[str] = [str(chance.randrange(values)) for _ in outcome]
        share = explained(cause, outcome)
        assert share is not None
        assert share < 0.12, values


def test_a_value_for_each_run_that_is_no_number_tells_nothing() -> None:
    assert explained([f"run-{n}" for n in range(9)], [float(n) for n in range(9)]) is None


def test_an_outcome_that_stays_the_same_cannot_be_explained() -> None:
    assert explained([1, 2, 3, 4], [0.5] * 4) is None


def test_a_missing_value_is_a_value_and_a_missing_outcome_is_left_out() -> None:
    assert explained([None, None, 3, 3, 3], [1.0, 1.0, 2.0, 2.0, math.nan]) == 1.0


scalars = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(), st.text(max_size=3))


@given(st.lists(st.tuples(scalars, st.one_of(st.none(), st.floats())), max_size=30))
def test_it_is_a_share_or_nothing(pairs: list[tuple[object, float | None]]) -> None:
    share = explained([cause for cause, _ in pairs], [value for _, value in pairs])  # type: ignore[misc]
    assert share is None or 0 <= share <= 1
