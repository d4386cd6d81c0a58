"""Rows of runs for tables, and which columns fit a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from lapwise.core.clock import MachineClock
from lapwise.core.ids import label
from lapwise.core.model import Metric, Param, Run, Scalar, Tag
from lapwise.core.tracked import RunSummary
from lapwise.store.model import Store
from lapwise.tracking.comparison import dataset_label
from lapwise.tracking.model import Columns, RunRow

__all__ = ["cells", "choose_columns", "headers", "line", "rows", "summary_rows"]

GAP = 2
TEXT = 16
PORTION = 100
"""Runs that are asked for at once by their ids."""
_BESIDE: tuple[tuple[int, tuple[str, ...]], ...] = (
    (2, ("name", "experiment")),
    (1, ("experiment",)),
    (0, ()),
)
"""From how many metrics and parameters on a table has room for what else; the first that has."""
_AGES = ((86_400, "d"), (3_600, "h"), (60, "m"))


def rows(store: Store, runs: Sequence[Run], *, now: int | None = None) -> tuple[RunRow, ...]:
    """Return what a table shows of runs, in the order given; one query a kind.

    Args:
        store: where the runs are.
        runs: as ``store.runs.list`` returned them.
        now: microseconds since 1970, for ``age``; default: this computer's clock.
    """
    ids = [run.id for run in runs]
    params = store.runs.params(ids)
    metrics = store.runs.metrics(ids)
    found = [RunSummary(run=run, params=params[run.id], metrics=metrics[run.id]) for run in runs]
    return summary_rows(store, found, now=now)


def summary_rows(
    store: Store, found: Sequence[RunSummary], *, now: int | None = None
) -> tuple[RunRow, ...]:
    """Return what a table shows of runs that a search found, in the order given.

    Args:
        store: where the runs are.
        found: as ``store.runs.search`` returned them.
        now: as of :func:`rows`.
    """
    at = MachineClock().timestamp() if now is None else now
    captures = [one.run.capture for one in found if one.run.capture]
    digests = {part.digest for capture in captures for part in capture.datasets}
    versions = {digest: dataset_label(store.datasets, digest) for digest in digests}
    numbers = _numbers(store, [one.run for one in found])
    return tuple(_row(one, at, versions, numbers) for one in found)


def _numbers(store: Store, runs: Sequence[Run]) -> dict[str, int]:
    """Return the numbers of the runs that some are parts of, those that may be seen."""
    known = {run.id: run.number for run in runs}
    asked = sorted({run.parent for run in runs if run.parent and run.parent not in known})
    for start in range(0, len(asked), PORTION):
        some = ", ".join(f"'{id}'" for id in asked[start : start + PORTION] if id.isalnum())
        if some:
            page = store.runs.search(f"id IN ({some})", columns=(), archived=None, limit=PORTION)
            known |= {one.run.id: one.run.number for one in page.items}
    return known


def _row(
    one: RunSummary, at: int, versions: Mapping[str, str], numbers: Mapping[str, int]
) -> RunRow:
    run = one.run
    return RunRow(
        run=run.id,
        number=run.number,
        experiment=run.experiment,
        name=run.name,
        status=run.status,
        age=max(0, at - run.started) / 1_000_000,
        metrics=one.metrics,
        params=one.params,
        data=tuple(versions[part.digest] for part in run.capture.datasets) if run.capture else (),
        code=_code(run),
        flags=run.capture.flags if run.capture else (),
        tags=one.tags,
        user=run.user,
        started=run.started,
        ended=run.ended,
        parent=run.parent,
        part_of=numbers.get(run.parent or "", 0),
    )


def line(row: RunRow, columns: Columns | None = None) -> str:
    """Return a run on one line, in the form the field thinks in, with what to beware of last.

    Args:
        row: the run.
        columns: which metrics and parameters; default: those that fit 80 characters.

    >>> line(RunRow(run="", number=43, experiment="e", name="", status="finished", age=60.0,
    ...             metrics=(Metric(name="auc", value=0.74),), params=(Param(name="lr", value=0.1),),
    ...             data=("v7",), code="a1b9c2", flags=()))
    'run 043  auc=0.74  lr=0.1  data=v7  code=a1b9c2'
    """
    head = [label("run", row.number)]
    tail = [f"data={_data(row)}"] if row.data else []
    tail += [f"code={row.code}"] if row.code else []
    tail += [row.status] if row.status != "finished" else []
    tail += [f"({', '.join(row.flags)})"] if row.flags else []
    if columns is not None:
        shown = _Texts(row)
        pairs = [
            *((name, shown.metrics.get(name, "")) for name in columns.metrics),
            *((name, shown.params.get(name, "")) for name in columns.params),
        ]
        return "  ".join([*head, *(f"{name}={value}" for name, value in pairs if value), *tail])
    room = 80 - len("  ".join([*head, *tail]))
    middle = []
    for name, value in _in_turns(row):
        text = f"{name}={value}"
        if len(text) + GAP <= room:
            room -= len(text) + GAP
            middle.append(text)
    return "  ".join([*head, *middle, *tail])


def choose_columns(listed: Sequence[RunRow], width: int = 80, *, extra: int = 0) -> Columns:
    """Return the metrics and parameters that fit beside the fixed columns.

    Those that differ between the listed runs come first, metrics and parameters in turns, the
    ones that most runs have before the others; what is too wide is passed over, and so is what
    the machine did (``system/...``). Where they would have no room, the runs' names are left out,
    then their experiments.

    Args:
        listed: the rows of the table.
        width: characters of a line, columns two apart.
        extra: characters that the table's owner needs for columns of its own.
    """
    turns = _turns(listed)
    chosen = Columns(metrics=(), params=())
    for least, beside in _BESIDE:
        none = Columns(metrics=(), params=(), beside=beside)
        room = width - extra + GAP - sum(size + GAP for size in _widths(listed, none))
        chosen = _fitting(turns, room, beside)
        if len(chosen.metrics) + len(chosen.params) >= min(least, len(turns)):
            break
    return chosen


def _turns(listed: Sequence[RunRow]) -> list[tuple[str, str, int]]:
    """Return kind, name and width of what may have a column, the best first."""
    metrics = _ranked([_chosen_metrics(row) for row in listed])
    params = _ranked([{one.name: one.value for one in row.params} for row in listed])
    return [
        pair
        for differing in (True, False)
        for pairs in zip_longest(
            [("metrics", name, size) for name, differs, size in metrics if differs is differing],
            [("params", name, size) for name, differs, size in params if differs is differing],
        )
        for pair in pairs
        if pair is not None
    ]


def _fitting(turns: Sequence[tuple[str, str, int]], room: int, beside: tuple[str, ...]) -> Columns:
    chosen: dict[str, list[str]] = {"metrics": [], "params": []}
    for kind, name, size in turns:
        if size + GAP <= room:
            room -= size + GAP
            chosen[kind].append(name)
    metrics, params = (tuple(chosen[kind]) for kind in ("metrics", "params"))
    return Columns(metrics=metrics, params=params, beside=beside)


def _chosen_metrics(row: RunRow) -> dict[str, Scalar]:
    """Return a run's metrics but those of the machine, which nobody asked for."""
    return {one.name: one.value for one in row.metrics if not one.name.startswith("system/")}


