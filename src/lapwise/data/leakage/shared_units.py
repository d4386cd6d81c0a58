"""L002: the same unit is in two parts."""

from __future__ import annotations

import polars as pl

from lapwise.core.evidence import Finding
from lapwise.data.leakage.model import Severity, Subject
from lapwise.data.read import require

__all__ = ["find_shared_units"]


def find_shared_units(subject: Subject) -> Finding:
    """L002: groups or units with rows both in training and in validation or test.

    What it does:
        For a group split, blocks if any group is in two parts. For a key split, warns if units are,
        because rows of one unit are rarely independent. For a time split it does not apply: in use,
        too, the model meets units that it was trained on; the share is told.

    Why it is bad:
        What is particular to a unit (a patient, a plane) is learnt in training and recognised in
        the test, but not in units that come later. Kapoor & Narayanan (Patterns 2023), type L3.2.

    Example:
        Several X-rays of each patient, split by image.
    """
    kind = subject.split.kind
    if kind == "group":
        require(subject.frame.schema, subject.split.by, "the frame, which was split by group,")
        rows, shared, held_out = _shared(subject.frame, subject.split.by)
        name = " and ".join(subject.split.by)
        return Finding(
            rule="L002",
            severity="block" if shared else "clear",
            sentence=f"{shared:,} of {held_out:,} groups by {name} in validation and test also have"
            f" training rows{f', {rows:,} rows in all' if shared else ''}.",
            rows=rows,
            measured=shared / max(held_out, 1),
        )
    if "unit" not in subject.frame.columns:
        return Finding(
            rule="L002", severity="not_applicable", sentence="The examples have no unit."
        )
    rows, shared, held_out = _shared(subject.frame, ("unit",))
    share = shared / max(held_out, 1)
    sentence = f"{shared:,} of {held_out:,} units in validation and test ({share:.1%}) also train"
    severity: Severity = "warn" if shared else "clear"
    if kind == "time":
        severity, sentence = "not_applicable", f"{sentence}, as they will in use: split by time"
    return Finding(
        rule="L002", severity=severity, sentence=f"{sentence}.", rows=rows, measured=share
    )


def _shared(frame: pl.DataFrame, by: tuple[str, ...]) -> tuple[int, int, int]:
    """Return held-out rows of groups that also train, the groups, and all held-out groups."""
    train = pl.col("part") == "train"
    groups = (
        frame.drop_nulls(by)
        .group_by(by)
        .agg(train.any().alias("train"), (~train).sum().alias("held_out"))
        .filter(pl.col("held_out") > 0)
    )
    shared = groups.filter("train")
    return int(shared["held_out"].sum()), shared.height, groups.height
