"""Start a project from an example that ships with Lapwise."""

from __future__ import annotations

import errno
import shutil
from importlib.resources import as_file, files
from pathlib import Path

from lapwise.core.errors import DeclarationError, StorageFullError

__all__ = ["start_project"]


def start_project(folder: Path, example: str) -> tuple[Path, ...]:
    """Copy the files of an example into ``folder`` and return what was made.

    Raises:
        DeclarationError: no such example, or a file is there already (then nothing is copied).
        StorageFullError: the folder cannot be written.
    """
    home = files("lapwise") / "examples"
    with as_file(home) as examples:
        known = sorted(path.name for path in examples.iterdir() if (path / "page.py").is_file())
        if example not in known:
            raise DeclarationError(
                "there is no such example", value=example, expected=", ".join(known)
            )
        sources = [path for path in sorted((examples / example).iterdir()) if path.is_file()]
        targets = [folder / path.name for path in sources]
        taken = [str(target) for target in targets if target.exists()]
        if taken:
            raise DeclarationError(
                "files are there already, and are left as they are",
                value=taken,
                fix=f"lapwise init another-folder --example {example}",
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for source, target in zip(sources, targets, strict=True):
                # With its time: code that is younger than the process counts as edited under it,
                # and its results would not be reused by the next process.
                shutil.copy2(source, target)
        except OSError as error:
            raise StorageFullError(
                f"cannot write to {folder}",
                value=errno.errorcode.get(error.errno or 0, str(error)),
                fix="choose a folder that you may write to",
            ) from error
    return tuple(targets)
