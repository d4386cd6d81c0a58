"""Bytes, as they are."""

from __future__ import annotations

from pathlib import Path

__all__ = ["RawCodec"]


class RawCodec:
    """Writes ``bytes`` unchanged, so that a report or an image is a file others can open."""

    name = "raw"

    def accepts(self, value: object) -> bool:
        """Return whether the value is exactly bytes."""
        return type(value) is bytes

    def write(self, value: object, path: Path) -> None:
        """Write the bytes."""
        assert isinstance(value, bytes)  # noqa: S101 - accepts() was asked
        path.write_bytes(value)

    def read(self, path: Path) -> object:
        """Return the bytes."""
        return path.read_bytes()
