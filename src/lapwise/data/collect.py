"""Bring a table's files into the blob store, each as Parquet."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lapwise.core.declaration import Table
from lapwise.core.digest import Digest, digest_file, digest_value
from lapwise.core.errors import DataError, LapwiseError, NotFoundError, StepError
from lapwise.core.model import Record
from lapwise.core.protocols import Fingerprint, Progress
from lapwise.data.instants import in_utc
from lapwise.data.source import SourceFile, known_digests, remember, resolve, unchanged
from lapwise.store.model import Store

__all__ = ["Content", "collect", "keep", "read_only"]

_BUILT = "table-build"


class Built(Record, frozen=True, kw_only=True):
    """What a build function gave for its code and input files."""

    table: str
    blob: Digest


@dataclass(frozen=True, slots=True)
class Content:
    """One file of a table: where its Parquet can be read now, and the digest it has.

    ``stamps`` are the files it came from with what to remember of each; ``recipe`` names the build
    that made it; ``kept`` says that the blob store has it.
    """

    name: str
    path: Path
    digest: Digest
    size: int
    modified_ns: int = 0
    stamps: tuple[tuple[SourceFile, Digest], ...] = ()
    recipe: Digest | None = None
    kept: bool = False


@contextmanager
def collect(
    table: Table,
    store: Store,
    *,
    root: Path,
    progress: Progress,
    fingerprint: Fingerprint | None,
) -> Iterator[tuple[Content, ...]]:
    """Yield the table's content; what is not in the blob store yet lives as long as the context.

    Raises:
        DataError: a file is missing or not readable, or a build gives no frame.
        StepError: the build function raised; its exception is the cause.
    """
    files = resolve(table, root) if table.sources else ()
    with tempfile.TemporaryDirectory(prefix="lapwise-") as folder:
        if table.build is None:
            yield _from_files(table, files, store, Path(folder), progress)
        else:
            yield (_from_build(table, table.build, files, store, Path(folder), fingerprint),)


@contextmanager
def read_only(table: Table, *, root: Path) -> Iterator[tuple[Content, ...]]:
    """Yield the table's content as its files are now, without a store: nothing is kept, digests are empty.

    Raises:
        DataError: a file is missing or not readable, or a build gives no frame.
        StepError: the build function raised; its exception is the cause.
    """
    files = resolve(table, root) if table.sources else ()
    with tempfile.TemporaryDirectory(prefix="lapwise-") as folder:
        if table.build is None:
            yield tuple(
                Content(
                    file.name,
                    _as_parquet(table, file, Path(folder) / f"{at}.parquet"),
                    "",
                    file.size,
                )
                for at, file in enumerate(files)
            )
            return
        path = Path(folder) / "built.parquet"
        _write(_call(table, table.build, files), table, path)
        yield (Content(f"{table.name}.parquet", path, "", path.stat().st_size),)


def keep(table: Table, contents: Sequence[Content], store: Store) -> None:
    """Put content into the blob store, and remember its files.

    Raises:
        DataError: a file was written meanwhile.
    """
    fresh = [content for content in contents if not content.kept]
    for content in fresh:
        store.blobs.put_file(content.path, expected=content.digest)
    stamps = [stamp for content in fresh for stamp in content.stamps]
    for file, _ in stamps:
        if not unchanged(file):
            raise DataError(
                f"a file of table '{table.name}' was written while it was read",
                value=str(file.path),
                fix="wait until whoever writes it is done, and repeat",
            )
    remember(stamps, store)
    for content in fresh:
        if content.recipe is not None:
            built = Built(table=table.name, blob=content.digest)
            store.records.add(_BUILT, content.recipe, built)


def _from_files(
    table: Table, files: Sequence[SourceFile], store: Store, folder: Path, progress: Progress
) -> tuple[Content, ...]:
    known = known_digests(files, store)
    task = progress.task(f"read {table.name}", len(files))
    contents = []
    for at, file in enumerate(files):
        digest = known.get(file.name)
        if digest is not None and store.blobs.has(digest):
            path, kept = store.blobs.path(digest), True
        else:
            path, kept = _as_parquet(table, file, folder / f"{at}.parquet"), False
            try:
                digest = digest_file(path)
            except OSError as error:
                raise _not_readable(table, file.name, error) from error
        stamps = ((file, digest),)
        contents.append(
            Content(file.name, path, digest, file.size, file.modified_ns, stamps, kept=kept)
        )
        task.advance()
    task.done()
    return tuple(contents)


def _as_parquet(table: Table, file: SourceFile, target: Path) -> Path:
    """Return the file itself if it is Parquet, or ``target`` with the rows of a CSV file."""
    suffix = file.path.suffix.lower()
    if suffix == ".parquet":
        return file.path
    if suffix != ".csv":
        raise DataError(
            f"table '{table.name}' has a file of a kind that is not read",
            value=file.name,
            expected=".parquet or .csv",
            fix="read it in a build function: lw.Table(..., build=function)",
        )
    try:
        frame = pl.read_csv(file.path, try_parse_dates=True, infer_schema_length=10_000, glob=False)
        frame.rechunk().write_parquet(target, compression="zstd")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _not_readable(table, file.name, error) from error
    return target


def _from_build(
    table: Table,
    build: Callable[..., object],
    files: Sequence[SourceFile],
    store: Store,
    folder: Path,
    fingerprint: Fingerprint | None,
) -> Content:
    """Build the table, or recall it when code and input files are those of an earlier build.

    Without ``source`` nothing says what the function reads, so it is built each time.
    """
    known = known_digests(files, store)
    stamps = tuple((file, known.get(file.name) or digest_file(file.path)) for file in files)
    name, key = f"{table.name}.parquet", None
    if fingerprint is not None and files:
        inputs = [(file.name, digest) for file, digest in stamps]
        order = (table.known, table.event, *table.keys)
        key = digest_value((table.name, order, fingerprint(build), inputs))
        blob = _recall(key, store)
        if blob is not None:
            remember(stamps, store)
            path = store.blobs.path(blob)
            return Content(name, path, blob, path.stat().st_size, kept=True)
    path = folder / "built.parquet"
    _write(_call(table, build, files), table, path)
    return Content(name, path, digest_file(path), path.stat().st_size, stamps=stamps, recipe=key)


def _recall(key: Digest, store: Store) -> Digest | None:
    try:
        built = store.records.get(_BUILT, key, Built)
    except NotFoundError:
        return None
    return built.blob if isinstance(built, Built) and store.blobs.has(built.blob) else None


def _call(table: Table, build: Callable[..., object], files: Sequence[SourceFile]) -> pl.DataFrame:
    """Call the user's function and collect what it returns."""
    takes_files = bool(files) and bool(inspect.signature(build).parameters)
    try:
        result = build([file.path for file in files]) if takes_files else build()
        if isinstance(result, pl.LazyFrame):
            return result.collect()
    except LapwiseError:
        raise
    except Exception as error:
        raise StepError(
            f"the build function of table '{table.name}' raised {type(error).__name__}",
            value=str(error),
            fix=f"mend {getattr(build, '__qualname__', build)!s}, then repeat",
        ) from error
    if isinstance(result, pl.DataFrame):
        return result
    raise DataError(
        f"the build function of table '{table.name}' returned no frame",
        value=type(result).__name__,
        expected="a polars DataFrame or LazyFrame",
    )


def _write(frame: pl.DataFrame, table: Table, path: Path) -> None:
    """Write a built frame in the order (known, event, key), so that equal rows give equal bytes.

    In one chunk, because Polars cuts pages where chunks end, and those follow the threads.
    """
    order = [name for name in (table.known, table.event, *table.keys) if name in frame.columns]
    lazy = in_utc(frame.lazy())
    if order:
        lazy = lazy.sort(*dict.fromkeys(order), maintain_order=True)
    try:
        lazy.collect().rechunk().write_parquet(path, compression="zstd")
    except pl.exceptions.PolarsError as error:
        raise _not_readable(table, "what its build function returned", error) from error


def _not_readable(table: Table, name: str, error: Exception) -> DataError:
    return DataError(
        f"a file of table '{table.name}' cannot be read",
        value=name,
        expected=f"a whole, valid file ({str(error).splitlines()[0][:120]})",
        fix="collect it again, or remove it",
    )
