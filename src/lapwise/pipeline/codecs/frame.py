"""Polars frames."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FrameCodec"]


class FrameCodec:
    """Writes a ``DataFrame``, or a collected ``LazyFrame``, as a Parquet file.

    Parquet keeps every Polars type (categories, time zones, decimals), and unlike Arrow IPC it
    writes nothing of what memory holds behind a null, so equal frames give equal bytes. Its
    encodings are compact by themselves; compression would cost more time than it saves. Read
    back, a lazy frame is a ``DataFrame``.
    """

    name = "frame"
    packages = ("polars",)

    def accepts(self, value: object) -> bool:
        """Return whether the value is exactly a Polars frame, without loading Polars."""
        cls = type(value)
        return cls.__module__.startswith("polars.") and cls.__name__ in {"DataFrame", "LazyFrame"}

    def write(self, value: object, path: Path) -> None:
        """Write the frame; in one chunk, so that chunks do not become row groups."""
        import polars as pl

        frame = value.collect() if isinstance(value, pl.LazyFrame) else value
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - accepts() was asked
        frame.rechunk().write_parquet(path, compression="uncompressed")

    def read(self, path: Path) -> object:
        """Return the frame."""
        import polars as pl

        return pl.read_parquet(path, glob=False)
