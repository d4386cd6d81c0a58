"""Find a table's files and know the unchanged ones by a stat."""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lapwise.core.clock import MachineClock
from lapwise.core.declaration import Table
from lapwise.core.digest import Digest
from lapwise.core.errors import DataError
from lapwise.store.model import FileStamp, Store

__all__ = ["SourceFile", "known_digests", "remember", "resolve", "unchanged"]

_MAGIC = re.compile(r"[*?\[]")
_SETTLED_NS = 2_000_000_000
"""A file written later than this before it was read is not remembered: file systems stamp times
as coarsely as two seconds, so a second write could leave size, time and inode as they were."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a table: ``name`` relative to the fixed part of the source, and its stat.

    ``modified_ns`` is the later of the times of content and of status: who writes in place may put
    the first back (``cp -p``, ``touch -r``), and cannot the second.
    """

    name: str
    path: Path
    size: int
    modified_ns: int
    inode: int


def resolve(table: Table, root: Path) -> tuple[SourceFile, ...]:
    """Return the files of ``table.sources`` under ``root``, sorted by name.

    Names are relative to the fixed part of the source, or of several sources to the folder that
    their fixed parts share.

    Raises:
        DataError: there is none, one is empty, or a folder or file may not be read.
    """
    folders: list[Path] = []
    paths: dict[Path, str] = {}
    for source in table.sources:
        try:
            folder, found = _match(source, root)
        except OSError as error:
            raise _unreadable(table, source, error) from error
        if not found:
            raise DataError(
                f"table '{table.name}' has no file",
                value=source,
                expected=f"at least one file that matches, under {root}",
                fix=f"put the data there, or correct the source of lw.Table('{table.name}', ...)",
            )
        folders.append(folder)
        paths.update(dict.fromkeys(found, source))
    shared = Path(os.path.commonpath(folders))
    files = []
    for path, source in paths.items():
        try:
            files.append(_describe(path, shared))
        except OSError as error:
            raise _unreadable(table, source, error) from error
    for file in files:
        if file.size == 0:
            raise DataError(
                f"a file of table '{table.name}' is empty",
                value=file.name,
                expected="rows, or at least a header",
                fix=f"collect {file.path} again, or remove it",
            )
    return tuple(sorted(files, key=lambda file: file.name))


def known_digests(files: Iterable[SourceFile], store: Store) -> dict[str, Digest]:
    """Return the digests of files, by name, that are as the store remembers them."""
    by_path = {str(file.path): file for file in files}
    found = {}
    for path, stamp in store.datasets.stamps(by_path).items():
        file = by_path[path]
        same = (stamp.size, stamp.modified_ns, stamp.inode)
        if same == (file.size, file.modified_ns, file.inode):
            found[file.name] = stamp.digest
    return found


def remember(digests: Iterable[tuple[SourceFile, Digest]], store: Store) -> None:
    """Remember files whose stat will tell whether they change."""
    settled = MachineClock().timestamp() * 1_000 - _SETTLED_NS
    store.datasets.remember(
        FileStamp(str(file.path), file.size, file.modified_ns, file.inode, digest)
        for file, digest in digests
        if file.modified_ns < settled and unchanged(file)
    )


def unchanged(file: SourceFile) -> bool:
    """Return whether a file still has the stat that it was found with."""
    try:
        now = file.path.stat()
    except OSError:
        return False
    return (now.st_size, _modified(now), now.st_ino) == (file.size, file.modified_ns, file.inode)


def _match(source: str, root: Path) -> tuple[Path, list[Path]]:
    """Return the fixed folder of a source, and its files, as absolute paths."""
    root = Path(os.path.abspath(root))  # noqa: PTH100 (resolve() would follow links)
    single = root / source
    magic = _MAGIC.search(source)
    if magic is None or single.is_file():
        return single.parent, [single]
    folder = root / Path(source[: magic.start()] + "_").parent
    # `glob` returns nothing for a folder that it may not read; listing it says why.
    next(folder.iterdir(), None)
    # Not Path.glob, which takes hidden files and no absolute pattern.
    found = map(root.joinpath, glob.iglob(source, root_dir=root, recursive=True))  # noqa: PTH207
    return folder, [path for path in found if path.is_file()]


def _describe(path: Path, folder: Path) -> SourceFile:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    name = path.relative_to(folder).as_posix()
    return SourceFile(name, path, status.st_size, _modified(status), status.st_ino)


def _modified(status: os.stat_result) -> int:
    return max(status.st_mtime_ns, status.st_ctime_ns)


def _unreadable(table: Table, source: str, error: OSError) -> DataError:
    if isinstance(error, IsADirectoryError):
        fix = f'say which files: lw.Table("{table.name}", "{source}/*.parquet", ...)'
    elif isinstance(error, PermissionError):
        fix = f"chmod u+rX {error.filename}"
    else:
        fix = f"put the data there, or correct the source of lw.Table('{table.name}', ...)"
    return DataError(
        f"the source of table '{table.name}' cannot be read ({error.strerror})",
        value=source,
        expected=f"readable files at {error.filename}",
        fix=fix,
    )
