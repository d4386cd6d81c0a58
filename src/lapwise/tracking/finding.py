"""Runs that a search found: a sequence to look through, a frame to compute with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from lapwise.core.clock import MachineClock
from lapwise.core.model import Metric, Param, Tag
from lapwise.tracking.table import line, summary_rows

if TYPE_CHECKING:
    import polars as pl

    from lapwise.store.model import Store
    from lapwise.tracking.model import RunRow

__all__ = ["FoundRuns", "find_runs"]

Ask: TypeAlias = Callable[[str], "FoundRuns"]

_PAGE = 1000
_SHOWN = 20


class FoundRuns(Sequence["RunRow"]):
    """Rows of runs in the order asked for; ``next`` is empty when there are no more.

    Args:
        rows: what was found.
        next: what asks for those after them.
        ask: asks; for :meth:`pages`.
    """

    def __init__(self, rows: Sequence[RunRow], next: str, ask: Ask) -> None:
        self._rows = tuple(rows)
        self._ask = ask
        self.next = next

    @overload
    def __getitem__(self, index: int) -> RunRow: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[RunRow, ...]: ...

    def __getitem__(self, index: int | slice) -> RunRow | tuple[RunRow, ...]:
        """Return a row, or some."""
        return self._rows[index]

    def __len__(self) -> int:
        """Return how many rows are here; more may follow in the store."""
        return len(self._rows)

    def __repr__(self) -> str:
        lines = [line(row) for row in self._rows[:_SHOWN]]
        if len(self) > _SHOWN:
            lines.append(f"… and {len(self) - _SHOWN} more here")
        if self.next:
            lines.append("… there are more: .pages()")
        return "\n".join(lines) or "no runs"

    def pages(self) -> Iterator[FoundRuns]:
        """Yield this page and those after it, each asked for when it is due."""
        page = self
        yield page
        while page.next:
            page = self._ask(page.next)
            yield page

    def frame(self) -> pl.DataFrame:
        """Return the rows as a Polars frame: one a run, values as ``params.NAME`` and so on.

        ``number``, ``run``, ``experiment``, ``name``, ``status``, ``user``, ``part_of`` (a run's
        number), ``started`` and ``ended`` (UTC), ``code``, ``data``, ``flags``, then a column for each metric, parameter and tag. A
        parameter that is a number in every run that has it is a number, else text.
        """
        import polars as pl

        fixed: dict[str, Any] = {
            "number": pl.Series([row.number for row in self], dtype=pl.Int64),
            "run": pl.Series([row.run for row in self], dtype=pl.String),
            "experiment": pl.Series([row.experiment for row in self], dtype=pl.String),
            "name": pl.Series([row.name for row in self], dtype=pl.String),
            "status": pl.Series([row.status for row in self], dtype=pl.String),
            "user": pl.Series([row.user for row in self], dtype=pl.String),
            "part_of": pl.Series([row.part_of or None for row in self], dtype=pl.Int64),
            "started": _times([row.started for row in self]),
            "ended": _times([row.ended for row in self]),
            "code": pl.Series([row.code for row in self], dtype=pl.String),
            "data": pl.Series([list(row.data) for row in self], dtype=pl.List(pl.String)),
            "flags": pl.Series([list(row.flags) for row in self], dtype=pl.List(pl.String)),
        }
        for kind, of in (
            ("metrics", [row.metrics for row in self]),
            ("params", [row.params for row in self]),
            ("tags", [row.tags for row in self]),
        ):
            fixed |= {f"{kind}.{name}": column for name, column in _columns(of).items()}
        return pl.DataFrame(fixed)


def find_runs(
    store: Callable[[], Store] | Store,
    where: str = "",
    *,
    experiments: Sequence[str] = (),
    order: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    archived: bool | None = False,
    limit: int = 100,
    after: str = "",
) -> FoundRuns:
    """Search runs; as ``store.runs.search``, but ``limit`` may be any number.

    Args:
        store: open, or a function that opens one; then each page opens and closes it.
        where: empty for all.
        experiments: names; empty for all.
        order: as ``metrics.auc DESC``; last and by default the newest first.
        columns: which of ``params.NAME``, ``metrics.NAME``, ``tags.NAME``, ``params``, ``metrics``,
            ``tags`` come with each run; None for all.
        archived: whether archived runs are looked for instead; None for both.
        limit: at most so many.
        after: ``next`` of what was found before, with the same other arguments.

    Raises:
        DeclarationError: the filter or the order cannot be read; says at which column.
    """

    def ask(after: str) -> FoundRuns:
        if callable(store):
            with store() as opened:
                return read(opened, after)
        return read(store, after)

    def read(opened: Store, after: str) -> FoundRuns:
        now = MachineClock().timestamp()
        found: list[RunRow] = []
        while len(found) < limit:
            page = opened.runs.search(
                where,
                experiments=experiments,
                order=order,
                columns=columns,
                archived=archived,
                limit=min(_PAGE, limit - len(found)),
                after=after,
            )
            found += summary_rows(opened, page.items, now=now)
            after = page.next
            if not after:
                break
        return FoundRuns(found, after, ask)

    return ask(after)


def _times(values: Sequence[int | None]) -> pl.Series:
    import polars as pl

    return pl.Series(values, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))


def _columns(of: Sequence[Sequence[Metric | Param | Tag]]) -> dict[str, pl.Series]:
    """Return a column for each name, sorted; None where a run has none."""
    import polars as pl

    found: dict[str, list[Any]] = {}
    for place, named in enumerate(of):
        for one in named:
            found.setdefault(one.name, [None] * len(of))[place] = one.value
    columns = {}
    for name in sorted(found):
        values = found[name]
        present = [value for value in values if value is not None]
        if all(isinstance(value, bool) for value in present):
            columns[name] = pl.Series(values, dtype=pl.Boolean)
        elif all(type(value) is int for value in present):
            columns[name] = pl.Series(values, dtype=pl.Int64)
        elif all(type(value) in (int, float) for value in present):
            columns[name] = pl.Series(
                [None if value is None else float(value) for value in values], dtype=pl.Float64
            )
        else:
            columns[name] = pl.Series(
                [None if value is None else str(value) for value in values], dtype=pl.String
            )
    return columns
