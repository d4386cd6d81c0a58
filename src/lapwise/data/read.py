"""Read a dataset version: every row of it, or each key's latest row."""

from __future__ import annotations

import polars as pl

from lapwise.core.errors import CorruptError, DataError
from lapwise.core.model import DatasetVersion
from lapwise.data.instants import in_utc
from lapwise.store.model import Store

__all__ = ["current", "key_text", "scan"]


def scan(version: DatasetVersion, store: Store) -> pl.LazyFrame:
    """Return every row with ``known < watermark``, corrections and what they correct included.

    Datetimes with a zone come as UTC microseconds (event and known among them), those without stay
    without; rows come in the order of the version's files.

    Raises:
        NotFoundError, CorruptError: a blob is gone, or differs from its digest.
    """
    paths = [store.blobs.path(part.digest) for part in version.parts if part.rows]
    if not paths:
        raise CorruptError(
            f"version v{version.number} of table '{version.table}' names no file with rows",
            fix="lapwise doctor",
        )
    frame = in_utc(pl.scan_parquet(paths, glob=False))
    return frame.filter(pl.col(version.known) < instant(version.watermark))


def current(version: DatasetVersion, store: Store) -> pl.LazyFrame:
    """Return for each key its row that is greatest by (known, event), in the order of the files.

    Of rows that tie in both, which :func:`lapwise.data.snapshot` admits only when they are equal in
    every column, the last stays. Reads the keys once to see whether there are corrections at all.

    Raises:
        NotFoundError, CorruptError: as :func:`scan`.
    """
    frame = scan(version, store)
    return newest(frame, version.key, version.known, version.event)


def newest(frame: pl.LazyFrame, key: tuple[str, ...], known: str, event: str) -> pl.LazyFrame:
    """Return for each key its row that is greatest by (known, event); the last wins a tie."""
    if not corrected(frame, key):
        return frame
    at = "__lapwise_row"
    order = dict.fromkeys((known, event))
    kept = (
        frame.select(*dict.fromkeys((*key, *order)))
        .with_row_index(at)
        .sort(*order, at)
        .group_by(key)
        .agg(pl.col(at).last())
        .select(at)
    )
    return frame.with_row_index(at).join(kept, on=at, how="semi", maintain_order="left").drop(at)


def corrected(frame: pl.LazyFrame, key: tuple[str, ...]) -> bool:
    """Return whether a key has more than one row."""
    most = frame.select(key).group_by(key).len().select(pl.col("len").max()).collect().item()
    return most is not None and most > 1


def instant(microseconds: int) -> pl.Expr:
    """Return a literal instant in UTC."""
    return pl.lit(microseconds).cast(pl.Datetime("us", "UTC"))


def key_text(frame: pl.DataFrame, key: tuple[str, ...], limit: int = 5) -> tuple[str, ...]:
    """Return the keys of the first rows as people read them: ``flight_id=7``."""
    return tuple(
        ", ".join(f"{name}={value}" for name, value in zip(key, row, strict=True))
        for row in frame.select(key).head(limit).iter_rows()
    )


def require(columns: pl.Schema, names: tuple[str, ...], thing: str) -> None:
    """Raise DataError unless every name is a column; ``thing`` says who asks for it."""
    missing = [name for name in dict.fromkeys(names) if name not in columns]
    if missing:
        raise DataError(
            f"{thing} has no column",
            value=missing if len(missing) > 1 else missing[0],
            expected=f"one of {', '.join(list(columns)[:30])}",
            fix="correct the name on the page, or bring the column in the table's build function",
        )
