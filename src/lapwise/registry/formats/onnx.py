"""scikit-learn models compiled to ONNX, and run by ONNX Runtime on one thread."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from lapwise.core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from lapwise.core.evidence import Task

__all__ = ["Session", "convert", "run"]

_MATRIX = "inputs"


def convert(model: Any, inputs: pl.DataFrame, *, task: Task) -> bytes:
    """Return the model as ONNX; equal models give equal bytes.

    A model with a ``ColumnTransformer`` takes one tensor (rows, 1) per column, named as the column;
    any other takes one Float32 matrix named ``inputs``.

    Args:
        model: a fitted estimator.
        inputs: normalised rows; only their columns and types are read.
        task: classifiers give probabilities without the dictionary form (``zipmap``).

    Raises:
        ModelError: skl2onnx cannot convert it; the message is the library's.
    """
    import polars as pl
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    if _takes_columns(model):
        types = {pl.Float32: FloatTensorType, pl.String: StringTensorType}
        initial = [(name, types[type(dtype)]([None, 1])) for name, dtype in inputs.schema.items()]
    elif all(dtype == pl.Float32 for dtype in inputs.dtypes):
        initial = [(_MATRIX, FloatTensorType([None, inputs.width]))]
    else:
        raise ModelError(
            "a model that takes text must say which columns it encodes",
            expected="a ColumnTransformer with columns by name",
        )
    options = None if task == "regression" else {id(model): {"zipmap": False}}
    try:
        # What skl2onnx warns of is its own ageing; whether the result is right is measured after.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            proto = convert_sklearn(model, name="lapwise", initial_types=initial, options=options)
    except Exception as error:  # each converter raises its own
        raise ModelError(
            f"skl2onnx cannot convert this {type(model).__name__}",
            value=f"{type(error).__name__}: {error}",
        ) from error
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


class Session:
    """A compiled model that computes on the caller's thread; threads may share it.

    Raises:
        ModelError: the bytes are not a model that ONNX Runtime takes.
    """

    def __init__(self, content: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own exceptions share no public parent
            raise ModelError(
                "ONNX Runtime does not take this model",
                value=str(error),
                expected="a model that Lapwise packaged",
                fix="package the model anew",
            ) from error
        self._names = [one.name for one in self._session.get_inputs()]
        outputs = [one.name for one in self._session.get_outputs()]
        self._wanted = ["probabilities" if "probabilities" in outputs else outputs[0]]

    def run(self, columns: Mapping[str, Any]) -> Any:
        """Return the raw scores: (rows, classes), or (rows, 1) for regression.

        Args:
            columns: one array of shape (rows,) for each input, in the signature's order.
        """
        if self._names == [_MATRIX] and list(columns) != [_MATRIX]:
            import numpy as np

            feeds = {_MATRIX: np.column_stack(list(columns.values()))}
        else:
            feeds = {name: columns[name].reshape(-1, 1) for name in self._names}
        return self._session.run(self._wanted, feeds)[0]


def run(session: Session, inputs: pl.DataFrame) -> Any:
    """Return the raw scores of normalised rows, as :meth:`Session.run`."""
    return session.run({name: inputs[name].to_numpy() for name in inputs.columns})


def _takes_columns(model: Any) -> bool:
    parts = [model, *model.get_params(deep=True).values()]
    return any(type(part).__name__ == "ColumnTransformer" for part in parts)
