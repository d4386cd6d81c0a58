"""Metrics as functions of block weights, so that a thousand resamples cost a few matrix products.

A resample draws blocks with replacement; a block drawn twice counts twice. Metrics that are ratios
of sums need only each block's sums: ``weights @ sums``. The area under the ROC curve needs, for
each pair of blocks, how many (positive, negative) pairs are in order: a bilinear form of the
weights. Average precision needs, at each
positive's score, how many rows of each block are at least as high.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lapwise.gates.sample import Sample

__all__ = ["Statistic", "count_hits", "statistic"]

Floats: TypeAlias = NDArray[np.float64]

Statistic: TypeAlias = Callable[[Floats], Floats]
"""Weights, shape ``(resamples, blocks)``, to values, shape ``(resamples,)``; NaN if undefined."""

_BINS = 10
_CHUNK = 500


def statistic(metric: str, sample: Sample, who: str, blocks: int) -> Statistic:
    """Return ``metric`` of the model ``who`` as a function of block weights."""
    scores = sample.scores[who]
    codes = sample.blocks
    if sample.task == "regression":
        return _regression(metric, sample.labels.astype(np.float64), scores, codes, blocks)
    if sample.task == "multiclass":
        return _multiclass(metric, sample.labels.astype(np.int64), scores, codes, blocks)
    labels = sample.labels.astype(bool)
    if metric == "roc_auc":
        return _roc_auc(labels, scores, codes, blocks)
    if metric == "average_precision":
        return _average_precision(labels, scores, codes, blocks)
    if metric == "log_loss":
        return _mean(_log_loss(np.where(labels, scores, 1 - scores)), codes, blocks)
    if metric == "brier":
        return _mean((scores - labels) ** 2, codes, blocks)
    if metric == "calibration_error":
        return _calibration_error(labels, scores, codes, blocks)
    numerator, denominator = _decisions(metric, labels, scores >= sample.thresholds[who])
    return _ratio(numerator, denominator, codes, blocks)


def count_hits(metric: str, sample: Sample, who: str) -> tuple[int, int] | None:
    """Return (hits, trials) of a metric that is a share of rows, and None for any other."""
    if sample.task == "multiclass" and metric == "accuracy":
        hits = sample.scores[who].argmax(axis=1) == sample.labels
        return int(hits.sum()), sample.rows
    if sample.task != "binary" or metric not in _SHARES:
        return None
    chosen = sample.scores[who] >= sample.thresholds[who]
    numerator, denominator = _decisions(metric, sample.labels.astype(bool), chosen)
    return int(numerator.sum()), int(denominator.sum())


_SHARES = {
    *("accuracy", "precision", "recall"),
    *("true_positive_rate", "false_positive_rate", "selection_rate"),
}


def _decisions(
    metric: str, labels: NDArray[np.bool_], chosen: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return numerator and denominator of each row for a metric of decisions."""
    everyone = np.ones(len(labels), dtype=bool)
    parts: dict[str, tuple[NDArray[np.generic], NDArray[np.generic]]] = {
        "accuracy": (labels == chosen, everyone),
        "precision": (labels & chosen, chosen),
        "recall": (labels & chosen, labels),
        "true_positive_rate": (labels & chosen, labels),
        "false_positive_rate": (~labels & chosen, ~labels),
        "selection_rate": (chosen, everyone),
        "f1": (2.0 * (labels & chosen), labels.astype(float) + chosen),
    }
    numerator, denominator = parts[metric]
    return numerator.astype(np.float64), denominator.astype(np.float64)


def _sums(values: Floats, codes: NDArray[np.int64], blocks: int) -> Floats:
    sums: Floats = np.bincount(codes, weights=values, minlength=blocks).astype(np.float64)
    return sums


def _ratio(
    numerator: Floats, denominator: Floats, codes: NDArray[np.int64], blocks: int
) -> Statistic:
    above = _sums(numerator, codes, blocks)
    below = _sums(denominator, codes, blocks)
    return lambda weights: _divide(weights @ above, weights @ below)


def _mean(values: Floats, codes: NDArray[np.int64], blocks: int) -> Statistic:
    return _ratio(values, np.ones(len(values)), codes, blocks)


def _divide(above: Floats, below: Floats) -> Floats:
    ratio: Floats = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _log_loss(probability: Floats) -> Floats:
    """Return the loss of each row, clipped as scikit-learn clips."""
    smallest = np.finfo(np.float64).eps
    loss: Floats = -np.log(np.clip(probability, smallest, 1 - smallest))
    return loss


