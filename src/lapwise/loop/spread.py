"""How features were spread over the examples that a model was trained on, for pages and terminals."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from lapwise.core.clock import format_time
from lapwise.core.duration import format_duration
from lapwise.core.errors import AccessError, NotFoundError
from lapwise.core.feature import FRAME_SUMMARY, FeatureSummary, FrameSummary
from lapwise.core.model import FeatureFrame, Record

if TYPE_CHECKING:
    from lapwise.core.digest import Digest
    from lapwise.core.feature import FeatureUse
    from lapwise.store.model import Store

__all__ = ["Spread", "bin_labels", "read_spread", "spread_of", "spread_of_input", "value_text"]

_DAY = 86_400_000_000
_FEW = 3


class Spread(Record, frozen=True, kw_only=True):
    """How some features were spread over the examples of one model version.

    ``start`` and ``end`` are the first and the last time of an example, in microseconds.
    """

    model: str
    number: int
    frame: str
    features: tuple[FeatureSummary, ...]
    start: int | None = None
    end: int | None = None


def spread_of(
    store: Store, name: str, features: Sequence[str], users: Sequence[FeatureUse]
) -> Spread:
    """Return how features were spread for the newest model version trained on them.

    A frame that was made before frames were summarised is read, and its summary kept.

    Args:
        store: where frames are.
        name: of the view or functions.
        features: its features.
        users: the model versions that were trained on it, newest first.

    Raises:
        NotFoundError: no model version was trained on it, or the frame is gone.
    """
    use = next((one for one in users if one.frame), None)
    if use is None or use.frame is None:
        raise NotFoundError(
            "nothing is known of how it is spread: no model was trained on it yet",
            value=name,
            fix="lapwise lap page.py",
        )
    return _spread(store, use.model, use.number, use.frame, features)


def spread_of_input(store: Store, models: Sequence[str], name: str) -> Spread | None:
    """Return how a plain input was spread for the newest version of the first model that takes it."""
    for model in models:
        for version in store.models.list(model, limit=_FEW):
            if version.lineage.frame is None:
                continue
            found = _spread(store, model, version.number, version.lineage.frame, (name,))
            if found.features:
                return found
    return None


def read_spread(store: Store, frame: Digest) -> FrameSummary | None:
    """Return the summary of a frame as it is kept; None if there is none that may be seen."""
    try:
        return cast("FrameSummary", store.records.get(FRAME_SUMMARY, frame, FrameSummary))
    except (NotFoundError, AccessError):
        return None


def _spread(store: Store, model: str, number: int, frame: Digest, names: Sequence[str]) -> Spread:
    summary = read_spread(store, frame) or _summarize(store, frame)
    by_name = {one.feature: one for one in summary.features}
    return Spread(
        model=model,
        number=number,
        frame=frame,
        features=tuple(by_name[name] for name in names if name in by_name),
        start=summary.start,
        end=summary.end,
    )


def _summarize(store: Store, frame: Digest) -> FrameSummary:
    """Read a frame's blob, summarise it, and keep the summary."""
    from lapwise.features import read_frame
    from lapwise.features.summary import summarize_frame

    record = cast("FeatureFrame", store.records.get("feature_frame", frame, FeatureFrame))
    whole = read_frame(record, store)
    time = whole.columns[1]  # a frame's columns are the row, the time, the features
    summary = summarize_frame(frame, whole, record.features, time=time)
    with suppress(AccessError):  # who may only look keeps nothing
        store.records.add(FRAME_SUMMARY, frame, summary)
    return summary


def value_text(dtype: str, value: float) -> str:
    """Return a value of a summary as people write it: times as times, durations as durations.

    >>> value_text("Float64", 0.123456), value_text("Int64", 12000.0)
    ('0.1235', '12,000')
    >>> value_text("Datetime(time_unit='us', time_zone='UTC')", 0.0), value_text("Duration(...)", 6e7)
    ('1970-01-01 00:00', '1m')
    """
    if dtype.startswith(("Datetime", "Date")):
        text = format_time(int(value))[:16].replace("T", " ")
        return text[:10] if dtype == "Date" else text
    if dtype.startswith("Duration"):
        return f"{'-' if value < 0 else ''}{format_duration(abs(int(value)))}"
    if dtype.startswith("Time"):
        return format_time(int(value) % _DAY)[11:16]
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1e6 else f"{value:.4g}"


def bin_labels(summary: FeatureSummary) -> tuple[str, ...]:
    """Return what the counts of a summary are of: values, or from where to where a bin reaches.

    >>> bins = FeatureSummary(feature="n", dtype="Float64", rows=3, nulls=0, edges=(0.0, 2.0, 3.5))
    >>> bin_labels(bins)
    ('0 to 2', '2 to 3.5')
    >>> bin_labels(FeatureSummary(feature="n", dtype="Int64", rows=3, nulls=0, edges=(0.0, 1.0, 3.0)))
    ('0', '1 to 2')
    """
    if summary.values:
        return summary.values
    dtype, edges = summary.dtype, summary.edges
    if len(edges) == 2 and edges[0] == edges[1]:
        return (value_text(dtype, edges[0]),)
    labels = []
    whole = dtype.startswith(("Int", "UInt"))
    for low, high in pairwise(edges):
        # A bin ends before the next begins; the last one may end at the greatest value itself.
        ends = not whole or high == summary.maximum == edges[-1]
        first, last = value_text(dtype, low), value_text(dtype, high if ends else high - 1)
        labels.append(first if first == last else f"{first} to {last}")
    return tuple(labels)
