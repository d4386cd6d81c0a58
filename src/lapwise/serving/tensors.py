"""Tensors of a request into checked columns, and scores into tensors of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from lapwise.core.errors import ModelError
from lapwise.core.model import Column, ModelVersion
from lapwise.serving.model import (
    InferenceError,
    RequestInput,
    ResponseOutput,
    TensorMetadata,
)

__all__ = ["Columns", "InputReader", "OutputWriter"]

Columns: TypeAlias = Mapping[str, NDArray[Any]]

# A tensor of shape [n] is flat; one of shape [n, 1] may come flat or as rows of one.
_FLOATS = msgspec.json.Decoder(list[float | tuple[float | None] | None])
_INTEGERS = msgspec.json.Decoder(list[int | tuple[int | None] | None])
_BOOLEANS = msgspec.json.Decoder(list[bool | tuple[bool | None] | None])
_STRINGS = msgspec.json.Decoder(list[str | tuple[str | None] | None])

_NUMBERS: dict[str, msgspec.json.Decoder[Any]] = {
    "FP32": _FLOATS,
    "FP64": _FLOATS,
    "BOOL": _BOOLEANS,
    **{f"{sign}{bits}": _INTEGERS for sign in ("INT", "UINT") for bits in (8, 16, 32, 64)},
}
_TEXT = {"BYTES": _STRINGS}


class InputReader:
    """Reads the inputs of one signature.

    An input of numbers takes any numeric datatype and is advertised as ``FP32``; an input of text
    takes ``BYTES``. ``null`` stands for a missing value in both.

    Raises:
        ModelError: the signature has a column that is neither ``Float32`` nor ``String``.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        strange = [column for column in columns if column.dtype not in {"Float32", "String"}]
        if strange:
            raise ModelError(
                f"input '{strange[0].name}' has a type that cannot be served",
                value=strange[0].dtype,
                expected="Float32 or String",
                fix="package the model anew",
            )
        self.columns = tuple(columns)
        self._names = [column.name for column in columns]
        self._numbers = [column.name for column in columns if column.dtype == "Float32"]
        self._decoders = {
            column.name: _NUMBERS if column.dtype == "Float32" else _TEXT for column in columns
        }

    def metadata(self) -> list[TensorMetadata]:
        """Return what the model takes, as the protocol describes it."""
        return [
            TensorMetadata(
                name=column.name,
                datatype="FP32" if column.dtype == "Float32" else "BYTES",
                shape=[-1],
            )
            for column in self.columns
        ]

    def read(self, inputs: Sequence[RequestInput]) -> tuple[Columns, int]:
        """Return the columns by name, in the signature's order, and the number of rows.

        Inputs that the signature does not know are ignored.

        Raises:
            InferenceError: an input is missing, given twice, or of the wrong datatype or shape.
        """
        given: dict[str, list[Any]] = {}
        for one in inputs:
            decoders = self._decoders.get(one.name)
            if decoders is None:
                continue
            if one.name in given:
                raise InferenceError(400, f"input '{one.name}' is given twice")
            given[one.name] = _values(one, decoders)
        if len(given) < len(self._names):
            missing = ", ".join(name for name in self._names if name not in given)
            raise InferenceError(400, f"the request lacks inputs: {missing}")
        rows = len(given[self._names[0]])
        for name in self._names:
            if len(given[name]) != rows:
                raise InferenceError(
                    400,
                    f"input '{name}' has {len(given[name])} rows, but "
                    f"'{self._names[0]}' has {rows}",
                )
        columns: dict[str, NDArray[Any]] = dict.fromkeys(self._names, np.empty(0))
        columns |= self._number_columns(given)
        for name in self._names:
            if self._decoders[name] is _TEXT:
                text = np.empty(rows, dtype=object)
                text[:] = ["" if value is None else value for value in given[name]]
                columns[name] = text
        return columns, rows

    def _number_columns(self, given: Mapping[str, list[Any]]) -> dict[str, NDArray[Any]]:
        """Convert all numbers in one call: a call for each would cost more than the model."""
        with np.errstate(over="ignore"):
            matrix = np.array([given[name] for name in self._numbers], dtype=np.float32)
        infinite = np.isinf(matrix)
        if infinite.any():
            matrix[infinite] = np.nan
        return dict(zip(self._numbers, matrix, strict=True))


