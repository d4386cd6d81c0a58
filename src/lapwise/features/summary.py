"""How the values of features are spread over the examples of a frame, for people to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import polars as pl

from lapwise.core.digest import Digest
from lapwise.core.feature import FRAME_SUMMARY, FeatureSummary, FrameSummary
from lapwise.features.request import in_microseconds
from lapwise.store.model import Store

__all__ = ["keep_summary", "summarize", "summarize_frame"]

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BINS = 16
_WHOLE = 24
_VALUES = 20
_LONGEST = 60


def keep_summary(
    frame: Digest, whole: pl.DataFrame, features: Sequence[str], *, time: str, store: Store
) -> FrameSummary:
    """Summarise the features of a frame and keep it as a record under the frame's digest.

    Args:
        frame: the digest of the frame's record.
        whole: the frame.
        features: its columns that are features.
        time: its column of prediction times.
        store: where the record is kept.
    """
    summary = summarize_frame(frame, whole, features, time=time)
    store.records.add(FRAME_SUMMARY, frame, summary)
    return summary


def summarize_frame(
    frame: Digest, whole: pl.DataFrame, features: Sequence[str], *, time: str
) -> FrameSummary:
    """Return how the features of a frame are spread; arguments as of :func:`keep_summary`."""
    times = in_microseconds(whole[time])
    start, end = times.min(), times.max()
    return FrameSummary(
        frame=frame,
        features=tuple(summarize(whole[name]) for name in features),
        start=start if isinstance(start, int) else None,
        end=end if isinstance(end, int) else None,
    )


def summarize(values: pl.Series) -> FeatureSummary:
    """Return how the values of one feature are spread.

    Args:
        values: numbers, times, durations, Booleans, or text; of other types only nulls are counted.

    >>> found = summarize(pl.Series("n", [1, 2, 2, None]))
    >>> found.nulls, found.distinct, found.mean, found.edges, found.counts
    (1, 2, 1.6666666666666667, (1.0, 2.0, 3.0), (1, 2))
    >>> summarize(pl.Series("sky", ["clear", "fog", "clear"])).values
    ('clear', 'fog')
    """
    dtype = values.dtype
    summary = FeatureSummary(
        feature=values.name,
        dtype=str(dtype),
        rows=values.len(),
        nulls=values.null_count(),
    )
    present = values.drop_nulls()
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Boolean):
        return _of_values(summary, present)
    if dtype.is_numeric() or dtype.is_temporal():
        return _of_numbers(summary, present)
    return summary


def _of_values(summary: FeatureSummary, present: pl.Series) -> FeatureSummary:
    text = present.cast(pl.String).rename("value")
    counted = text.value_counts().sort(["count", "value"], descending=[True, False])
    top = counted.head(_VALUES)
    return msgspec.structs.replace(
        summary,
        distinct=counted.height,
        values=tuple(one[:_LONGEST] for one in top["value"]),
        counts=tuple(top["count"].to_list()),
        other=present.len() - sum(top["count"].to_list()),
    )


def _of_numbers(summary: FeatureSummary, present: pl.Series) -> FeatureSummary:
    whole = not (present.dtype.is_float() or present.dtype.is_decimal())
    plain = _plain(present)
    finite = plain.filter(plain.is_finite()) if plain.dtype.is_float() else plain
    ordered = finite.sort()
    distinct = int(ordered.ne(ordered.shift(1)).sum()) + 1 if ordered.len() else 0
    numbers = ordered.cast(pl.Float64).to_numpy()
    odd = present.len() - ordered.len()
    if not numbers.size:
        return msgspec.structs.replace(summary, distinct=0, odd=odd)
    edges = _edges(numbers, whole=whole)
    return msgspec.structs.replace(
        summary,
        distinct=distinct,
        odd=odd,
        minimum=float(numbers[0]),
        maximum=float(numbers[-1]),
        mean=_finite(finite.mean()),
        std=_finite(finite.std()),
        quantiles=tuple((share, _quantile(numbers, share)) for share in SHARES),
        edges=tuple(edges),
        counts=_counts(numbers, edges),
    )


def _plain(present: pl.Series) -> pl.Series:
    """Return numbers: times and durations as microseconds, decimals as doubles."""
    if present.dtype.is_decimal():
        return present.cast(pl.Float64)
    return in_microseconds(present)


def _finite(value: object) -> float | None:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _quantile(numbers: np.ndarray, share: float) -> float:
    """Return the least value that a share of all do not exceed: always one that is there."""
    return float(numbers[max(math.ceil(share * numbers.size) - 1, 0)])


def _edges(numbers: np.ndarray, *, whole: bool) -> list[float]:
    """Return where bins begin and the last one ends.

    Bins are of one round width between the quantiles that leave out half a per cent on either side,
    so that one outlier does not make a picture of a single bar; the outermost reach to the least and
    the greatest value. A bin holds what is at or above its beginning, the last one its end too.
    """
    low, high = _quantile(numbers, 0.005), _quantile(numbers, 0.995)
    least, greatest = float(numbers[0]), float(numbers[-1])
    width = _round_width((high - low) / _BINS)
    if whole:
        width = 1.0 if high - low < _WHOLE else max(width, 1.0)
    if not math.isfinite(width) or least == greatest or low + width == low:
        return [least, greatest]
    begin = math.floor(low / width) * width
    reach = (high - begin) / width
    if not math.isfinite(reach):  # a difference of two floats may be beyond them
        return [least, greatest]
    steps = max(math.floor(reach) + 1, 1)
    edges = [begin + step * width for step in range(steps + 1)]
    edges[0] = min(edges[0], least)
    edges[-1] = max(edges[-1], greatest) if math.isfinite(edges[-1]) else greatest
    return edges


def _round_width(width: float) -> float:
    """Return the next width at or above that is 1, 2 or 5 times a power of ten.

    >>> _round_width(0.3), _round_width(7.0), _round_width(0.0)
    (0.5, 10.0, 0.0)
    """
    if not width > 0 or not math.isfinite(width):
        return 0.0
    power = 10.0 ** math.floor(math.log10(width))
    return next((one * power for one in (1, 2, 5) if one * power >= width), 10 * power)


def _counts(numbers: np.ndarray, edges: Sequence[float]) -> tuple[int, ...]:
    if len(edges) == 2:
        return (int(numbers.size),)
    inner = np.searchsorted(numbers, np.asarray(edges[1:-1]), side="left")
    bounds = [0, *inner.tolist(), int(numbers.size)]
    return tuple(bounds[place + 1] - bounds[place] for place in range(len(bounds) - 1))
