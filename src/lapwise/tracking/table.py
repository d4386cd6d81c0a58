"""Rows of runs for tables, and which columns fit a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from lapwise.core.clock import MachineClock
from lapwise.core.ids import label
from lapwise.core.model import Metric, Param, Run, Scalar
from lapwise.store.model import Store
from lapwise.tracking.comparison import dataset_label
from lapwise.tracking.model import Columns, RunRow

__all__ = ["cells", "choose_columns", "headers", "line", "rows"]

GAP = 2
TEXT = 16
_AGES = ((86_400, "d"), (3_600, "h"), (60, "m"))


def rows(store: Store, runs: Sequence[Run], *, now: int | None = None) -> tuple[RunRow, ...]:
    """Return what a table shows of runs, in the order given; one query a kind.

    Args:
        store: where the runs are.
        runs: as ``store.runs.list`` returned them.
        now: microseconds since 1970, for ``age``; default: this computer's clock.
    """
    at = MachineClock().timestamp() if now is None else now
    ids = [run.id for run in runs]
    params = store.runs.params(ids)
    metrics = store.runs.metrics(ids)
    captures = [run.capture for run in runs if run.capture]
    digests = {part.digest for capture in captures for part in capture.datasets}
    versions = {digest: dataset_label(store.datasets, digest) for digest in digests}
    return tuple(
        RunRow(
            run=run.id,
            number=run.number,
            experiment=run.experiment,
            name=run.name,
            status=run.status,
            age=max(0, at - run.started) / 1_000_000,
            metrics=metrics[run.id],
            params=params[run.id],
            data=tuple(versions[part.digest] for part in run.capture.datasets)
            if run.capture
            else (),
            code=_code(run),
            flags=run.capture.flags if run.capture else (),
        )
        for run in runs
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
        pairs = [
            *((name, _metric(row, name)) for name in columns.metrics),
            *((name, _param(row, name)) for name in columns.params),
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


def choose_columns(listed: Sequence[RunRow], width: int = 80) -> Columns:
    """Return the metrics and parameters that fit beside the fixed columns.

    Those that differ between the listed runs come first, metrics and parameters in turns, the
    ones that most runs have before the others; what is too wide is passed over.

    Args:
        listed: the rows of the table.
        width: characters of a line, columns two apart.
    """
    none = Columns(metrics=(), params=())
    room = width + GAP - sum(size + GAP for size in _widths(listed, none))
    metrics = _ranked(listed, "metrics")
    params = _ranked(listed, "params")
    turns = [
        pair
        for differing in (True, False)
        for pairs in zip_longest(
            [("metrics", name) for name, differs in metrics if differs is differing],
            [("params", name) for name, differs in params if differs is differing],
        )
        for pair in pairs
        if pair is not None
    ]
    chosen: dict[str, list[str]] = {"metrics": [], "params": []}
    for kind, name in turns:
        value = _metric if kind == "metrics" else _param
        size = max(len(name), *(len(value(row, name)) for row in listed)) + GAP
        if size <= room:
            room -= size
            chosen[kind].append(name)
    return Columns(metrics=tuple(chosen["metrics"]), params=tuple(chosen["params"]))


def headers(listed: Sequence[RunRow], columns: Columns) -> tuple[str, ...]:
    """Return the headings; ``flags`` only when a listed run has one, ``data`` likewise."""
    fixed = ["run", "status", "age", *columns.metrics, *columns.params]
    fixed += ["data"] if any(row.data for row in listed) else []
    fixed += ["code"] if any(row.code for row in listed) else []
    fixed += ["flags"] if any(row.flags for row in listed) else []
    return tuple(fixed)


def cells(listed: Sequence[RunRow], columns: Columns) -> tuple[tuple[str, ...], ...]:
    """Return the table's text, a tuple a row, in the order of :func:`headers`."""
    shown = headers(listed, columns)
    table = []
    for row in listed:
        texts = [f"{row.number:03d}", row.status, _age(row.age)]
        texts += [_metric(row, name) for name in columns.metrics]
        texts += [_param(row, name) for name in columns.params]
        fixed = len(texts)
        last = {"data": _data(row), "code": row.code, "flags": " ".join(row.flags)}
        texts += [last[name] for name in shown[fixed:]]
        table.append(tuple(texts))
    return tuple(table)


def _widths(listed: Sequence[RunRow], columns: Columns) -> list[int]:
    table = (headers(listed, columns), *cells(listed, columns))
    return [max(len(text) for text in column) for column in zip(*table, strict=True)]


def _ranked(listed: Sequence[RunRow], kind: str) -> list[tuple[str, bool]]:
    """Return names with whether they differ, those that most rows have first."""
    values: dict[str, list[str]] = {}
    for row in listed:
        for one in row.metrics if kind == "metrics" else row.params:
            values.setdefault(one.name, []).append(repr(one.value))
    ranked = sorted(values, key=lambda name: -len(values[name]))
    return [
        (name, len(set(values[name])) > 1 or len(values[name]) < len(listed)) for name in ranked
    ]


def _in_turns(row: RunRow) -> list[tuple[str, str]]:
    """Return names and texts, metrics and parameters in turns."""
    metrics = [(one.name, _text(one.value)) for one in row.metrics]
    params = [(one.name, _text(one.value)) for one in row.params]
    pairs = zip_longest(metrics, params)
    return [one for pair in pairs for one in pair if one is not None]


def _metric(row: RunRow, name: str) -> str:
    return _find(row.metrics, name)


def _param(row: RunRow, name: str) -> str:
    return _find(row.params, name)


def _find(named: Sequence[Metric] | Sequence[Param], name: str) -> str:
    for one in named:
        if one.name == name:
            return _text(one.value)
    return ""


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
