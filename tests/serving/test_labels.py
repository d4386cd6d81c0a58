"""A label is one of the task of a version that answers, or it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lapwise.core.model import Scalar
from lapwise.core.prediction import Outcome
from lapwise.serving.labels import check_labels
from lapwise.serving.model import InferenceError
from tests.serving.versions import make_version

BINARY = {"task": "binary", "classes": ("late", "paid")}
CLASSES = {"task": "multiclass", "classes": ("1", "2", "red")}
NUMBER = {"task": "regression"}


@pytest.mark.parametrize(
    ("version", "fitting", "others"),
    [
        (BINARY, [True, False, 0, 1, 1.0, "late", "paid"], ["Late", "1", 2, 0.5, "", "\x00"]),
        (CLASSES, [1, "1", "red"], [3, 1.0, True, "blue", "red\n"]),
        (NUMBER, [3, -2.5, 0], [True, "3", float("inf"), float("nan")]),
    ],
)
def test_only_a_label_of_the_task_is_taken(
    version: dict[str, Any], fitting: list[Scalar], others: list[Scalar]
) -> None:
    versions = [make_version(**version)]
    check_labels([Outcome(label=label, row="F1") for label in fitting], versions)
    for label in others:
        with pytest.raises(InferenceError, match="the label of outcome 2 must be") as caught:
            check_labels([Outcome(label=fitting[0]), Outcome(label=label)], versions)
        assert caught.value.status == 400


def test_a_label_of_any_version_that_answers_is_taken() -> None:
    versions = [make_version(classes=("no", "yes")), make_version(classes=("late", "paid"))]
    check_labels([Outcome(label="yes"), Outcome(label="paid")], versions)
