"""One version in its place: the arrays its model takes, its scores checked, its decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lapwise.core.deployment import ArmName
from lapwise.core.errors import ModelError
from lapwise.serving.fields import feature_fields
from lapwise.serving.model import TensorMetadata
from lapwise.serving.served import ServedVersion

__all__ = ["Arm", "Features"]

Features: TypeAlias = dict[str, list[Any]]
"""One list for each column of a signature, None for missing."""


class Arm:
    """A version, prepared once for many requests.

    Args:
        served: the version.
        name: its place.

    Raises:
        ModelError: the signature has a column that cannot be served.
    """

    def __init__(self, served: ServedVersion, name: ArmName) -> None:
        version = served.version
        self.served = served
        self.name: ArmName = name
        self.id = version.id
        self.number = str(version.number)
        self.kinds = feature_fields(version.signature.inputs)
        self.features = [column.name for column in version.signature.inputs]
        self.classes = version.classes if version.task == "multiclass" else ()
        self.threshold = version.threshold if version.task == "binary" else None
        self._numbers = [c.name for c in version.signature.inputs if c.dtype == "Float32"]
        self._texts = [c.name for c in version.signature.inputs if c.dtype == "String"]
        self._known = [(n, served.categories[n]) for n in self._texts if n in served.categories]
        self._width = len(self.classes)

    @property
    def decides(self) -> bool:
        """Whether its scores decide something."""
        return bool(self.classes) or self.threshold is not None

    def outputs(self) -> list[TensorMetadata]:
        """Return what it gives, as the protocol describes it."""
        score = [-1, len(self.classes)] if self.classes else [-1]
        outputs = [TensorMetadata(name="score", datatype="FP64", shape=score)]
        if self.decides:
            kind = "BYTES" if self.classes else "BOOL"
            outputs.append(TensorMetadata(name="decision", datatype=kind, shape=[-1]))
        return outputs

    def look_up(self, inputs: Mapping[str, Sequence[Any]], at: int) -> Features:
        """Return the features of what a request carries, as of ``at``; raises FeatureError."""
        if self.served.lookup is None:
            raise ModelError("this version looks nothing up", value=self.id)
        found = self.served.lookup.look_up(inputs, at=at)
        return {name: list(found[name]) for name in self.features}

    def score(self, features: Mapping[str, list[Any]], rows: int) -> NDArray[np.float64]:
        """Return ``(rows,)`` scores, ``(rows, classes)`` for several classes; maybe not finite.

        Raises:
            Exception: whatever the model raises; ModelError if the scores have the wrong shape.
        """
        scores = np.asarray(self.served.scorer.score(self._arrays(features, rows)), np.float64)
        expected = (rows, self._width) if self._width else (rows,)
        if scores.shape != expected:
            raise ModelError("scores have the wrong shape", value=scores.shape)
        return scores

    def decide(self, scores: NDArray[np.float64]) -> list[Any]:
        """Return what each score decides, None if nothing."""
        if self.classes:
            return [self.classes[index] for index in scores.argmax(axis=1).tolist()]
        if self.threshold is None:
            return [None] * len(scores)
        decided: list[Any] = (scores >= self.threshold).tolist()
        return decided

    def unseen(self, features: Mapping[str, list[Any]]) -> dict[str, int]:
        """Return by column how many values training never saw."""
        found = {}
        for name, known in self._known:
            count = sum(1 for value in features[name] if value and value not in known)
            if count:
                found[name] = count
        return found

    def check(self) -> None:
        """Score one row of zeros, which also warms the model; raises what :meth:`score` raises."""
        row: Features = {name: [0.0] for name in self._numbers}
        for name in self._texts:
            row[name] = [min(self.served.categories.get(name, {""}), default="")]
        self.score(row, 1)

    def _arrays(self, features: Mapping[str, list[Any]], rows: int) -> dict[str, NDArray[Any]]:
        """Convert all numbers in one call: a call for each would cost more than the model."""
        columns: dict[str, NDArray[Any]] = dict.fromkeys(self.features, _NOTHING)
        if self._numbers:
            with np.errstate(over="ignore"):
                matrix = np.array([features[name] for name in self._numbers], dtype=np.float32)
            infinite = np.isinf(matrix)
            if infinite.any():
                matrix[infinite] = np.nan
            columns.update(zip(self._numbers, matrix, strict=True))
        for name in self._texts:
            text = np.empty(rows, dtype=object)
            text[:] = ["" if value is None else value for value in features[name]]
            columns[name] = text
        return columns


_NOTHING: NDArray[Any] = np.empty(0)
