"""Which labels can be labels of the versions that answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lapwise.core.model import ModelVersion, Scalar
from lapwise.core.prediction import Outcome
from lapwise.serving.model import InferenceError

__all__ = ["check_labels"]

_EXPECTED = {
    "binary": "true or false, 1 or 0, or the name of one of the model's classes",
    "multiclass": "the name of one of the model's classes",
    "regression": "a finite number",
}


def check_labels(outcomes: Sequence[Outcome], versions: Sequence[ModelVersion]) -> None:
    """Refuse a label that is none of the task of any version that answers.

    Raises:
        InferenceError: the sentence names the outcome and says what its label must be.
    """
    for place, one in enumerate(outcomes):
        if not any(_fits(one.label, version) for version in versions):
            wanted = _EXPECTED[versions[0].task]
            raise InferenceError(400, f"the label of outcome {place + 1} must be {wanted}")


def _fits(label: Scalar, version: ModelVersion) -> bool:
    """Say whether a label is one of a version's task; any is of a task that nobody knows here.

    Numbers and Booleans name a class that is written as they are.
    """
    if version.task not in _EXPECTED:
        return True
    if version.task == "regression":
        return isinstance(label, int | float) and type(label) is not bool and math.isfinite(label)
    if str(label) in version.classes:
        return True
    return version.task == "binary" and isinstance(label, int | float) and label in (0, 1)
