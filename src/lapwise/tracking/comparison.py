"""Puts runs beside each other: what differs, and how much does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from lapwise.core.digest import Digest
from lapwise.core.errors import NotFoundError, TrackingError
from lapwise.core.model import Capture, Run, Scalar
from lapwise.store.model import Datasets, Store
from lapwise.tracking.explained import explained
from lapwise.tracking.model import Comparison, Difference, Same

__all__ = ["compare", "dataset_label"]

Values: TypeAlias = Mapping[str, Scalar]
SHOWN = 12
FEW = 8
PAGE = 100
ENOUGH = 6
"""From so many runs on it can be told what explains a metric."""

# Measured beside the training: how long it took, what the machine did.
_ASIDE = ("system", "fit_seconds", "refit_seconds", "epoch_seconds", "rows_per_second")
_LIKED = ("auc", "accuracy", "f1", "r2", "score", "precision", "log_loss", "loss", "rmse", "mae")


def compare(
    store: Store, runs: Sequence[str], *, metric: str | None = None, system: bool = False
) -> Comparison:
    """Compare runs, by id or number; one query a kind, however many runs there are.

    ``different`` is ordered by kind (parameters, metrics, code, data, packages, seed, environment,
    hardware), then by name. From six runs on the causes come first, those that explain most of a
    metric before the others, and the metrics last. A run that was given twice counts once.

    Args:
        store: where the runs are.
        runs: ids or numbers.
        metric: what to rank causes by; empty for none; default: the likeliest of those that most
            runs have.
        system: whether to list how busy the machine was (``system/…``) too; else those that differ
            are counted in ``folded``.

    Raises:
        NotFoundError: there is no such run.
        TrackingError: no run was given, or none has the metric.
    """
    if not runs:
        raise TrackingError("nothing to compare", expected="at least one run, by number or id")
    found = _resolved(store, runs)
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
    folded = [] if system else [one for one in different if _is_folded(one, metric)]
    different = [one for one in different if one not in folded] if folded else different
    by = _metric_to_explain(different, len(found)) if metric is None else metric
    if by:
        different = _ranked(different, by)
    return Comparison(
        runs=found, different=tuple(different), same=tuple(same), metric=by, folded=len(folded)
    )


def dataset_label(datasets: Datasets, digest: Digest) -> str:
    """Return ``v7`` for a dataset version the store knows, else how its digest begins."""
    try:
        return f"v{datasets.get(digest).number}"
    except NotFoundError:
        return digest[:6]


def _resolved(store: Store, references: Sequence[str]) -> tuple[Run, ...]:
    """Return runs in the order given, each once; a search a hundred where there are many."""
    known: dict[str, Run] = {}
    if len(references) > FEW:
        numbers = [one for one in references if one.isascii() and one.isdecimal()]
        ids = [one for one in references if one.isascii() and one.isalnum() and one not in numbers]
        filters = [
            *(f"number IN ({', '.join(some)})" for some in _some(numbers)),
            *("id IN (" + ", ".join(f"'{one}'" for one in some) + ")" for some in _some(ids)),
        ]
        for where in filters:
            for one in store.runs.search(where, columns=(), archived=None, limit=PAGE).items:
                known |= {one.run.id: one.run, str(one.run.number): one.run}
    asked = (known.get(one) or store.runs.get(one) for one in references)
    return tuple({run.id: run for run in asked}.values())


def _some(references: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(references), PAGE):
        yield references[start : start + PAGE]


def _metric_to_explain(different: Sequence[Difference], runs: int) -> str:
    """Return the metric that people most likely judge these runs by; empty where none can be."""
    if runs < ENOUGH:
        return ""
    measured = [one for one in different if one.kind == "metric" and _known(one.values) >= ENOUGH]
    aside = [one for one in measured if not one.name.startswith(_ASIDE)] or measured
    ranked = sorted(aside, key=lambda one: (-_known(one.values), _liked(one.name), one.name))
    return ranked[0].name if ranked else ""


def _is_folded(one: Difference, metric: str | None) -> bool:
    return one.kind == "metric" and one.name.startswith("system/") and one.name != metric


def _known(values: Sequence[Scalar]) -> int:
    return sum(value is not None for value in values)


def _liked(name: str) -> int:
    return next((at for at, word in enumerate(_LIKED) if word in name.lower()), len(_LIKED))


def _ranked(different: Sequence[Difference], metric: str) -> list[Difference]:
    """Return causes by how much of a metric they explain, then the metrics, that one first."""
    outcome = [one for one in different if (one.kind, one.name) == ("metric", metric)]
    if not outcome:
        raise TrackingError(
            "no metric of that name differs between these runs",
            value=metric,
            expected=", ".join(one.name for one in different if one.kind == "metric")[:200]
            or "a metric that the runs logged",
        )
    causes = [
        msgspec.structs.replace(one, explains=explained(one.values, outcome[0].values))
        for one in different
        if one.kind != "metric"
    ]
    causes.sort(key=lambda one: -1.0 if one.explains is None else one.explains, reverse=True)
    others = [one for one in different if one.kind == "metric" and one.name != metric]
    return [*causes, *outcome, *others]


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
    versions: dict[str, list[str]] = {}
    for part in capture.datasets:  # a lap names them as table@v7, and what differs is the version
        versions.setdefault(part.name.partition("@v")[0], []).append(labels[part.digest])
    return {
        **{table: ", ".join(dict.fromkeys(found)) for table, found in versions.items()},
        **_present({"split": _short(capture.split), "frame": _short(capture.frame)}),
    }


def _packages(store: Store, digest: Digest) -> Values:
    lines = store.blobs.get(digest).decode().splitlines()
    pairs = (line.partition("==") for line in lines)
    return {name: version.split()[0] for name, _, version in pairs if version.strip()}


def _environment(capture: Capture | None) -> Values:
    if capture is None:
        return {}
    threads = {one.name: one.value for one in capture.threads}
    return {"python": capture.python, "platform": capture.platform, **threads}


def _hardware(capture: Capture | None) -> Values:
    if capture is None:
        return {}
    return {"cpu": capture.cpu, "cores": capture.cores, "memory": capture.memory}
