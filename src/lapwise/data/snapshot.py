"""Take a snapshot: read a table's files, check them, and keep them as a version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from lapwise.core.clock import MachineClock
from lapwise.core.declaration import Table
from lapwise.core.digest import Digest, digest_value
from lapwise.core.errors import DataError, NotFoundError
from lapwise.core.ids import new_id
from lapwise.core.model import DatasetVersion, FilePart, Record
from lapwise.core.protocols import Fingerprint, Progress, SilentProgress
from lapwise.data.collect import Content, collect, keep
from lapwise.data.contract import require_contract
from lapwise.data.instants import in_utc
from lapwise.data.read import instant
from lapwise.data.recollect import check_recollected
from lapwise.data.schema import check_rows, columns_of, read_schema
from lapwise.data.statistics import summarise
from lapwise.store.model import Store

__all__ = ["snapshot"]

SILENT = SilentProgress()
_CONTRACT = "contract-satisfied"


class Satisfied(Record, frozen=True, kw_only=True):
    """That a version satisfied a contract, so that the same need not be checked again."""

    version: Digest
    contract: Digest


def snapshot(
    table: Table,
    store: Store,
    *,
    root: Path,
    watermark: int,
    accept: bool = False,
    progress: Progress = SILENT,
    fingerprint: Fingerprint | None = None,
) -> DatasetVersion:
    """Return the version of a table as its files are now, read up to a known time.

    Unchanged files are known by their size, time and inode; if no file changed and a version with
    this watermark exists, that version is returned without reading data. Everything is checked
    before anything is kept.

    Args:
        table: the declaration.
        store: where versions and blobs are.
        root: the folder that ``table.source`` is relative to.
        watermark: microseconds UTC; rows with ``known < watermark`` are of the version. If those
            are all rows, the version's own watermark is just after the newest, so that a later
            call without a new row gives the same version.
        accept: take content that changed under a known name, and remember that it was accepted.
        progress: shows how far it has come.
        fingerprint: digests the code of ``table.build`` and of the contract. Without it a table is
            built, and a contract checked, each time.

    Raises:
        DataError: a file or column is missing, unreadable or not as declared.
        ContractError: rows break the contract.
        RecollectedError: content changed under a known name and ``accept`` is False.
        StepError: the user's build function or rule raised.
    """
    with collect(table, store, root=root, progress=progress, fingerprint=fingerprint) as contents:
        found = _found(table, contents, store, watermark)
        version = found or _describe(table, contents, watermark, progress)
        newest = next(iter(store.datasets.list(table.name, limit=1)), None)
        accepted = newest and check_recollected(
            table, contents, newest, store, watermark=watermark, accept=accept
        )
        contract = _contract_digest(table, fingerprint)
        mark = digest_value((version.digest, contract))
        if table.contract is not None and not (contract and _satisfied(mark, store)):
            require_contract(table, _until(_rows(contents), table, watermark))
        keep(table, contents, store)
        if contract and not _satisfied(mark, store):
            record = Satisfied(version=version.digest, contract=contract)
            store.records.add(_CONTRACT, mark, record)
        if accepted:
            accepted.keep(store)
        return found or store.datasets.add(version)


def _found(
    table: Table, contents: Sequence[Content], store: Store, watermark: int
) -> DatasetVersion | None:
    """Return a recent version with this content, if there is one."""
    content = [(content.name, content.digest) for content in contents]
    declared = (table.keys, table.event, table.known)
    for version in store.datasets.list(table.name, limit=20):
        later = version.complete and version.watermark < watermark
        if (
            (later or version.watermark == watermark)
            and (version.key, version.event, version.known) == declared
            and [(part.name, part.digest) for part in version.parts] == content
        ):
            return version
    return None


def _describe(
    table: Table, contents: Sequence[Content], watermark: int, progress: Progress
) -> DatasetVersion:
    """Check the rows and return the version that they make, not yet numbered."""
    task = progress.task(f"check {table.name}", 3)
    _, rows = read_schema(table, contents)
    task.advance()
    frame = _rows(contents)
    try:
        check_rows(table, frame)
        newest = frame.select(pl.col(table.known).max().to_physical()).collect().item()
        # Time that passes without a new row must not make a new version.
        complete = newest < watermark
        watermark = newest + 1 if complete else watermark
        task.advance()
        (count, first, last), statistics = summarise(
            _until(frame, table, watermark), table.event, sum(rows)
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _broken(table, contents, error) from error
    task.advance()
    task.done()
    columns = columns_of(frame)
    parts = tuple(
        FilePart(
            name=content.name,
            digest=content.digest,
            size=content.size,
            rows=lines,
            modified_ns=content.modified_ns,
        )
        for content, lines in zip(contents, rows, strict=True)
    )
    names = [(part.name, part.digest) for part in parts]
    return DatasetVersion(
        id=new_id(),
        table=table.name,
        number=0,
        digest=digest_value(
            (table.name, columns, names, table.keys, table.event, table.known, watermark)
        ),
        parts=parts,
        columns=columns,
        statistics=statistics,
        rows=count,
        watermark=watermark,
        key=table.keys,
        event=table.event,
        known=table.known,
        event_minimum=first,
        event_maximum=last,
        source=", ".join(table.sources),
        created=MachineClock().timestamp(),
        complete=complete,
    )


def _rows(contents: Sequence[Content]) -> pl.LazyFrame:
    return in_utc(pl.scan_parquet([content.path for content in contents], glob=False))


def _until(frame: pl.LazyFrame, table: Table, watermark: int) -> pl.LazyFrame:
    return frame.filter(pl.col(table.known) < instant(watermark))


def _broken(table: Table, contents: Sequence[Content], error: Exception) -> DataError:
    """Return an error that names the file whose pages cannot be read."""
    for content in contents:
        try:
            pl.scan_parquet(content.path, glob=False).select(pl.all().null_count()).collect()
            pl.read_parquet(content.path, glob=False)
        except (pl.exceptions.PolarsError, OSError):
            name = content.name
            break
    else:
        name = table.name
    return DataError(
        f"a file of table '{table.name}' is damaged",
        value=name,
        expected=f"pages that can be read ({str(error).splitlines()[0][:120]})",
        fix="collect it again, or remove it",
    )


def _contract_digest(table: Table, fingerprint: Fingerprint | None) -> Digest | None:
    if table.contract is None or fingerprint is None:
        return None
    return fingerprint(table.contract)


def _satisfied(mark: Digest, store: Store) -> bool:
    try:
        store.records.get(_CONTRACT, mark, Satisfied)
    except NotFoundError:
        return False
    return True
