"""L006: a feature's source was not known at the time of the prediction."""

from __future__ import annotations

import polars as pl

from lapwise.core.evidence import Finding
from lapwise.data.leakage.model import Subject

__all__ = ["find_known_with_label"]


def find_known_with_label(subject: Subject) -> Finding:
    """L006: feature values made from rows that became known at or after the prediction.

    What it does:
        For each feature that says from when on its sources were known, blocks if a value has a
        source known at or after the example's time, or the label's own row as a source. Says how
        many of those were known only when the label was. Without sources it does not apply.

    Why it is bad:
        In use the value will not be there yet; offline it whispers the label. Kapoor & Narayanan
        (Patterns 2023), types L2 and L3.1; on flights, windows over scheduled instead of known
        times raise the AUC by .011.

    Example:
        The mean delay of the last hour by *scheduled* time counts flights still in the air.
    """
    if not subject.sources:
        return Finding(
            rule="L006",
            severity="not_applicable",
            sentence="No feature says from when on its sources were known.",
        )
    time = pl.col("time").to_physical()
    label_known = pl.col("label_known").to_physical()
    early: dict[str, tuple[int, int]] = {}
    any_early = pl.lit(False)
    for source in subject.sources:
        known = pl.col(source.known).to_physical()
        too_late = (known >= time).fill_null(False)
        if source.from_label is not None:
            too_late |= pl.col(source.from_label).fill_null(False)
        any_early |= too_late
        count, with_label = subject.frame.select(
            too_late.sum().alias("count"),
            (too_late & (known >= label_known).fill_null(False)).sum().alias("with_label"),
        ).row(0)
        if count:
            early[source.feature] = (count, with_label)
    unsaid = set(subject.features) - {source.feature for source in subject.sources}
    rest = f" {len(unsaid)} of {len(subject.features)} features do not say." if unsaid else ""
    if not early:
        return Finding(
            rule="L006",
            severity="clear",
            sentence=f"All sources of {len(subject.sources)} features were known before the"
            f" prediction.{rest}",
        )
    rows = int(subject.frame.select(any_early.sum()).item())
    worst = sorted(early, key=lambda name: -early[name][0])
    shown = "; ".join(
        f"'{name}' in {early[name][0]:,} rows, {early[name][1]:,} of them known only with the label"
        for name in worst[:3]
    )
    more = f"; and {len(worst) - 3} more features" if len(worst) > 3 else ""
    return Finding(
        rule="L006",
        severity="block",
        sentence=f"Sources known only at or after the prediction: {shown}{more}.{rest}",
        rows=rows,
        measured=rows / subject.frame.height,
    )
