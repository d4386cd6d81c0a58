"""Evidence as checked NumPy arrays: the rows, labels and scores that one gate looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lapwise.core.errors import GateError
from lapwise.core.evidence import Evidence, Task, Values
from lapwise.gates.metrics import Metric
from lapwise.gates.model import Undecided

__all__ = ["Sample", "read"]

_MOST_BLOCKS = 400
"""Beyond this, blocks are dealt into this many groups; see :func:`_block_codes`."""


@dataclass(frozen=True)
class Sample:
    """Rows with what the gate needs of them; every array has one entry a row.

    ``labels`` is bool (binary), int64 class codes (multiclass) or float64 (regression); ``scores``
    are float64, shape ``(rows,)`` or ``(rows, classes)``; ``blocks`` are codes from 0.
    """

    task: Task
    labels: NDArray[np.generic]
    scores: Mapping[str, NDArray[np.float64]]
    thresholds: Mapping[str, float]
    blocks: NDArray[np.int64]
    slices: Mapping[str, NDArray[np.str_]]
    seed: int

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return len(self.labels)

    def take(self, mask: NDArray[np.bool_]) -> Sample:
        """Return the rows where ``mask`` holds."""
        return replace(
            self,
            labels=self.labels[mask],
            scores={who: values[mask] for who, values in self.scores.items()},
            blocks=self.blocks[mask],
            slices={name: values[mask] for name, values in self.slices.items()},
        )


def read(
    evidence: Evidence,
    metric: Metric,
    whom: Sequence[str],
    *,
    by: str | None = None,
    comparable: bool = True,
) -> Sample:
    """Return the rows on which ``whom`` can be judged by ``metric``, sliced by column ``by``.

    A comparison with ``production`` sees only the rows that the evidence says are comparable,
    unless ``comparable`` is false.

    Raises:
        Undecided: a model is absent, or its scores cannot give the metric.
        GateError: the evidence contradicts itself, as columns of different lengths do.
    """
    rows = len(evidence.labels)
    if evidence.task not in metric.tasks:
        raise Undecided(
            "failed", f"{metric.name} is not a metric of a {evidence.task} model.", rows=rows
        )
    scores = {who: _scores(evidence, who, rows) for who in whom}
    if metric.needs_threshold and evidence.task == "binary":
        for who in whom:
            if who not in evidence.thresholds:
                raise Undecided(
                    "failed",
                    f"{metric.name} needs decisions, and {_named(who)} has no threshold.",
                    rows=rows,
                )
    sample = Sample(
        task=evidence.task,
        labels=_labels(evidence),
        scores=scores,
        thresholds=evidence.thresholds,
        blocks=_block_codes(_column("blocks", evidence.blocks, rows), evidence.seed),
        slices={} if by is None else {by: _slice(evidence, by, rows)},
        seed=evidence.seed,
    )
    if comparable and "production" in whom and evidence.comparable is not None:
        sample = _comparable(sample, _column("comparable", evidence.comparable, rows))
    for who in whom:
        _check_finite(who, sample.scores[who])
    return sample


def _comparable(sample: Sample, marked: NDArray[np.generic]) -> Sample:
    if not marked.any():
        raise Undecided(
            "cannot_tell",
            "No test row lies after the end of both models' training, so a comparison would "
            "favour the one that has seen the answers; newer labels are needed.",
            rows=0,
        )
    return sample.take(marked.astype(bool))


def _scores(evidence: Evidence, who: str, rows: int) -> NDArray[np.float64]:
    if who not in evidence.scores:
        if who == "production":
            raise Undecided("not_applicable", "There is no production version to compare with.")
        raise Undecided("failed", f"There are no scores of {_named(who)}, so nothing was measured.")
    try:
        scores = np.asarray(evidence.scores[who], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise GateError(
            f"the scores of {_named(who)} are not numbers", expected="one float a row"
        ) from error
    classes = len(evidence.classes)
    shape = (rows, classes) if evidence.task == "multiclass" else (rows,)
    if scores.shape != shape:
        raise GateError(
            f"the scores of {_named(who)} do not fit the labels",
            value=scores.shape,
            expected=f"shape {shape}",
        )
    return scores


def _check_finite(who: str, scores: NDArray[np.float64]) -> None:
    finite = np.isfinite(scores)
    bad = len(scores) - int(np.count_nonzero(finite.all(axis=1) if finite.ndim == 2 else finite))
    if bad:
        raise Undecided(
            "failed",
            f"{_named(who).capitalize()} gave no finite score for {bad} of {len(scores)} rows.",
            rows=len(scores),
        )


def _labels(evidence: Evidence) -> NDArray[np.generic]:
    labels = np.asarray(evidence.labels)
    if evidence.task == "regression":
        numbers: NDArray[np.float64] = labels.astype(np.float64)
        if not np.isfinite(numbers).all():
            raise GateError("labels hold values that are not finite", expected="numbers")
        return numbers
    if evidence.task == "binary" and labels.dtype.kind in "biuf":
        if not np.isin(labels, (0, 1)).all():
            raise GateError(
                "binary labels hold something else than no and yes", expected="0 and 1, or booleans"
            )
        return labels.astype(bool)
    codes = _class_codes(labels, evidence.classes)
    return codes.astype(bool) if evidence.task == "binary" else codes


def _class_codes(labels: NDArray[np.generic], classes: tuple[str, ...]) -> NDArray[np.int64]:
    if labels.dtype.kind == "f" and (labels == np.floor(labels.astype(np.float64))).all():
        labels = labels.astype(np.int64)
    names, inverse = np.unique(labels.astype(str), return_inverse=True)
    place = {name: code for code, name in enumerate(classes)}
    unknown = [str(name) for name in names if name not in place]
    if unknown:
        count = int(np.isin(labels.astype(str), unknown).sum())
        raise Undecided(
            "failed",
            f"{count} rows are of a class the model does not know: {', '.join(unknown[:5])}.",
            rows=len(labels),
        )
    codes = np.array([place[str(name)] for name in names], dtype=np.int64)
    return codes.take(inverse)


def _column(what: str, values: Values, rows: int) -> NDArray[np.generic]:
    column = np.asarray(values)
    if column.shape != (rows,):
        raise GateError(
            f"the evidence's {what} do not fit its labels",
            value=column.shape,
            expected=f"shape ({rows},)",
        )
    return column


def _slice(evidence: Evidence, by: str, rows: int) -> NDArray[np.str_]:
    if by not in evidence.slices:
        known = ", ".join(sorted(evidence.slices)) or "none"
        raise Undecided(
            "failed", f"The evidence has no column '{by}' to slice by (it has {known})."
        )
    return _column(f"slices '{by}'", evidence.slices[by], rows).astype(str)


def _block_codes(blocks: NDArray[np.generic], seed: int) -> NDArray[np.int64]:
    """Number the blocks from 0, at most ``_MOST_BLOCKS`` of them.

    Groups of independent blocks are independent blocks too, so many small ones are dealt at random
    into equally many each; 400 give the standard error to 4 %, at a cost that no longer grows.
    """
    if blocks.dtype.kind == "O":
        blocks = blocks.astype(str)
    found, inverse = np.unique(blocks, return_inverse=True)
    groups = np.arange(len(found))
    if len(found) > _MOST_BLOCKS:
        groups = np.random.default_rng(seed).permutation(groups) % _MOST_BLOCKS
    codes: NDArray[np.int64] = groups[np.asarray(inverse)]
    return codes


def _named(who: str) -> str:
    return f"the {who}"
