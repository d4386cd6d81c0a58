"""Apply every rule of leakage to the features and labels of a lap."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import polars as pl

from lapwise.core.errors import DataError
from lapwise.core.evidence import Finding
from lapwise.core.model import Split
from lapwise.data.leakage.duplicate_rows import find_duplicate_rows
from lapwise.data.leakage.embargo import find_short_embargo
from lapwise.data.leakage.gives_label_away import find_label_given_away
from lapwise.data.leakage.known_before_label import find_known_before_label
from lapwise.data.leakage.known_with_label import find_known_with_label
from lapwise.data.leakage.model import PARTS, FeatureSource, FeatureTable, LabelTable, Subject
from lapwise.data.leakage.shared_units import find_shared_units
from lapwise.data.leakage.time_order import find_time_disorder
from lapwise.data.read import require

__all__ = ["RULES", "find_leakage"]

RULES = {
    "duplicate rows": find_duplicate_rows,
    "shared units": find_shared_units,
    "time order": find_time_disorder,
    "embargo": find_short_embargo,
    "label given away": find_label_given_away,
    "known with the label": find_known_with_label,
    "known before the label": find_known_before_label,
}
"""In the order of their numbers, L001 to L007."""


def find_leakage(
    frame: pl.DataFrame,
    *,
    features: Sequence[str],
    split: Split,
    row: str = "",
    sources: Sequence[FeatureSource] = (),
    tables: Sequence[FeatureTable] = (),
    label: LabelTable | None = None,
) -> tuple[Finding, ...]:
    """Return one finding for each rule, in the order of their numbers.

    Args:
        frame: the examples that are in a part: the features, ``part``, ``time``, ``label``,
            ``label_known``, and ``unit`` and the split's ``by`` columns if there are such.
            Other columns are not looked at.
        features: the columns that a model sees.
        split: how the rows were parted.
        row: the column that names an example, where it is among the features or ``split.by``.
        sources: for features, the column with the latest known time of what went into each value.
        tables: the tables that views read, with all their rows.
        label: the table that brings the label.

    Returns:
        Findings; ``block`` must fail a gate, ``warn`` is to be shown.

    Raises:
        DataError: a column is missing, or a part has no row.
    """
    columns = [column for source in sources for column in (source.known, source.from_label)]
    asked = (*features, "part", "time", "label", "label_known", *filter(None, columns))
    require(frame.schema, asked, "the frame to be searched for leakage")
    counts = dict(frame.group_by("part").len().iter_rows())
    missing = [part for part in PARTS if not counts.get(part)]
    if missing:
        raise DataError(
            "leakage is looked for between parts, and one has no rows",
            value=missing,
            expected=f"rows in each of {', '.join(PARTS)}",
        )
    subject = Subject(frame, tuple(features), split, row, tuple(sources), tuple(tables), label)
    return tuple(msgspec.structs.replace(rule(subject), name=name) for name, rule in RULES.items())
