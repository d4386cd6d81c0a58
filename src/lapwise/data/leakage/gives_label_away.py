"""L005: one feature alone gives the label away."""

from __future__ import annotations

import math

import polars as pl

from lapwise.core.evidence import Finding
from lapwise.data.leakage.model import Severity, Subject

__all__ = ["find_label_given_away"]

_BLOCK = 0.98
_WARN = 0.95
_FEWEST = 20
_MOST_ROWS = 200_000
_BINS = 64
_FOLDS = 5
_CLASSES = 20


def find_label_given_away(subject: Subject) -> Finding:
    """L005: a feature that orders the training labels almost without error by itself.

    What it does:
        Scores each feature alone on training rows (evenly thinned to 200,000): a number by its
        rank, and by the mean label of its 64 quantile bins out of fold, so that a hump and a null
        that tells are found too; other types by the mean label of each value out of fold (5 folds).
        The measure is the AUC for yes or no and for each of several classes, and for a number
        (1 + |Spearman|) / 2. Blocks at .98, warns at .95; with fewer than 20 rows of a class it
        only warns.

    Why it is bad:
        Almost always such a feature is a consequence of the label, or another name for it: a
        proxy that will not be there when the prediction is needed. Kapoor & Narayanan
        (Patterns 2023), type L2.

    Example:
        The time of landing, as a feature of whether the flight lands late.
    """
    train = subject.part("train")
    targets = _targets(train["label"])
    if not targets:
        return Finding(
            rule="L005",
            severity="not_applicable",
            sentence="All training rows have the same label.",
        )
    step = -(-train.height * len(targets) // _MOST_ROWS)
    train = train.gather_every(step)
    targets = [target.gather_every(step) for target in targets]
    scores = {name: _score(train[name], targets) for name in subject.features}
    ranked = sorted(scores, key=lambda name: (-scores[name], name))
    highest = scores[ranked[0]] if ranked else 0.0
    severity: Severity = "clear"
    if highest >= _WARN:
        severity = "block" if highest >= _BLOCK and _fewest(targets) >= _FEWEST else "warn"
    limit = _BLOCK if severity == "block" else _WARN
    worst = [name for name in ranked if scores[name] >= limit]
    if worst:
        shown = ", ".join(f"'{name}' ({scores[name]:.4f})" for name in worst[:3])
        more = f" and {len(worst) - 3} more" if len(worst) > 3 else ""
        sentence = f"Alone, {shown}{more} orders the training labels almost without error (AUC)."
    elif ranked:
        sentence = (
            f"The strongest of {len(ranked)} features alone, '{ranked[0]}', reaches an AUC of"
            f" {highest:.3f} on training rows."
        )
    else:
        sentence = "There is no feature."
    return Finding(
        rule="L005", severity=severity, sentence=sentence, rows=train.height, measured=highest
    )


def _targets(label: pl.Series) -> list[pl.Series]:
    """Return what is to be ordered: the number, or yes or no for each of up to 20 classes."""
    if label.dtype.is_float():
        return [label] if label.n_unique() > 1 else []
    classes = label.value_counts(sort=True)[label.name]
    if label.dtype.is_integer() and len(classes) > _CLASSES:
        return [label.cast(pl.Float64)]
    if len(classes) < 2:
        return []
    if len(classes) == 2:
        return [label == classes.sort()[1]]
    return [label == value for value in classes.head(_CLASSES)]


def _fewest(targets: list[pl.Series]) -> int:
    """Return the rows of the rarest answer, or all rows if the label is a number."""
    counts = [
        min(int(target.sum()), len(target) - int(target.sum()))
        for target in targets
        if target.dtype == pl.Boolean
    ]
    return min(counts) if counts else len(targets[0])


def _score(feature: pl.Series, targets: list[pl.Series]) -> float:
    """Return the best AUC of one feature over the targets."""
    ordered = feature.to_physical()
    best = 0.5
    if ordered.dtype.is_numeric() or ordered.dtype == pl.Boolean:
        ordered = ordered.cast(pl.Float64).fill_nan(None)
        known = ordered.rank("average")
        ranks = [known]
        missing = ordered.null_count()
        if missing:
            # A null may stand for either end: a landing time is null when the flight was cancelled.
            above = len(ordered) - missing
            ranks = [
                (known + missing).fill_null((missing + 1) / 2),
                known.fill_null(above + (missing + 1) / 2),
            ]
        best = max(abs(_auc(rank, target) - 0.5) + 0.5 for rank in ranks for target in targets)
        bins = (known * (_BINS / max(len(ordered), 1))).floor()
    else:
        bins = feature if feature.dtype in (pl.String, pl.Categorical) else feature.hash()
    return max(best, *(_auc_out_of_fold(bins, target) for target in targets))


def _auc(ranks: pl.Series, target: pl.Series) -> float:
    """Return the AUC by ranks (Mann-Whitney), or (1 + Spearman) / 2 for a number."""
    if target.dtype != pl.Boolean:
        pair = pl.DataFrame({"x": ranks, "y": target.rank("average")})
        correlation = pair.select(pl.corr("x", "y")).item()
        defined = correlation is not None and not math.isnan(correlation)
        return 0.5 + correlation / 2 if defined else 0.5
    yes = int(target.sum())
    no = len(target) - yes
    if not yes or not no:
        return 0.5
    above = float(ranks.filter(target).sum()) - yes * (yes + 1) / 2
    return above / (yes * no)


def _auc_out_of_fold(values: pl.Series, target: pl.Series) -> float:
    """Return the AUC of each row's mean target of its value in the other folds, drawn to the mean.

    Rows of one value in one fold have one mean, so yes and no are counted by it, not ranked by row.
    """
    frame = pl.DataFrame({"value": values, "target": target.cast(pl.Float64)}).with_columns(
        fold=pl.int_range(pl.len()) % _FOLDS
    )
    each = frame.group_by("value", "fold").agg(
        pl.col("target").sum().alias("sum"), pl.len().alias("rows")
    )
    total = each.group_by("value").agg(
        pl.col("sum").sum().alias("all_sum"), pl.col("rows").sum().alias("all_rows")
    )
    others = each.join(total, on="value", nulls_equal=True).with_columns(
        mean=(pl.col("all_sum") - pl.col("sum") + target.mean())
        / (pl.col("all_rows").cast(pl.Float64) - pl.col("rows") + 1),
    )
    if target.dtype != pl.Boolean:
        means = frame.join(
            others, on=["value", "fold"], how="left", nulls_equal=True, maintain_order="left"
        )["mean"]
        return _auc(means.rank("average"), target)
    counts = others.group_by("mean").agg(pl.col("sum").sum(), pl.col("rows").sum()).sort("mean")
    yes = counts["sum"]
    no = counts["rows"].cast(pl.Float64) - yes
    if not yes.sum() or not no.sum():
        return 0.5
    below = no.cum_sum() - no / 2  # of equal means, half are below
    return float((yes * below).sum()) / (float(yes.sum()) * float(no.sum()))
