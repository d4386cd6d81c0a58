"""Read a registered model back and let it answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapwise.core.errors import ModelError
from lapwise.registry.inputs import model_inputs
from lapwise.registry.kept import check_served
from lapwise.registry.model import NATIVE, ONNX

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from lapwise.core.model import ModelVersion
    from lapwise.core.protocols import ColumnScorer, Predictor
    from lapwise.store.blobs import Blobs

__all__ = ["NativePredictor", "OnnxPredictor", "load", "load_native", "load_scorer"]


class OnnxPredictor:
    """A compiled model: ONNX Runtime, one thread; may be called from several threads at once."""

    def __init__(self, content: bytes, version: ModelVersion) -> None:
        from lapwise.registry.formats.onnx import Session

        self._session = Session(content)
        self._version = version

    def predict(self, frame: pl.DataFrame) -> Any:
        """Return scores as float64: (rows,), or (rows, classes) for multiclass.

        Raises:
            ModelError: a column is missing or of the wrong type, or a score is not a number.
        """
        from lapwise.registry.formats.estimator import shaped
        from lapwise.registry.formats.onnx import run

        version = self._version
        inputs = model_inputs(frame, version.signature.inputs)
        if inputs.is_empty():
            return _nothing(version)
        scores = _answered(lambda: run(self._session, inputs), version)
        return shaped(scores, task=version.task, rows=len(inputs))  # type: ignore[arg-type]

    def score(self, columns: Mapping[str, Any]) -> Any:
        """Return scores for one array a column, without a data frame in between.

        Implements :class:`lapwise.core.protocols.ColumnScorer`.
        """
        from lapwise.registry.formats.estimator import shaped

        rows = len(next(iter(columns.values())))
        scores = self._session.run(columns)
        return shaped(scores, task=self._version.task, rows=rows)  # type: ignore[arg-type]


class NativePredictor:
    """A scikit-learn model from its skops archive."""

    def __init__(self, content: bytes, version: ModelVersion) -> None:
        from lapwise.registry.formats import skops

        self._model = skops.load(content, trusted=version.trusted)
        self._version = version

    def predict(self, frame: pl.DataFrame) -> Any:
        """Return scores as float64: (rows,), or (rows, classes) for multiclass.

        Raises:
            ModelError: a column is missing or of the wrong type, or the model refuses the rows.
        """
        from lapwise.registry.formats.estimator import raw_scores, shaped

        version = self._version
        inputs = model_inputs(frame, version.signature.inputs)
        if inputs.is_empty():
            return _nothing(version)
        task: Any = version.task
        scores = _answered(lambda: raw_scores(self._model, inputs, task=task), version)
        return shaped(scores, task=task, rows=len(inputs))


def load(version: ModelVersion, blobs: Blobs) -> Predictor:
    """Return the form of a version that answers requests, its bytes checked by digest.

    It takes blobs and not a store, because the data plane has a folder of them and no database.

    Raises:
        ModelError: a file is missing from the version or is not what it says.
        UntrustedTypeError: it holds types that nobody reviewed.
        NotFoundError, CorruptError: the blob store has lost or damaged it.
    """
    check_served(version)
    if version.serving == "onnx":
        return OnnxPredictor(_content(version, ONNX, blobs), version)
    return load_native(version, blobs)


def load_scorer(version: ModelVersion, blobs: Blobs) -> ColumnScorer | None:
    """Return the compiled form, which takes arrays; None when the native one answers requests."""
    check_served(version)
    if version.serving != "onnx":
        return None
    return OnnxPredictor(_content(version, ONNX, blobs), version)


def load_native(version: ModelVersion, blobs: Blobs) -> Predictor:
    """Return the model as it was trained, whatever form answers requests; raises as :func:`load`."""
    check_served(version)
    return NativePredictor(_content(version, NATIVE, blobs), version)


def _content(version: ModelVersion, name: str, blobs: Blobs) -> bytes:
    for part in version.artifacts:
        if part.name == name:
            return blobs.get(part.digest)
    raise ModelError(
        f"{version.model} v{version.number} has no file",
        value=name,
        expected=", ".join(part.name for part in version.artifacts) or "files",
        fix="package and register it anew",
    )


def _nothing(version: ModelVersion) -> Any:
    import numpy as np

    return np.empty((0, len(version.classes)) if version.task == "multiclass" else 0)


def _answered(call: Any, version: ModelVersion) -> Any:
    try:
        return call()
    except Exception as error:
        # The library's message may quote a value of the rows, so only its type is told.
        raise ModelError(
            f"{version.model} v{version.number} refuses these rows",
            value=type(error).__name__,
            expected="rows like those it was trained on",
            fix="missing values or unknown categories may need an imputer or handle_unknown=",
        ) from error
