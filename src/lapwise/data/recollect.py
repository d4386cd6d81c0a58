"""Notice that content which was known has changed quietly."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from lapwise.core.declaration import Table
from lapwise.core.digest import Digest, digest_value
from lapwise.core.errors import NotFoundError, RecollectedError
from lapwise.core.model import DatasetVersion, Record
from lapwise.data.collect import Content
from lapwise.data.instants import in_utc
from lapwise.data.read import instant
from lapwise.store.model import Store

__all__ = ["check_recollected"]

_ACCEPTED = "accepted-recollection"


class Accepted(Record, frozen=True, kw_only=True):
    """That a person accepted ``content`` in place of what ``version`` held."""

    table: str
    version: Digest
    content: Digest

    @property
    def key(self) -> Digest:
        """Return the digest that the record is kept under."""
        return digest_value((self.version, self.content))

    def keep(self, store: Store) -> None:
        """Keep the acceptance, so that it is asked for once."""
        store.records.add(_ACCEPTED, self.key, self)


def check_recollected(
    table: Table,
    contents: Sequence[Content],
    previous: DatasetVersion,
    store: Store,
    *,
    watermark: int,
    accept: bool,
) -> Accepted | None:
    """Return the acceptance that is to be kept with the version, if there is something to accept.

    Compares content with the newest version, and refuses what changed under a known name.

    New files are an append. Where a known file has another digest or is gone, the rows known before
    both watermarks are compared, order aside: if all are as they were, the file only grew (or was
    written anew), and that is fine.

    Raises:
        RecollectedError: rows that were known changed, and nobody accepted it.
    """
    now = {content.name: content for content in contents}
    changed = [
        part
        for part in previous.parts
        if part.name not in now or now[part.name].digest != part.digest
    ]
    if not changed:
        return None
    digest = digest_value([(content.name, content.digest) for content in contents])
    accepted = Accepted(table=table.name, version=previous.digest, content=digest)
    if _is_kept(accepted, store):
        return None
    before = {part.name: part.digest for part in previous.parts}
    old = [store.blobs.path(part.digest) for part in changed if part.rows]
    new = [content.path for content in contents if before.get(content.name) != content.digest]
    horizon = min(previous.watermark, watermark)
    gone, came = _differing(_rows(old, table, horizon), _rows(new, table, horizon))
    if not gone and not came:
        return None
    if accept:
        return accepted
    names = [f"{part.name}{'' if part.name in now else ' (gone)'}" for part in changed]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    raise RecollectedError(
        f"table '{table.name}' was collected again since v{previous.number}: of the rows known"
        f" then, {gone:,} are gone or changed and {came:,} are new or changed",
        value=shown,
        expected="known rows to stay; a correction is a new row with a later known time",
        fix="bring the old rows back, or take the new ones: lapwise lap --accept",
    )


def _is_kept(accepted: Accepted, store: Store) -> bool:
    try:
        store.records.get(_ACCEPTED, accepted.key, Accepted)
    except NotFoundError:
        return False
    return True


def _rows(paths: Sequence[object], table: Table, horizon: int) -> pl.LazyFrame | None:
    if not paths:
        return None
    frame = in_utc(pl.scan_parquet(list(paths), glob=False))  # type: ignore[arg-type]
    if table.known not in frame.collect_schema():
        return frame
    return frame.filter(pl.col(table.known) < instant(horizon))


def _differing(old: pl.LazyFrame | None, new: pl.LazyFrame | None) -> tuple[int, int]:
    """Return how many rows are only in the one and only in the other, each as often as it is there.

    Rows are compared by a 64-bit hash within this process: of ten million, two different ones
    share a hash once in four hundred thousand comparisons.
    """
    frames = []
    for frame, sign in ((old, 1), (new, -1)):
        if frame is not None:
            # Names and types are of the hash, so that a column that came or went changes each row.
            text = str(sorted((name, str(dtype)) for name, dtype in frame.collect_schema().items()))
            columns = [pl.col(name) for name in sorted(frame.collect_schema())]
            row = pl.struct(*columns, pl.lit(text).alias("__lapwise_columns")).hash()
            frames.append(frame.select(row.alias("row"), pl.lit(sign).alias("count")))
    counts = pl.concat(frames).group_by("row").agg(pl.col("count").cast(pl.Int64).sum())
    both = counts.select(
        gone=pl.col("count").filter(pl.col("count") > 0).sum(),
        came=-pl.col("count").filter(pl.col("count") < 0).sum(),
    ).collect()
    return int(both["gone"][0] or 0), int(both["came"][0] or 0)
