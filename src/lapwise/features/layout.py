"""How the online store lays out a view: keys, fixed-width rows, and the records beside them.

One LMDB environment holds for each version of a view, under its number::

    m <digest>                       the view's state
    <number> c <entity> <bound>      a chunk: rows of one entity in order of (event, known, key)
    <number> k <key>                 the numbers of the rows with this key, by known
    <number> r <row>                 a row as it came: key, times, entity, values

A chunk holds the rows with ``bound <= event`` that come before the next chunk's bound. Numbers are
native and little-endian, so that a chunk is read without a copy.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import polars as pl

from lapwise.core.digest import Digest
from lapwise.core.errors import FeatureError
from lapwise.core.model import Record
from lapwise.features.model import FeatureView

__all__ = [
    "CHUNK_ROWS",
    "ColumnLayout",
    "Kept",
    "Space",
    "ViewState",
    "bound_of",
    "column_layout",
    "packed",
    "read_kept",
    "row_type",
    "state_key",
    "type_text",
]

CHUNK_ROWS = 256
"""A chunk is cut when it grows beyond this many rows."""

LEAST_BOUND = bytes(8)
_BIAS = 1 << 63
_LONGEST = 400
_HASHED = b"\xc1"  # no MessagePack value begins with it

Storage: TypeAlias = Literal["number", "bool", "time", "text"]
"""``text`` is kept in the row's record, whatever else in the chunk."""


class ColumnLayout(Record, frozen=True, kw_only=True):
    """A value column: its Polars type as text, how it is stored, and NumPy's name for that.

    ``unit`` is how many of the stored units a microsecond has (1/86,400,000,000 for dates is said
    as -86,400,000,000: microseconds in a unit).
    """

    name: str
    dtype: str
    storage: Storage
    code: str = ""
    unit: int = 1
    duration: bool = False


class ViewState(Record, frozen=True, kw_only=True):
    """What the online store knows of one version of a view.

    Attributes:
        number: the prefix of the view's keys.
        view: the view's name.
        table: the name of its table.
        key: the types of the key's columns.
        by: the types of the entity's columns.
        columns: the value columns.
        watermark: rows of the tables known before it are in.
        latest: the latest known time of any row, or the watermark.
        floor: the earliest time as of which the store answers.
        next_row: the number of the next row.
    """

    number: int
    view: str
    table: str
    key: tuple[str, ...]
    by: tuple[str, ...]
    columns: tuple[ColumnLayout, ...]
    watermark: int
    latest: int
    floor: int
    next_row: int


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A row as it came: what orders rows that tie, and what a correction must find again."""

    key: list[Any]
    known: int
    event: int | None
    by: list[Any]
    values: list[Any]

    @property
    def standing(self) -> tuple[tuple[bool, Any], ...]:
        """Order the rows of one key and known time: the greatest stands. Null is least."""
        values = (self.event, *self.by, *self.values)
        return tuple((value is not None, 0 if value is None else value) for value in values)


class Space:
    """The keys of one version of a view."""

    def __init__(self, number: int) -> None:
        prefix = number.to_bytes(4, "big")
        self.prefix = prefix
        self.chunks = prefix + b"c"
        self.keys = prefix + b"k"
        self.rows = prefix + b"r"

    def row(self, row: int) -> bytes:
        """Return the key of a row's record."""
        return self.rows + row.to_bytes(8, "big")


_encode = msgspec.msgpack.Encoder().encode
_decode_kept = msgspec.msgpack.Decoder(Kept).decode


def state_key(digest: Digest) -> bytes:
    """Return the key of a view's state."""
    return b"m" + bytes.fromhex(digest)


def packed(values: list[Any] | tuple[Any, ...]) -> bytes:
    """Return the values of an entity or key as a key's bytes; none is the beginning of another."""
    encoded = _encode(values)
    if len(encoded) <= _LONGEST:
        return encoded
    from blake3 import blake3

    return _HASHED + blake3(encoded).digest()


def bound_of(event: int) -> bytes:
    """Return eight bytes that sort as microseconds do."""
    return (event + _BIAS).to_bytes(8, "big")


def read_kept(content: bytes | memoryview) -> Kept:
    """Return a row from its record."""
    return _decode_kept(content)


@lru_cache(maxsize=1024)
def row_type(columns: tuple[ColumnLayout, ...]) -> np.dtype[np.void]:
    """Return the type of a chunk's rows: three times, the row's number, the values, what is seen."""
    stored = [(f"v{i}", c.code) for i, c in enumerate(columns) if c.code]
    stored.sort(key=lambda field: -np.dtype(field[1]).itemsize)  # no gaps between them
    times = [(name, "<i8") for name in ("event", "known", "until", "row")]
    observed = [(f"o{i}", "?") for i, _ in enumerate(columns)]
    return np.dtype([*times, *stored, *observed], align=True)


def type_text(dtype: pl.DataType) -> str:
    """Return a type as text; categories and enums are text themselves."""
    return "String" if isinstance(dtype, pl.Categorical | pl.Enum) else str(dtype)


_UNITS = {"us": 1, "ns": 1000, "ms": -1000}


def column_layout(view: FeatureView, name: str, dtype: pl.DataType) -> ColumnLayout:
    """Return how a value column is stored.

    Raises:
        FeatureError: the online store does not hold values of this type.
    """
    text = type_text(dtype)
    if isinstance(dtype, pl.Boolean):
        return ColumnLayout(name=name, dtype=text, storage="bool", code="|i1")
    if isinstance(dtype, pl.Datetime | pl.Duration):
        duration = isinstance(dtype, pl.Duration)
        unit = _UNITS[dtype.time_unit]
        return ColumnLayout(
            name=name, dtype=text, storage="time", code="<i8", unit=unit, duration=duration
        )
    if isinstance(dtype, pl.Date):
        return ColumnLayout(name=name, dtype=text, storage="time", code="<i4", unit=-86_400_000_000)
    if isinstance(dtype, pl.Time):
        return ColumnLayout(name=name, dtype=text, storage="time", code="<i8", unit=1000)
    if dtype in _NUMBERS:
        return ColumnLayout(name=name, dtype=text, storage="number", code=_NUMBERS[dtype])
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Binary):
        return ColumnLayout(name=name, dtype=text, storage="text")
    raise FeatureError(
        f"view '{view.name}': the online store does not hold column '{name}'",
        value=text,
        expected="numbers of at most 64 bits, Booleans, times, text or bytes",
        fix=f"cast '{name}' in the table's build function",
    )


_NUMBERS: dict[pl.DataType, str] = {
    pl.Int8(): "|i1",
    pl.Int16(): "<i2",
    pl.Int32(): "<i4",
    pl.Int64(): "<i8",
    pl.UInt8(): "|u1",
    pl.UInt16(): "<u2",
    pl.UInt32(): "<u4",
    pl.UInt64(): "<u8",
    pl.Float32(): "<f4",
    pl.Float64(): "<f8",
}
