"""How step results are written: one codec per type, tried in order, never pickle."""

from __future__ import annotations

from lapwise.core.protocols import Codec
from lapwise.pipeline.codecs.array import ArrayCodec
from lapwise.pipeline.codecs.file import FileCodec
from lapwise.pipeline.codecs.frame import FrameCodec
from lapwise.pipeline.codecs.plain import PlainCodec
from lapwise.pipeline.codecs.raw import RawCodec

__all__ = ["STANDARD", "packages_of"]

STANDARD: tuple[Codec, ...] = (
    RawCodec(),
    PlainCodec(),
    FrameCodec(),
    ArrayCodec(),
    FileCodec(),
)
"""Bytes, plain values and records, Polars frames, NumPy arrays, files."""


def packages_of(codec: Codec) -> tuple[str, ...]:
    """Return the libraries whose versions count where a codec's values are used.

    A codec names them in an optional attribute ``packages``: code that calls methods of what it is
    given need not import the library by name.
    """
    packages: tuple[str, ...] = getattr(codec, "packages", ())
    return packages
