"""Files that a step made."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["FileCodec"]


class FileCodec:
    """Keeps the file behind a ``Path``; read back, it is a read-only copy in the store.

    The path's own name is not kept: two files of the same content are one result.
    """

    name = "file"

    def accepts(self, value: object) -> bool:
        """Return whether the value is the path of a file."""
        return isinstance(value, Path) and value.is_file()

    def write(self, value: object, path: Path) -> None:
        """Copy the file."""
        assert isinstance(value, Path)  # noqa: S101 - accepts() was asked
        shutil.copyfile(value, path)

    def read(self, path: Path) -> object:
        """Return the path of the copy in the store."""
        return path
