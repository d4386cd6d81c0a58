"""Whether the compiled model answers as the native one does, measured before it may serve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from lapwise.core.errors import ModelError
from lapwise.registry.model import PROBE, Parity
from lapwise.registry.probe import hard_cases, read_probe, spread

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.model import ModelVersion
    from lapwise.core.protocols import Predictor
    from lapwise.store.blobs import Blobs

__all__ = ["Case", "Scorer", "answers", "compare", "describe", "differences", "self_test", "trial"]

Scorer: TypeAlias = Callable[["pl.DataFrame"], Any]
"""Gives shaped scores for normalised rows, or raises."""

Case: TypeAlias = tuple[str, "pl.DataFrame"]
"""What a case is called, and its normalised rows."""

TOLERANCE = 1e-5
_MOST_ROWS = 20_000


def answers(scorer: Scorer, cases: Sequence[Case]) -> list[Any]:
    """Return the scores of each case, or None where the model refuses it.

    All rows are asked at once, since one call of a boosted model costs as much as thousands of its
    rows; only if that is refused, case by case.
    """
    import numpy as np
    import polars as pl

    try:
        together = scorer(pl.concat([rows for _, rows in cases]))
    except Exception:  # noqa: BLE001  (a refusal, whatever its type, is an answer to compare)
        return [_answer(scorer, rows) for _, rows in cases]
    ends = np.cumsum([len(rows) for _, rows in cases])
    return list(np.split(together, ends[:-1]))


def trial(rows: pl.DataFrame) -> list[Case]:
    """Return what both models are asked: at most 20,000 validation rows, then the hard cases."""
    return [("validation rows", spread(rows, _MOST_ROWS)), *hard_cases(rows)]


def compare(
    cases: Sequence[Case],
    expected: Sequence[Any],
    given: Sequence[Any],
    *,
    task: str,
    threshold: float | None = None,
) -> Parity:
    """Return how far the answers of two models are apart.

    A case that one refuses and the other answers counts as apart in every row; one that both
    refuse (a linear model without an imputer, given NaN) counts as equal.

    Args:
        cases: what was asked; the first are the validation rows.
        expected: for each case, what the model answers as it was trained.
        given: for each case, what the one that may serve answers.
        task: ``binary``, ``multiclass`` or ``regression``.
        threshold: the score from which a binary decision is yes; default 0.5.
    """
    import numpy as np

    largest, worst, beyond, flips = 0.0, "", 0, 0
    for (name, rows), before, after in zip(cases, expected, given, strict=True):
        if before is None and after is None:
            continue
        if before is None or after is None:
            apart = np.full(len(rows), np.inf)
        else:
            apart = differences(before, after, task=task)
            changed = _decide(before, task, threshold) != _decide(after, task, threshold)
            flips += int(np.count_nonzero(changed))
        if apart.max(initial=0.0) > largest:
            largest, worst = float(apart.max()), name
        beyond += int(np.count_nonzero(~(apart <= TOLERANCE)))
    return Parity(
        rows=len(cases[0][1]),
        probes=sum(len(rows) for _, rows in cases[1:]),
        largest=largest,
        limit=TOLERANCE,
        beyond=beyond,
        flips=flips,
        worst=worst,
    )


def differences(expected: Any, given: Any, *, task: str) -> Any:
    """Return the difference of each row's scores, as :class:`Parity` defines it, shape (rows,)."""
    import numpy as np

    expected, given = np.asarray(expected), np.asarray(given)
    if expected.shape != given.shape:
        return np.full(len(expected), np.inf)
    apart = np.abs(given - expected)
    if task == "regression":
        reach = float(np.ptp(expected)) if len(expected) else 0.0
        size = np.maximum(np.abs(expected), reach)
        return np.divide(apart, size, out=apart.copy(), where=size > 0)
    return apart.max(axis=1, initial=0.0) if apart.ndim == 2 else apart


def describe(parity: Parity) -> str:
    """Return the sentence that the ledger shows."""
    compared = f"{parity.rows} validation rows and {parity.probes} hard cases"
    flips = f"{parity.flips} decisions differ"
    if parity.holds:
        return f"ONNX answers as scikit-learn does: scores within {parity.largest:.1e} on {compared}, {flips}"
    return (
        f"scikit-learn answers, not ONNX: scores differ by up to {parity.largest:.2g} "
        f"(limit {parity.limit:.0e}) in {parity.beyond} of {compared}, most with "
        f"{parity.worst}, {flips}"
    )


def self_test(version: ModelVersion, predictor: Predictor, blobs: Blobs) -> float:
    """Return the largest difference between what a loaded model answers and what it should.

    Raises:
        ModelError: it differs by more than 1e-5 (as :class:`lapwise.registry.Parity` measures), or
            cannot answer; nothing else was changed.
    """
    digest = next((part.digest for part in version.artifacts if part.name == PROBE), None)
    if digest is None:
        raise ModelError(
            f"{version.model} v{version.number} was packaged without a probe",
            expected=PROBE,
            fix="package and register it anew",
        )
    inputs, expected = read_probe(blobs.get(digest))
    apart = float(
        differences(expected, predictor.predict(inputs), task=version.task).max(initial=0.0)
    )
    if not apart <= TOLERANCE:
        raise ModelError(
            f"{version.model} v{version.number} does not answer as it did when it was packaged",
            value=f"scores differ by up to {apart:.1e} on {len(inputs)} probe rows",
            expected=f"at most {TOLERANCE:.0e}",
            fix="run it with the library versions of its run, or package it anew",
        )
    return apart


def _answer(scorer: Scorer, rows: pl.DataFrame) -> Any:
    try:
        return scorer(rows)
    except Exception:  # noqa: BLE001  (as above)
        return None


def _decide(scores: Any, task: str, threshold: float | None) -> Any:
    if task == "binary":
        return scores >= (0.5 if threshold is None else threshold)
    return scores.argmax(axis=1) if task == "multiclass" else scores * 0
