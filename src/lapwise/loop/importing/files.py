"""Bring the files of a run or a logged model, one at a time, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lapwise.core.errors import DataError
from lapwise.core.model import Artifact
from lapwise.loop.importing.model import ForeignFile, ForeignLogged, ForeignRun, Source
from lapwise.loop.importing.tally import Tally

if TYPE_CHECKING:
    from lapwise.store.blobs import Blobs

__all__ = ["bring_files"]

_LONGEST = 1024
_AT_ONCE = 100
_MUCH = 64 << 20


def bring_files(
    source: Source,
    thing: ForeignRun | ForeignLogged,
    tally: Tally,
    blobs: Blobs,
    *,
    here: Callable[[], Sequence[Artifact]],
    add: Callable[[Sequence[Artifact]], None],
) -> None:
    """Bring the files that are not here yet, by name and size.

    Args:
        source: where from.
        thing: whose files.
        tally: counts them; a file that cannot come is noted, and the rest goes on.
        blobs: where the bytes go.
        here: returns the artifacts that the store has of it.
        add: adds some to them.
    """
    known = {one.name: one.size for one in here()}
    wanted: list[str] = []
    waiting: list[Artifact] = []
    label = f"artifacts of {thing.id}"
    with tally.kept_apart(label), TemporaryDirectory(prefix="lapwise-import-") as folder:
        for file in source.files(thing):
            tally.add("artifacts", 1, 0)
            wanted.append(file.name)
            if known.get(file.name) == file.size:
                continue
            with tally.kept_apart(f"{label}, '{file.name}'"):
                waiting.append(_brought(source, thing, file, blobs, Path(folder)))
            if len(waiting) >= _AT_ONCE or sum(one.size for one in waiting) >= _MUCH:
                add(waiting)
                waiting = []
    if waiting:
        add(waiting)
    names = {one.name for one in here()} if wanted else set()
    tally.add("artifacts", 0, sum(name in names for name in wanted))


def _brought(
    source: Source, thing: ForeignRun | ForeignLogged, file: ForeignFile, blobs: Blobs, folder: Path
) -> Artifact:
    _check_name(file.name)
    path = source.fetch(thing, file, folder)
    size = path.stat().st_size
    if size != file.size:
        raise DataError(
            "an artifact changed while it was brought", value=size, expected=f"{file.size} bytes"
        )
    digest = blobs.put_file(path)
    return Artifact(name=file.name, digest=digest, size=size)


def _check_name(name: str) -> None:
    """Refuse a name that would be another place, if somebody wrote the file to a disk by it."""
    parts = name.split("/")
    if (
        len(name) > _LONGEST
        or not name.isprintable()
        or "\\" in name
        or any(part in {"", ".", ".."} for part in parts)
    ):
        raise DataError("an artifact's name is no plain relative path", value=name)
