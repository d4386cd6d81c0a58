"""The columns of a request: which are needed, what may stand in them, and which name the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lapwise.core.errors import ModelError
from lapwise.core.model import Column
from lapwise.serving.model import InferenceError, RequestInput, TensorMetadata
from lapwise.serving.served import ServedVersion
from lapwise.serving.tensors import (
    BOOLEANS,
    FLOATS,
    INSTANTS,
    INTEGERS,
    NAMES,
    NUMBERS,
    TEXT,
    Kind,
    values,
)

__all__ = ["Carried", "Fields", "feature_fields", "input_fields", "named"]


@dataclass(frozen=True, slots=True)
class Carried:
    """What a request carries, checked: one list a column, and the number of rows."""

    columns: dict[str, list[Any]]
    rows: int


class Fields:
    """Reads one set of columns.

    Args:
        needed: columns that must be there.
        optional: columns that are read if they are there.
    """

    def __init__(self, needed: Mapping[str, Kind], optional: Mapping[str, Kind]) -> None:
        self.needed = dict(needed)
        self._kinds = {**optional, **needed}

    def metadata(self) -> list[TensorMetadata]:
        """Return what is needed, as the protocol describes it."""
        return [
            TensorMetadata(name=name, datatype=kind.shown, shape=[-1])
            for name, kind in self.needed.items()
        ]

    def read(self, inputs: Sequence[RequestInput]) -> Carried:
        """Return the columns by name; inputs that nobody knows are ignored.

        Raises:
            InferenceError: an input is missing, given twice, or of the wrong datatype or shape, or
                there is no row.
        """
        kinds = self._kinds
        columns: dict[str, list[Any]] = {}
        for one in inputs:
            kind = kinds.get(one.name)
            if kind is None:
                continue
            if one.name in columns:
                raise InferenceError(400, f"input '{one.name}' is given twice")
            columns[one.name] = values(one, kind)
        missing = [name for name in self.needed if name not in columns]
        if missing:
            raise InferenceError(400, f"the request lacks inputs: {', '.join(missing)}")
        rows = _rows(columns)
        if rows == 0:
            raise InferenceError(400, "a request needs at least one row")
        return Carried(columns, rows)


def _rows(columns: Mapping[str, list[Any]]) -> int:
    first, rows = "", -1
    for name, column in columns.items():
        if rows < 0:
            first, rows = name, len(column)
        elif len(column) != rows:
            raise InferenceError(
                400, f"input '{name}' has {len(column)} rows, but '{first}' has {rows}"
            )
    return max(rows, 0)


def feature_fields(columns: Sequence[Column]) -> dict[str, Kind]:
    """Return the columns of a signature.

    Raises:
        ModelError: one is neither ``Float32`` nor ``String``.
    """
    strange = [column for column in columns if column.dtype not in {"Float32", "String"}]
    if strange:
        raise ModelError(
            f"input '{strange[0].name}' has a type that cannot be served",
            value=strange[0].dtype,
            expected="Float32 or String",
            fix="package the model anew",
        )
    return {column.name: NUMBERS if column.dtype == "Float32" else TEXT for column in columns}


def input_fields(columns: Sequence[Column]) -> dict[str, Kind]:
    """Return the columns that a request carries for a lookup, by their Polars types.

    Raises:
        ModelError: one has a type that no request can carry.
    """
    return {column.name: _kind(column) for column in columns}


def named(served: ServedVersion) -> dict[str, Kind]:
    """Return the columns that name rows and units."""
    return {name: NAMES for name in (served.row, served.unit) if name}


_KINDS = (
    (("Float", "Decimal"), FLOATS),
    (("Int", "UInt"), INTEGERS),
    (("Datetime", "Date"), INSTANTS),
    (("String", "Categorical", "Enum", "Utf8"), TEXT),
    (("Boolean",), BOOLEANS),
)


def _kind(column: Column) -> Kind:
    for beginnings, kind in _KINDS:
        if column.dtype.startswith(beginnings):
            return kind
    raise ModelError(
        f"input '{column.name}' has a type that no request can carry",
        value=column.dtype,
        expected="numbers, text, Booleans or instants",
    )