def headers(listed: Sequence[RunRow], columns: Columns) -> tuple[str, ...]:
    """Return the headings: of what no listed run has, none; ``experiment`` where there are several."""
    told = {
        "name": any(row.name for row in listed),
        "experiment": len({row.experiment for row in listed}) > 1,
    }
    fixed = ["run", *(name for name in told if told[name] and name in columns.beside)]
    fixed += ["status", "age", *columns.metrics, *columns.params]
    fixed += ["data"] if any(row.data for row in listed) else []
    fixed += ["code"] if any(row.code for row in listed) else []
    fixed += ["flags"] if any(row.flags for row in listed) else []
    return tuple(fixed)


def cells(listed: Sequence[RunRow], columns: Columns) -> tuple[tuple[str, ...], ...]:
    """Return the table's text, a tuple a row, in the order of :func:`headers`.

    The number of a run that is a part of another is behind a ``└``.
    """
    shown = headers(listed, columns)
    first = shown.index("age") + 1
    last = first + len(columns.metrics) + len(columns.params)
    table = []
    for row in listed:
        found = _Texts(row, columns)
        fixed = {
            "run": f"└ {row.number:03d}" if row.parent else f"{row.number:03d}",
            "name": _text(row.name),
            "experiment": _text(row.experiment),
            "status": row.status,
            "age": _age(row.age),
            "data": _data(row),
            "code": row.code,
            "flags": " ".join(row.flags),
        }
        table.append(
            (
                *(fixed[name] for name in shown[:first]),
                *(found.metrics.get(name, "") for name in columns.metrics),
                *(found.params.get(name, "") for name in columns.params),
                *(fixed[name] for name in shown[last:]),
            )
        )
    return tuple(table)


class _Texts:
    """What a row's values look like, by name; only the chosen ones where columns are given."""

    def __init__(self, row: RunRow, columns: Columns | None = None) -> None:
        self.metrics = _texts(row.metrics, None if columns is None else columns.metrics)
        self.params = _texts(row.params, None if columns is None else columns.params)


def _texts(named: Iterable[Metric | Param | Tag], chosen: Sequence[str] | None) -> dict[str, str]:
    wanted = None if chosen is None else set(chosen)
    return {one.name: _text(one.value) for one in named if wanted is None or one.name in wanted}


def _widths(listed: Sequence[RunRow], columns: Columns) -> list[int]:
    table = (headers(listed, columns), *cells(listed, columns))
    return [max(len(text) for text in column) for column in zip(*table, strict=True)]


def _ranked(listed: Sequence[Mapping[str, Scalar]]) -> list[tuple[str, bool, int]]:
    """Return names with whether they differ and how wide they are, what most rows have first."""
    values: dict[str, list[Scalar]] = {}
    for row in listed:
        for name, value in row.items():
            values.setdefault(name, []).append(value)
    ranked = []
    for name in sorted(values, key=lambda name: -len(values[name])):
        found = values[name]
        differs = len(found) < len(listed) or len(set(map(repr, found))) > 1
        ranked.append((name, differs, max(len(name), *(len(_text(one)) for one in found))))
    return ranked


def _in_turns(row: RunRow) -> list[tuple[str, str]]:
    """Return names and texts, metrics and parameters in turns."""
    found = _Texts(row)
    pairs = zip_longest(found.metrics.items(), found.params.items())
    return [one for pair in pairs for one in pair if one is not None]


def _text(value: Scalar) -> str:
    """Return four significant digits of a float, and at most 16 characters of a text."""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = " ".join(str(value).split())
    return text if len(text) <= TEXT else text[: TEXT - 1] + "…"


def _data(row: RunRow) -> str:
    """Return ``v7``, or each table's version where they differ."""
    return row.data[0] if len(set(row.data)) == 1 else ",".join(row.data)


def _code(run: Run) -> str:
    if run.capture is None:
        return ""
    name = run.capture.commit or run.capture.code or ""
    return name[:6] + ("+" if run.capture.dirty and name else "")


def _age(seconds: float) -> str:
    for size, unit in _AGES:
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
