"""How the online store lays out a view: keys, and the records that are not pages.

A backend holds for each version of a view, under its number::

    v <digest>                       the state of a version of a view
    <number> e <entity>              the entity's page: tiles, and the rows that are not in one
    <number> h <entity>              its history, if it is long
    <number> d <entity> <tile>       the page of the rows that a tile was made of
    <number> r <entity> <tile>       its history, if it is long
    <number> k <key>                 the rows with this key as they came, by known

What a request needs is one entity's page and, of a view without a grain, those of the tiles in
which its windows begin; their keys are known beforehand, so that all is read in one go. Histories
are for writers, and for requests as of a time before the entity's last change.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import polars as pl

from lapwise.core.digest import Digest
from lapwise.core.errors import FeatureError
from lapwise.core.model import Record
from lapwise.features.model import FeatureView

__all__ = [
    "ColumnLayout",
    "Kept",
    "Space",
    "ViewState",
    "chain_of",
    "column_layout",
    "encode_row",
    "packed",
    "read_chain",
    "read_row",
    "state_key",
    "type_text",
    "write_chain",
]

_BIAS = 1 << 63
_LONGEST = 400
_HASHED = b"\xc1"  # no MessagePack value begins with it

Storage: TypeAlias = Literal["number", "bool", "time", "text"]
"""``text`` is kept as it is, whatever else as a number."""


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

    def microseconds(self, stored: Any) -> Any:
        """Return stored times, one or an array of them, in microseconds; finer parts are cut off.

        As Polars does it: an instant becomes the microsecond that it lies in, a duration shorter.
        """
        if self.unit < 0:
            return stored * -self.unit
        if self.duration:
            stored = stored - np.fmod(stored, self.unit)
        return stored // self.unit


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


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row as it came: what orders rows that tie, and what a correction must find again."""

    key: tuple[Any, ...]
    known: int
    event: int | None
    by: tuple[Any, ...]
    values: tuple[Any, ...]

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
        self.pages, self.page_histories = prefix + b"e", prefix + b"h"
        self.tiles, self.tile_histories = prefix + b"d", prefix + b"r"
        self.keys = prefix + b"k"

    def page(self, entity: bytes) -> tuple[bytes, bytes]:
        """Return the keys of an entity's page and of its history."""
        return self.pages + entity, self.page_histories + entity

    def tile(self, entity: bytes, tile: int) -> tuple[bytes, bytes]:
        """Return the keys of one of an entity's tiles and of its history."""
        name = entity + (tile + _BIAS).to_bytes(8, "big")
        return self.tiles + name, self.tile_histories + name


_encode = msgspec.msgpack.Encoder().encode
read_row = msgspec.msgpack.Decoder(Kept).decode
"""Return a row from its bytes."""
_decode_chain = msgspec.msgpack.Decoder(list[Kept]).decode


def state_key(digest: Digest) -> bytes:
    """Return the key of a view's state."""
    return b"v" + bytes.fromhex(digest)


def packed(values: list[Any] | tuple[Any, ...]) -> bytes:
    """Return the values of an entity or key as a key's bytes; none is the beginning of another."""
    encoded = _encode(values)
    if len(encoded) <= _LONGEST:
        return encoded
    from blake3 import blake3

    return _HASHED + blake3(encoded).digest()


def read_chain(content: bytes | None) -> list[Kept]:
    """Return the rows of a key by known, from their record; none if there is no record."""
    return [] if content is None else _decode_chain(content)


def write_chain(chain: list[Kept]) -> bytes:
    """Return the record of a key's rows."""
    return _encode(chain)


def chain_of(encoded: list[bytes]) -> bytes:
    """Return the record of rows that are encoded already (a MessagePack array)."""
    number = len(encoded)
    if number < 16:  # the format's own limit
        return b"".join((bytes((0x90 | number,)), *encoded))
    return b"".join((b"\xdd", number.to_bytes(4, "big"), *encoded))


def encode_row(row: Kept) -> bytes:
    """Return a row as it stands in a record."""
    return _encode(row)


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
