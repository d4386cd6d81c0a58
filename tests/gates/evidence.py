"""Made-up test rows with known faults, for the tests of the gates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lapwise.core.evidence import Evidence

Floats = NDArray[np.float64]


def sigmoid(x: Floats) -> Floats:
    """Return the logistic function."""
    return 1 / (1 + np.exp(-x))


def binary_evidence(rows: int = 3000, days: int = 14, *, seed: int = 0, **changes: Any) -> Evidence:
    """Return rows on which candidate > production > baseline, with day and airport columns."""
    random = np.random.default_rng(seed)
    signal = random.normal(size=rows)
    labels = random.random(rows) < sigmoid(signal - 1)
    fields: dict[str, Any] = {
        "task": "binary",
        "labels": labels,
        "scores": {
            "candidate": sigmoid(signal - 1),
            "production": sigmoid(signal - 1 + 0.5 * random.normal(size=rows)),
            "baseline": sigmoid(0.5 * signal - 1 + random.normal(size=rows)),
        },
        "thresholds": {"candidate": 0.3, "production": 0.3, "baseline": 0.3},
        "blocks": random.integers(0, days, rows),
        "slices": {"origin": random.choice(["EWR", "JFK", "LGA"], rows)},
        "seed": seed,
    }
    return Evidence(**(fields | changes))


def evidence(**fields: Any) -> Evidence:
    """Return evidence from arrays, which type checkers do not take for sequences."""
    return Evidence(**fields)


def regression_evidence(harm: Floats, blocks: NDArray[np.int64], seed: int) -> Evidence:
    """Return rows on which the candidate's absolute error exceeds production's by ``harm``."""
    return evidence(
        task="regression",
        labels=np.zeros(len(harm)),
        scores={"candidate": 100 + harm, "production": np.full(len(harm), 100.0)},
        blocks=blocks,
        seed=seed,
    )
