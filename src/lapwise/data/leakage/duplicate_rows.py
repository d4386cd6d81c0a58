"""L001: the same row is in two parts."""

from __future__ import annotations

import polars as pl

from lapwise.core.evidence import Finding
from lapwise.data.leakage.model import Severity, Subject

__all__ = ["find_duplicate_rows"]

_BLOCK = 0.01
_WARN = 0.001
_FEWEST = 5


def find_duplicate_rows(subject: Subject) -> Finding:
    """L001: rows of validation or test that equal a training row in all features and the label.

    What it does:
        Counts them (names of rows aside) and compares their share with what chance gives: the share
        of training rows that equal another training row *of another time*. Copies of one record
        share its time, so copies do not count as chance; rows that merely look alike do.
        Blocks above one per cent plus twice chance (and five rows), warns above a tenth of that.

    Why it is bad:
        A model that remembers its training rows scores as if it understood. Kapoor & Narayanan
        (Patterns 2023), type L1.4; at ten per cent of copies a tree gains more than one standard
        deviation of what such scores vary by.

    Example:
        A table that was collected twice, split by the hash of a row number.
    """
    columns = [*subject.features, "label"]
    counted = subject.frame.select(
        pl.struct(columns).hash().alias("hash"), "part", pl.col("time").to_physical()
    )
    train = pl.col("part") == "train"
    same = counted.group_by("hash").agg(
        train.sum().alias("trained"),
        (~train).sum().alias("held_out"),
        pl.col("time").filter(train).n_unique().alias("times"),
    )
    shared, held_out, alike, trained = same.select(
        pl.col("held_out").filter(pl.col("trained") > 0).sum().alias("shared"),
        pl.col("held_out").sum().alias("all"),
        pl.col("trained").filter(pl.col("times") > 1).sum().alias("alike"),
        pl.col("trained").sum().alias("train"),
    ).row(0)
    share, chance = shared / held_out, alike / trained
    severity: Severity = "clear"
    if share > 2 * chance + _BLOCK and shared >= _FEWEST:
        severity = "block"
    elif share > 2 * chance + _WARN:
        severity = "warn"
    return Finding(
        rule="L001",
        severity=severity,
        sentence=f"{shared:,} of {held_out:,} validation and test rows ({share:.2%}) equal a"
        f" training row in all {len(subject.features)} features and the label; chance gives"
        f" {chance:.2%}.",
        rows=int(shared),
        measured=share,
    )