def _roc_auc(
    labels: NDArray[np.bool_], scores: Floats, codes: NDArray[np.int64], blocks: int
) -> Statistic:
    """Mann-Whitney: the share of (positive, negative) pairs in order, ties counting half."""
    order = np.argsort(scores[labels], kind="stable")
    positive, positive_codes = scores[labels][order], codes[labels][order]
    negative, negative_codes = scores[~labels], codes[~labels]
    by_block = np.lexsort((negative, negative_codes))
    edges = np.searchsorted(negative_codes[by_block], np.arange(blocks + 1))
    wins = np.zeros((blocks, blocks))
    for block in range(blocks):
        rivals = negative[by_block[edges[block] : edges[block + 1]]]
        if len(rivals):
            below = rivals.searchsorted(positive, "left") + rivals.searchsorted(positive, "right")
            wins[:, block] = _sums(below / 2, positive_codes, blocks)
    positives = np.bincount(positive_codes, minlength=blocks)
    negatives = np.bincount(negative_codes, minlength=blocks)

    def value(weights: Floats) -> Floats:
        pairs = (weights @ positives) * (weights @ negatives)
        return _divide(((weights @ wins) * weights).sum(axis=1), pairs)

    return value


def _average_precision(
    labels: NDArray[np.bool_], scores: Floats, codes: NDArray[np.int64], blocks: int
) -> Statistic:
    """Precision at each distinct score that has a positive, weighted by the recall gained there."""
    hits = np.unique(-scores[labels])
    # For each block, its scores in falling order: a search counts how many are at least a score.
    everyone = [np.sort(-scores[codes == block]) for block in range(blocks)]
    positive = [np.sort(-scores[labels & (codes == block)]) for block in range(blocks)]

    def value(weights: Floats) -> Floats:
        found = np.zeros(len(weights))
        before = np.zeros((len(weights), 1))
        for start in range(0, len(hits), _CHUNK):
            at = hits[start : start + _CHUNK]
            true = weights @ np.stack([own.searchsorted(at, "right") for own in positive])
            chosen = weights @ np.stack([own.searchsorted(at, "right") for own in everyone])
            gained = np.diff(true, axis=1, prepend=before)
            found += (gained * true / np.maximum(chosen, 1)).sum(axis=1)
            before = true[:, -1:]
        return _divide(found, before[:, 0])

    return value


def _calibration_error(
    labels: NDArray[np.bool_], scores: Floats, codes: NDArray[np.int64], blocks: int
) -> Statistic:
    """Mean gap between forecast and outcome over bins fixed on all rows."""
    edges = np.quantile(scores, np.linspace(0, 1, _BINS + 1)[1:-1])
    cell = codes * _BINS + np.searchsorted(edges, scores, side="left")
    gaps = np.bincount(cell, weights=scores - labels, minlength=blocks * _BINS)
    rows = np.bincount(codes, minlength=blocks)
    by_bin = gaps.reshape(blocks, _BINS)
    return lambda weights: _divide(np.abs(weights @ by_bin).sum(axis=1), weights @ rows)


def _regression(
    metric: str, labels: Floats, values: Floats, codes: NDArray[np.int64], blocks: int
) -> Statistic:
    if metric == "mae":
        return _mean(np.abs(labels - values), codes, blocks)
    squared = _mean((labels - values) ** 2, codes, blocks)
    if metric == "rmse":
        return lambda weights: np.sqrt(squared(weights))
    centred = labels - labels.mean()  # the variance is a difference of squares: keep them small
    first = _mean(centred, codes, blocks)
    second = _mean(centred**2, codes, blocks)
    return lambda weights: 1 - _divide(squared(weights), second(weights) - first(weights) ** 2)


def _multiclass(
    metric: str, labels: NDArray[np.int64], scores: Floats, codes: NDArray[np.int64], blocks: int
) -> Statistic:
    if metric == "log_loss":
        return _mean(_log_loss(scores[np.arange(len(labels)), labels]), codes, blocks)
    right = scores.argmax(axis=1) == labels
    if metric == "accuracy":
        return _mean(right.astype(np.float64), codes, blocks)
    each: list[Statistic] = []
    for index in range(scores.shape[1]):
        mine = labels == index
        if metric == "roc_auc":
            each.append(_roc_auc(mine, scores[:, index], codes, blocks))
        else:
            each.append(_ratio((mine & right) * 1.0, mine * 1.0, codes, blocks))
    return lambda weights: np.mean([one(weights) for one in each], axis=0)
