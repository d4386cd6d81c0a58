"""The prediction log as a table: one row a prediction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lapwise.core.prediction import Answer, Answered, LogEntry

if TYPE_CHECKING:
    import polars as pl

__all__ = ["prediction_frame"]


def prediction_frame(entries: Iterable[LogEntry]) -> pl.DataFrame:
    """Return one row a prediction of the answered requests among the entries.

    Columns: ``prediction_id``, ``request``, ``place``, ``at`` (microseconds), ``revision``, ``row``,
    ``unit``, ``arm``, ``version``, ``looked_up``, ``score`` (Float64, or a list of them), then
    ``input:NAME`` for each column that a request carried and ``feature:NAME`` for each model input,
    null where a request or a version had none.
    """
    import polars as pl

    table = _Table()
    for entry in entries:
        if isinstance(entry, Answered):
            for answer in entry.answers:
                table.add(entry, answer)
    fixed = pl.DataFrame(table.fixed, strict=False)
    ids = pl.format("{}.{}", "request", "place").alias("prediction_id")
    columns = [pl.Series(name, values, strict=False) for name, values in table.padded().items()]
    return fixed.select(ids, pl.all()).with_columns(columns)


class _Table:
    """Columns as they grow; those that came late or rest are filled with None."""

    def __init__(self) -> None:
        self.fixed: dict[str, list[Any]] = {name: [] for name in _FIXED_NAMES}
        self._free: dict[str, list[Any]] = {}
        self._rows = 0

    def add(self, entry: Answered, answer: Answer) -> None:
        """Add what one arm answered of one request."""
        places = answer.places
        count = len(places)
        fixed = self.fixed
        fixed["request"] += [entry.request] * count
        fixed["place"] += places
        fixed["at"] += [entry.at] * count
        fixed["revision"] += [entry.revision] * count
        fixed["row"] += _at(entry.rows, places)
        fixed["unit"] += _at(entry.units, places)
        fixed["arm"] += [answer.arm] * count
        fixed["version"] += [answer.version] * count
        fixed["looked_up"] += [entry.looked_up] * count
        fixed["score"] += answer.scores
        for name, values in entry.inputs.items():
            self._extend(f"input:{name}", _at(values, places))
        for name, values in answer.features.items():
            self._extend(f"feature:{name}", values)
        self._rows += count

    def padded(self) -> dict[str, list[Any]]:
        """Return the inputs and features, all of one length."""
        for values in self._free.values():
            values.extend([None] * (self._rows - len(values)))
        return self._free

    def _extend(self, name: str, values: Any) -> None:
        column = self._free.setdefault(name, [])
        if len(column) < self._rows:
            column += [None] * (self._rows - len(column))
        column += values


_FIXED_NAMES = (
    *("request", "place", "at", "revision", "row", "unit", "arm", "version", "looked_up", "score"),
)


def _at(values: Any, places: tuple[int, ...]) -> Any:
    """Return the values of some places; a request without them has empty text."""
    if not values:
        return [""] * len(places)
    if len(places) == len(values):
        return values
    return [values[place] for place in places]
