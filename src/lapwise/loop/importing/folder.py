"""Artifacts in folders of this machine.

A database says where its artifacts are, and may be a stranger's; so only what lies inside the folder
that the user names (or that holds the database) is read, whatever the database or a link in it says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from lapwise.core.errors import DataError
from lapwise.loop.importing.model import ForeignFile

__all__ = ["ArtifactFolder"]

_TAILS = (4, 3)  # EXPERIMENT/models/ID/artifacts, EXPERIMENT/RUN/artifacts


class ArtifactFolder:
    """Finds the files of an artifact URI below one folder.

    Args:
        root: the only folder that is read.
        named: whether the user named it. Then what is not there was never logged; else it may be
            elsewhere, and that is told.
    """

    def __init__(self, root: Path, *, named: bool = True) -> None:
        self._root = root.resolve()
        self._named = named

    def files(self, place: str) -> Iterator[ForeignFile]:
        """Yield the files at a place, by name; none where there is no such folder.

        Raises:
            DataError: the place is not inside the folder, or not on this machine.
        """
        top = self._top(place)
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                if path.is_file():
                    relative = path.relative_to(top).as_posix()
                    yield ForeignFile(name=relative, size=path.stat().st_size)

    def file(self, place: str, name: str) -> Path:
        """Return one file at a place.

        Raises:
            DataError: it lies elsewhere than it says, by ``..`` or by a link, or is gone.
        """
        path = (self._top(place) / name).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            raise DataError(
                f"the artifact '{name}' is not inside the folder of artifacts",
                expected=f"a file below {self._root}",
                fix="name the folder that holds it: --artifacts FOLDER",
            )
        return path

    def _top(self, place: str) -> Path:
        for candidate in self._candidates(place):
            resolved = candidate.resolve()
            if resolved.is_relative_to(self._root) and resolved.is_dir():
                return resolved
        if self._is_empty(place):
            return self._root / ".nothing-was-logged-here"
        raise DataError(
            "artifacts are kept where this command does not look",
            value=place,
            expected=f"a folder below {self._root}",
            fix="name the folder that holds them: --artifacts FOLDER",
        )

    def _is_empty(self, place: str) -> bool:
        """Say whether nothing was logged at a place that has no folder below the root."""
        parts = _parts(place)
        local = _is_local(place)
        elsewhere = Path("/").joinpath(*parts)
        if local and urlsplit(place).path.startswith("/") and elsewhere.is_dir():
            return False
        if local and (self._root / elsewhere).resolve().is_relative_to(self._root):
            return True
        if local and not urlsplit(place).path.startswith("/"):
            return True
        # A run without files has no folder; its experiment has one, if another run has files.
        beside = [parts[-count] for count in _TAILS if len(parts) >= count]
        return self._named or any(
            (top / one).is_dir()
            for top in (self._root, self._root / "mlartifacts")
            for one in beside
        )

    def _candidates(self, place: str) -> Iterator[Path]:
        parts = _parts(place)
        if _is_local(place):
            path = Path(*parts) if parts else Path()
            yield Path("/") / path
            yield self._root / path
        if urlsplit(place).scheme == "mlflow-artifacts":
            yield self._root.joinpath(*parts)
            yield self._root.joinpath("mlartifacts", *parts)
        # The folder was moved, or is a copy of another machine's or a bucket's.
        for count in _TAILS:
            if len(parts) >= count:
                yield self._root.joinpath(*parts[-count:])


def _parts(place: str) -> tuple[str, ...]:
    split = urlsplit(place)
    path = unquote(split.path) if split.scheme else place
    return tuple(part for part in PurePosixPath(path).parts if part not in {"/", "..", "."})


def _is_local(place: str) -> bool:
    return urlsplit(place).scheme in {"", "file"}