def _values(one: RequestInput, decoders: Mapping[str, msgspec.json.Decoder[Any]]) -> list[Any]:
    """Return a tensor's values, flat.

    Raises:
        InferenceError: it is not what its datatype and shape say.
    """
    decoder = decoders.get(one.datatype)
    if decoder is None:
        raise InferenceError(
            400, f"input '{one.name}' must have one of the datatypes {', '.join(decoders)}"
        )
    shape = one.shape
    if len(shape) not in (1, 2) or shape[0] < 0 or shape[1:] not in ([], [1]):
        raise InferenceError(400, f"input '{one.name}' must have shape [rows] or [rows, 1]")
    if not bytes(one.data):
        raise InferenceError(400, f"input '{one.name}' has no data in JSON")
    try:
        values: list[Any] = decoder.decode(one.data)
    except msgspec.DecodeError:
        # The library's message is not passed on: it may quote what was sent.
        raise InferenceError(
            400,
            f"the data of input '{one.name}' must be a list of {one.datatype} or null, "
            f"flat or nested as its shape",
        ) from None
    if len(values) != shape[0]:
        raise InferenceError(
            400, f"input '{one.name}' has {len(values)} values, but its shape says {shape[0]}"
        )
    nested = [isinstance(value, tuple) for value in values]
    if any(nested):
        if len(shape) == 1 or not all(nested):
            raise InferenceError(
                400, f"the data of input '{one.name}' is not nested as its shape says"
            )
        return [value[0] for value in values]
    return values


class OutputWriter:
    """Writes the outputs of one model version.

    ``score`` (FP64) is the model's score: ``[rows]``, or ``[rows, classes]`` for several classes.
    ``decision`` is what the score decides: BOOL, at or above the threshold, for a binary model that
    has one; BYTES, the likeliest class, for several classes.
    """

    def __init__(self, version: ModelVersion) -> None:
        self._threshold = version.threshold if version.task == "binary" else None
        self._classes = version.classes if version.task == "multiclass" else ()
        score = [-1, len(self._classes)] if self._classes else [-1]
        self._metadata = [TensorMetadata(name="score", datatype="FP64", shape=score)]
        if self._classes:
            self._metadata.append(TensorMetadata(name="decision", datatype="BYTES", shape=[-1]))
        elif self._threshold is not None:
            self._metadata.append(TensorMetadata(name="decision", datatype="BOOL", shape=[-1]))

    def metadata(self) -> list[TensorMetadata]:
        """Return what the model gives, as the protocol describes it."""
        return self._metadata

    def write(self, scores: NDArray[np.float64]) -> list[ResponseOutput]:
        """Return the output tensors.

        Raises:
            InferenceError: a score is not finite, so nothing can be said (status 500).
        """
        if not np.isfinite(scores).all():
            count = int((~np.isfinite(scores)).any(axis=tuple(range(1, scores.ndim))).sum())
            raise InferenceError(500, f"the model gave no finite score for {count} rows")
        outputs = [ResponseOutput("score", list(scores.shape), "FP64", scores.tolist())]
        if self._classes:
            likeliest = [self._classes[index] for index in scores.argmax(axis=1).tolist()]
            outputs.append(ResponseOutput("decision", [len(scores)], "BYTES", likeliest))
        elif self._threshold is not None:
            decided = (scores >= self._threshold).tolist()
            outputs.append(ResponseOutput("decision", [len(scores)], "BOOL", decided))
        return outputs
