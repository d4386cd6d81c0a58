from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from lapwise.registry.parity import answers, compare, describe, differences, trial
from lapwise.registry.probe import hard_cases, read_probe, spread, spread_indices, write_probe
from tests.registry.examples import small_rows

CASES = [("validation rows", small_rows().head(4)), ("hard", small_rows().head(2))]
SCORES = [np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.5, 0.6])]


def test_equal_answers_hold() -> None:
    """No difference, no flip."""
    parity = compare(CASES, SCORES, SCORES, task="binary")
    assert (parity.holds, parity.largest, parity.rows, parity.probes) == (True, 0.0, 4, 2)
    assert "within 0.0e+00 on 4 validation rows and 2 hard cases" in describe(parity)


@pytest.mark.parametrize(("apart", "holds"), [(0.9e-5, True), (1.1e-5, False), (np.nan, False)])
def test_the_limit_is_one_in_a_hundred_thousand(apart: float, holds: bool) -> None:
    """A single row beyond 1e-5 is enough; so is a NaN."""
    given = [SCORES[0], SCORES[1] + np.array([0.0, apart])]
    assert compare(CASES, SCORES, given, task="binary").holds == holds


def test_flips_are_counted_at_the_threshold() -> None:
    """A decision changes where the score passes the threshold, however little it moved."""
    expected, given = [np.array([0.3 - 1e-7] * 4), SCORES[1]], [np.array([0.3] * 4), SCORES[1]]
    parity = compare(CASES, expected, given, task="binary", threshold=0.3)
    assert (parity.holds, parity.flips) == (True, 4)
    assert compare(CASES, expected, given, task="binary").flips == 0


def test_a_refusal_by_one_is_a_difference_and_by_both_is_none() -> None:
    """What one refuses, the other must refuse."""
    one = compare(CASES, [SCORES[0], None], SCORES, task="binary")
    assert (one.holds, one.beyond, one.worst) == (False, 2, "hard")
    assert compare(CASES, [SCORES[0], None], [SCORES[0], None], task="binary").holds


def test_regression_is_judged_by_its_own_size() -> None:
    """0.5 is much for values around one, and nothing for values around a million."""
    small = differences(np.array([1.0, 2.0]), np.array([1.5, 2.0]), task="regression")
    large = differences(np.array([1e6, 2e6]), np.array([1e6 + 0.5, 2e6]), task="regression")
    assert small[0] == 0.5
    assert large[0] == pytest.approx(0.5e-6)


def test_other_shapes_are_infinitely_apart() -> None:
    """Two classes against three is no parity."""
    assert np.isinf(differences(np.zeros((2, 2)), np.zeros((2, 3)), task="multiclass")).all()


def test_one_refused_case_does_not_hide_the_others() -> None:
    """When the rows together are refused, each case is asked alone."""

    def picky(rows: pl.DataFrame) -> Any:
        if rows["a"].is_nan().any():
            raise ValueError
        return rows["a"].to_numpy()

    holes = small_rows().head(3).with_columns(a=pl.lit(float("nan"), dtype=pl.Float32))
    given = answers(picky, [("good", small_rows().head(5)), ("bad", holes)])
    assert len(given[0]) == 5
    assert given[1] is None


def test_answers_come_back_case_by_case() -> None:
    """Asked together, each case gets its own rows' scores."""
    given = answers(lambda rows: rows["a"].to_numpy(), CASES)
    assert [len(scores) for scores in given] == [4, 2]
    assert given[1].tolist() == CASES[1][1]["a"].to_list()


def test_hard_cases_try_each_column_alone() -> None:
    """Missing and extreme for each number; unseen, empty and altered for each text; all missing."""
    names = [name for name, _ in hard_cases(small_rows())]
    assert names == [
        "'a' missing",
        "'a' extreme",
        "'b' missing",
        "'b' extreme",
        "every number missing",
        "'kind' unseen",
        "'kind' empty",
        "'kind' altered",
    ]
    for _, rows in hard_cases(small_rows()):
        assert rows.schema == small_rows().schema
        assert len(rows) <= 35


def test_a_column_of_nothing_but_nan_is_tried_too() -> None:
    """No known value, no crash."""
    rows = small_rows().with_columns(a=pl.lit(float("nan"), dtype=pl.Float32))
    assert len(list(hard_cases(rows))) == 8


def test_of_many_rows_some_are_spread_evenly() -> None:
    """At most 20,000 validation rows are compared, from first to last."""
    many = pl.concat([small_rows()] * 100)
    assert len(trial(many)[0][1]) == 20_000
    assert spread_indices(3, 10) == [0, 1, 2]
    assert len(spread(many, 7)) == 7


@pytest.mark.parametrize("shape", [(300,), (300, 3)])
def test_a_probe_is_read_back_as_it_was_written(shape: tuple[int, ...]) -> None:
    """Inputs with NaN and expected scores survive Parquet to the bit."""
    rows = small_rows().with_columns(a=pl.lit(float("nan"), dtype=pl.Float32))
    scores = np.random.default_rng(0).random(shape)
    inputs, expected = read_probe(write_probe(rows, scores))
    assert inputs.equals(rows, null_equal=True)
    assert np.array_equal(np.asarray(expected), scores)
