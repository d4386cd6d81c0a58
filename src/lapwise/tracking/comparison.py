"""Puts runs beside each other: what differs, and how much does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from lapwise.core.digest import Digest
from lapwise.core.errors import NotFoundError, TrackingError
from lapwise.core.model import Capture, Run, Scalar
from lapwise.store.model import Datasets, Store
from lapwise.tracking.model import Comparison, Difference, Same

__all__ = ["compare", "dataset_label"]

Values: TypeAlias = Mapping[str, Scalar]
SHOWN = 12


def compare(store: Store, runs: Sequence[str]) -> Comparison:
    """Compare runs, by id or number; one query a kind, however many runs there are.

    ``different`` is ordered by kind (parameters, metrics, code, data, packages, seed, environment,
    hardware), then by name. A run that was given twice counts once.

    Raises:
        NotFoundError: there is no such run.
        TrackingError: no run was given.
    """
    if not runs:
        raise TrackingError("nothing to compare", expected="at least one run, by number or id")
    found = tuple({run.id: run for run in map(store.runs.get, runs)}.values())
    different: list[Difference] = []
    same: list[Same] = []
    for kind, columns in _kinds(store, found):
        equal = 0
        for name in sorted(set().union(*columns)):
            values = tuple(column.get(name) for column in columns)
            if len({(type(value), repr(value)) for value in values}) == 1:
                equal += 1
            else:
                different.append(Difference(kind=kind, name=name, values=values))
        if equal:
            same.append(Same(kind=kind, count=equal))
    return Comparison(runs=found, different=tuple(different), same=tuple(same))


def dataset_label(datasets: Datasets, digest: Digest) -> str:
    """Return ``v7`` for a dataset version the store knows, else how its digest begins."""
    try:
        return f"v{datasets.get(digest).number}"
    except NotFoundError:
        return digest[:6]


def _kinds(store: Store, runs: Sequence[Run]) -> Iterator[tuple[str, Sequence[Values]]]:
    """Yield each kind with one mapping a run, in the order in which people ask."""
    ids = [run.id for run in runs]
    captures = [run.capture for run in runs]
    params = store.runs.params(ids)
    metrics = store.runs.metrics(ids)
    yield "param", [{one.name: one.value for one in params[run]} for run in ids]
    yield "metric", [{one.name: one.value for one in metrics[run]} for run in ids]
    yield "code", [_code(capture) for capture in captures]
    labels = {
        part.digest: dataset_label(store.datasets, part.digest)
        for capture in captures
        if capture
        for part in capture.datasets
    }
    yield "data", [_data(capture, labels) for capture in captures]
    lists = {
        digest: _packages(store, digest)
        for digest in {capture.packages for capture in captures if capture}
    }
    yield "package", [lists[capture.packages] if capture else {} for capture in captures]
    yield "seed", [_seed(capture) for capture in captures]
    yield "environment", [_environment(capture) for capture in captures]
    yield "hardware", [_hardware(capture) for capture in captures]


def _present(values: Values) -> Values:
    return {name: value for name, value in values.items() if value is not None}


def _short(digest: Digest | None) -> str | None:
    return digest[:SHOWN] if digest else None


def _code(capture: Capture | None) -> Values:
    if capture is None:
        return {}
    return _present(
        {
            "commit": _short(capture.commit),
            "patch": _short(capture.patch),
            "code": _short(capture.code),
        }
    )


def _seed(capture: Capture | None) -> Values:
    return {} if capture is None or capture.seed is None else {"seed": capture.seed}


def _data(capture: Capture | None, labels: Mapping[Digest, str]) -> Values:
    if capture is None:
        return {}
    versions = {part.name: labels[part.digest] for part in capture.datasets}
    return {
        **versions,
        **_present({"split": _short(capture.split), "frame": _short(capture.frame)}),
    }


def _packages(store: Store, digest: Digest) -> Values:
    lines = store.blobs.get(digest).decode().splitlines()
    return {name: version for name, _, version in (line.partition("==") for line in lines)}


def _environment(capture: Capture | None) -> Values:
    if capture is None:
        return {}
    threads = {one.name: one.value for one in capture.threads}
    return {"python": capture.python, "platform": capture.platform, **threads}


def _hardware(capture: Capture | None) -> Values:
    if capture is None:
        return {}
    return {"cpu": capture.cpu, "cores": capture.cores, "memory": capture.memory}
