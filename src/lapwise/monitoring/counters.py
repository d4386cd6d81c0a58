"""Exact counts of what each version answered, by hour, on its reference's frozen bins.

Rows are buffered and placed in bins many at once, so that a request costs little more than a few
list operations. Counts add up, so it does not matter when the buffer is emptied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lapwise.core.observation import HourCounts
from lapwise.monitoring.bins import place
from lapwise.monitoring.days import DAY, HOUR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lapwise.core.prediction import Answer, Answered
    from lapwise.monitoring.reference import Reference

__all__ = ["Counters"]

_BUFFERED = 8_192


class Counters:
    """Counts by (version, hour, bin); requests with one id count once, which the caller sees to.

    Args:
        model: the model's name.
        reference_of: a version's reference; without one (None) its rows are counted, and no bins.
    """

    def __init__(self, model: str, reference_of: Callable[[str], Reference | None]) -> None:
        self._model = model
        self._reference_of = reference_of
        self._layouts: dict[str, _Layout] = {}
        self._buffers: dict[str, _Buffer] = {}
        self._hours: dict[tuple[int, str], _Hour] = {}
        self._changed: set[tuple[int, str]] = set()

    def add(self, entry: Answered) -> None:
        """Count every row of one request under the version that answered it, and the failures."""
        hour = entry.at // HOUR * HOUR
        for answer in entry.answers:
            buffer = self._buffers.get(answer.version)
            if buffer is None:
                layout = self._layout(answer.version)
                buffer = self._buffers[answer.version] = _Buffer(layout)
            buffer.add(hour, answer)
            if buffer.rows >= _BUFFERED:
                self._empty(answer.version)
        for failure in entry.failures:
            self._hour(hour, failure.version).failures += 1
        if entry.unseen and entry.answers:
            first = next(
                (one for one in entry.answers if one.arm == "production"), entry.answers[0]
            )
            unseen = self._hour(hour, first.version).unseen
            for column, count in entry.unseen.items():
                unseen[column] = unseen.get(column, 0) + count

    def changed(self, before: int | None = None) -> tuple[HourCounts, ...]:
        """Return the hours that changed since they were last returned, in order of time.

        ``before`` leaves later hours for another time.
        """
        self.empty()
        due = sorted(key for key in self._changed if before is None or key[0] < before)
        self._changed.difference_update(due)
        return tuple(self._record(*key) for key in due)

    def day(self, version: str, day: int) -> dict[str, NDArray[np.int64]]:
        """Return a version's counts of one day by column (``score`` among them); empty if none."""
        self.empty()
        found = [self._hours.get((hour, version)) for hour in range(day, day + DAY, HOUR)]
        vectors = [one.vector for one in found if one is not None and one.rows]
        if not vectors:
            return {}
        return self._layout(version).parts(sum(vectors[1:], start=vectors[0]))

    def forget(self, before: int) -> None:
        """Drop the hours before an instant; what comes late for them is counted as a new hour."""
        self.empty()
        for key in [key for key in self._hours if key[0] < before and key not in self._changed]:
            del self._hours[key]

    def empty(self) -> None:
        """Place all buffered rows in their bins."""
        for version in list(self._buffers):
            self._empty(version)

    def _empty(self, version: str) -> None:
        for hour, vector, rows in self._buffers.pop(version).count():
            found = self._hour(hour, version)
            found.vector = found.vector + vector
            found.rows += rows

    def _layout(self, version: str) -> _Layout:
        if version not in self._layouts:
            self._layouts[version] = _Layout(self._reference_of(version))
        return self._layouts[version]

    def _hour(self, hour: int, version: str) -> _Hour:
        key = (hour, version)
        self._changed.add(key)
        if key not in self._hours:
            self._hours[key] = _Hour(self._layout(version).width)
        return self._hours[key]

    def _record(self, hour: int, version: str) -> HourCounts:
        found = self._hours[hour, version]
        parts = self._layout(version).parts(found.vector)
        return HourCounts(
            model=self._model,
            version=version,
            hour=hour,
            rows=found.rows,
            bins={name: tuple(counts.tolist()) for name, counts in parts.items()},
            unseen=dict(sorted(found.unseen.items())),
            failures=found.failures,
        )


class _Layout:
    """Where each column's bins lie in one flat vector of counts."""

    def __init__(self, reference: Reference | None) -> None:
        self.columns = () if reference is None else tuple(one.bins for one in reference.counted)
        # The score's bins are the last.
        self.scored = reference is not None and reference.score is not None
        self.classes = () if reference is None else reference.classes
        self.width = sum(bins.size for bins in self.columns)

    def parts(self, vector: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """Return the counts by column."""
        found, start = {}, 0
        for bins in self.columns:
            found[bins.name] = vector[start : start + bins.size]
            start += bins.size
        return found


class _Hour:
    """One version's counts of one hour."""

    __slots__ = ("failures", "rows", "unseen", "vector")

    def __init__(self, width: int) -> None:
        import numpy as np

        self.vector: NDArray[np.int64] = np.zeros(width, dtype=np.int64)
        self.rows = 0
        self.failures = 0
        self.unseen: dict[str, int] = {}


class _Buffer:
    """Rows of one version that wait to be placed."""

    def __init__(self, layout: _Layout) -> None:
        features = layout.columns[:-1] if layout.scored else layout.columns
        self._layout = layout
        self._columns: list[tuple[str, list[Any]]] = [(bins.name, []) for bins in features]
        self._scores: list[Any] = []
        self._hours: list[tuple[int, int]] = []
        self.rows = 0

    def add(self, hour: int, answer: Answer) -> None:
        """Keep the rows of an answer; a feature that it does not have is missing."""
        count = len(answer.places)
        self._hours.append((hour, count))
        self.rows += count
        for name, values in self._columns:
            values.extend(answer.features.get(name) or [None] * count)
        if self._layout.scored:
            self._scores.extend(answer.scores)

    def count(self) -> Iterable[tuple[int, NDArray[np.int64], int]]:
        """Yield for each hour the counts of all bins, and the number of rows."""
        import numpy as np

        hours = np.array([hour for hour, _ in self._hours], dtype=np.int64)
        counts = np.array([count for _, count in self._hours], dtype=np.int64)
        distinct, owner = np.unique(hours, return_inverse=True)
        rows = np.bincount(owner, weights=counts, minlength=len(distinct)).astype(np.int64)
        owners = np.repeat(owner, counts)
        tables = []
        values = [one for _, one in self._columns]
        if self._layout.scored:
            values.append(_most_likely(self._scores, self._layout.classes))
        for bins, column in zip(self._layout.columns, values, strict=True):
            flat = owners * bins.size + place(bins, column)
            table = np.bincount(flat, minlength=len(distinct) * bins.size)
            tables.append(table.reshape(len(distinct), bins.size))
        empty = np.zeros((len(distinct), 0), dtype=np.int64)
        whole = np.concatenate([empty, *tables], axis=1).astype(np.int64)
        yield from zip(distinct.tolist(), whole, rows.tolist(), strict=True)


def _most_likely(scores: list[Any], classes: tuple[str, ...]) -> list[Any]:
    """Return the score itself, or of several classes the name of the most likely one."""
    if not scores or not isinstance(scores[0], list | tuple):
        return scores
    names = classes or tuple(str(place) for place in range(len(scores[0])))
    return [names[max(range(len(row)), key=row.__getitem__)] for row in scores]
