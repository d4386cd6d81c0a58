"""What a version was made on, frozen: the bins, and how much one day differs from another.

It is kept beside the version. Counts are kept for each block (day), so that the detectors know how
far a day strays from the rest when nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lapwise.core.duration import parse_duration
from lapwise.core.errors import DataError
from lapwise.core.model import Record
from lapwise.monitoring.bins import Bins, freeze_bins, place
from lapwise.monitoring.labels import truth
from lapwise.monitoring.scores import JUDGED, DayRows, judge_metric

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["SCORE", "Counted", "Held", "Outcome", "Reference", "make_reference"]

SCORE = "score"
"""The name of the score's bins among the features'."""

_FEATURE_BINS = 10
_CATEGORIES = 30
_SCORE_BINS = 20
_RARE = 0.002


class Counted(Record, frozen=True, kw_only=True):
    """Frozen bins of a column, and for each block of the reference its counts in them.

    ``blocks`` are the blocks' first microseconds, ``counts`` one row of ``bins.size`` for each.
    """

    bins: Bins
    blocks: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]


class Held(Record, frozen=True, kw_only=True):
    """A metric on rows that the version had not seen, and its standard error over blocks.

    ``roc_auc`` is itself; ``log_loss`` and ``brier`` are kept as skill.
    """

    name: str
    value: float
    error: float
    blocks: int
    rows: int


class Outcome(Record, frozen=True, kw_only=True):
    """One block of unseen rows: how many, how many were positive, and the sum of their scores."""

    block: int
    rows: int
    positives: float
    scores: float


class Reference(Record, frozen=True, kw_only=True):
    """What is normal for a version: its features, its scores, how good it was on unseen rows.

    ``classes`` are the model's; of two, the second is the positive one. ``outcomes`` and ``held``
    are of unseen rows alone, and empty where there are no labels of two classes.
    """

    features: tuple[Counted, ...]
    score: Counted | None = None
    outcomes: tuple[Outcome, ...] = ()
    held: tuple[Held, ...] = ()
    classes: tuple[str, ...] = ()
    block: int = 86_400_000_000
    version: str = ""

    @property
    def counted(self) -> tuple[Counted, ...]:
        """The features', and the score's."""
        return (*self.features, self.score) if self.score else self.features


def make_reference(
    frame: pl.DataFrame,
    features: Sequence[str],
    *,
    time: str,
    score: str | None = None,
    label: str | None = None,
    out_of_sample: str | pl.Series | pl.Expr | None = None,
    classes: Sequence[str] = (),
    block: str = "1d",
    latest: str = "90d",
    version: str = "",
) -> Reference:
    """Return the reference of a version from all examples known at its lap.

    Args:
        frame: one row an example.
        features: the model's inputs, as serving looks them up.
        time: the column of prediction times.
        score: the column of the version's scores; rows without one count for features alone.
            Several classes: a list or array a row.
        label: the column of labels, null where unknown.
        out_of_sample: which rows the version has not seen (the test part), as the name of a Boolean
            column, a Boolean series or an expression; performance is theirs alone.
        classes: the model's classes; of two, the second is the positive one.
        block: how long a block of the reference is.
        latest: no more of the past than this counts.
        version: the version's id.

    Raises:
        DataError: a column is missing, there are no rows, or a feature is called ``score``.
    """
    wanted = [*features, time, *(name for name in (score, label) if name)]
    missing = sorted(set(wanted) - set(frame.columns))
    if missing or frame.is_empty():
        raise DataError(
            "a reference cannot be made of these rows",
            value=missing or "no rows",
            expected="rows with " + ", ".join(dict.fromkeys(wanted)),
        )
    if SCORE in features:
        raise DataError(
            "a feature has the name that the scores' bins have",
            value=SCORE,
            fix="rename the feature",
        )
    unseen = _mask(frame, out_of_sample)
    at = frame[time].dt.epoch("us") if frame.schema[time].is_temporal() else frame[time]
    recent = at > at.max() - parse_duration(latest)  # type: ignore[operator]
    frame, at, unseen = frame.filter(recent), at.filter(recent), unseen.filter(recent)
    length = parse_duration(block)
    blocks = (at // length).to_numpy() * length
    scored = _scored(frame, score, tuple(classes)) if score else None
    outcomes, held = _performance(frame, scored, label, unseen, blocks, tuple(classes))
    return Reference(
        features=tuple(_count(frame[name], blocks, _FEATURE_BINS) for name in features),
        score=None if scored is None else _count_score(scored, blocks, tuple(classes)),
        outcomes=outcomes,
        held=held,
        classes=tuple(classes),
        block=length,
        version=version,
    )


def _mask(frame: pl.DataFrame, given: str | pl.Series | pl.Expr | None) -> pl.Series:
    import polars as pl

    if given is None:
        return pl.Series([False] * frame.height)
    if isinstance(given, pl.Series):
        return given
    return frame.select(pl.col(given) if isinstance(given, str) else given).to_series()


def _count(column: pl.Series, blocks: NDArray[np.int64], most: int) -> Counted:
    import polars as pl

    text = column.dtype in (pl.String, pl.Categorical, pl.Enum)
    bins = freeze_bins(column, _CATEGORIES if text else most, share=_RARE)
    codes = _place_text(bins, column) if text else place(bins, column)
    return _tabulate(bins, codes, blocks)


def _place_text(bins: Bins, column: pl.Series) -> NDArray[np.int64]:
    """Place distinct values only: a column of text has few."""
    import polars as pl

    text = column.cast(pl.String)
    distinct = text.unique()
    codes = pl.Series(place(bins, distinct.to_list()))
    return text.replace_strict(distinct, codes, return_dtype=pl.Int64).to_numpy()


def _tabulate(bins: Bins, codes: NDArray[np.int64], blocks: NDArray[np.int64]) -> Counted:
    import numpy as np

    starts, owner = np.unique(blocks, return_inverse=True)
    flat = np.bincount(owner * bins.size + codes, minlength=len(starts) * bins.size)
    counts = flat.reshape(len(starts), bins.size)
    return Counted(
        bins=bins,
        blocks=tuple(starts.tolist()),
        counts=tuple(tuple(row) for row in counts.tolist()),
    )


def _scored(frame: pl.DataFrame, score: str, classes: tuple[str, ...]) -> pl.Series:
    """Return one value a row: the score, or of several classes the most likely one."""
    import polars as pl

    column = frame[score].alias(SCORE)
    if not column.dtype.is_nested():
        return column.cast(pl.Float64)
    listed = column.cast(pl.List(pl.Float64))
    width = listed.list.len().max()
    names = classes or tuple(map(str, range(width if isinstance(width, int) else 0)))
    best = listed.list.arg_max()
    return best.replace_strict(list(range(len(names))), list(names), return_dtype=pl.String).alias(
        SCORE
    )


def _count_score(
    scored: pl.Series, blocks: NDArray[np.int64], classes: tuple[str, ...]
) -> Counted | None:
    import polars as pl

    there = scored.is_not_null()
    kept = scored.filter(there)
    if kept.is_empty():
        return None
    if kept.dtype == pl.String:
        names = classes or tuple(sorted(set(kept.to_list())))
        bins = Bins(name=SCORE, kind="text", categories=names)
        return _tabulate(bins, _place_text(bins, kept), blocks[there.to_numpy()])
    return _count(kept, blocks[there.to_numpy()], _SCORE_BINS)


def _performance(
    frame: pl.DataFrame,
    scored: pl.Series | None,
    label: str | None,
    unseen: pl.Series,
    blocks: NDArray[np.int64],
    classes: tuple[str, ...],
) -> tuple[tuple[Outcome, ...], tuple[Held, ...]]:
    import numpy as np
    import polars as pl

    if scored is None or label is None or scored.dtype == pl.String or len(classes) != 2:
        return (), ()
    distinct = frame[label].unique().to_list()
    words = [None if one is None else truth(one, classes) for one in distinct]
    known = frame[label].replace_strict(distinct, words, return_dtype=pl.Float64)
    counts = (unseen.fill_null(value=False) & known.is_not_null() & scored.is_not_null()).to_numpy()
    values, starts, labels = scored.to_numpy()[counts], blocks[counts], known.to_numpy()[counts]
    days = {
        int(start): DayRows(values[starts == start], labels[starts == start])
        for start in np.unique(starts)
    }
    outcomes = tuple(
        Outcome(
            block=start,
            rows=len(day.label),
            positives=float(day.label.sum()),
            scores=float(day.score.sum()),
        )
        for start, day in days.items()
    )
    found = {metric: judge_metric(metric, list(days.values())) for metric in JUDGED}
    held = tuple(
        Held(name=name, value=one.value, error=one.error, blocks=one.days, rows=one.rows)
        for name, one in found.items()
        if one is not None
    )
    return outcomes, held
