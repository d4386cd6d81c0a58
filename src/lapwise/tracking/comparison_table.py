"""A comparison of many runs on a screen: a run a line, and as much of what differs as fits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from lapwise.core.model import Scalar
from lapwise.tracking.model import Comparison, Difference

__all__ = ["Turned", "package_changes", "turned"]

_GAP = 2
_TEXT = 16
_NO_COLUMN = ("package", "environment")


class Turned:
    """The table: ``headings``, ``rows`` in the order of the runs, and what did not fit.

    ``hidden`` are the differences that have no column.
    """

    def __init__(
        self,
        headings: tuple[str, ...],
        rows: tuple[tuple[str, ...], ...],
        hidden: tuple[Difference, ...],
    ) -> None:
        self.headings = headings
        self.rows = rows
        self.hidden = hidden


def turned(found: Comparison, width: int = 80) -> Turned:
    """Return a comparison turned round.

    The metric that causes are ranked by comes first, then causes and other metrics in turns, in
    their order; packages never have a column of their own.

    Args:
        found: the comparison.
        width: characters of a line, columns two apart.
    """
    labels = [f"{run.number:03d}" for run in found.runs]
    room = width - max(len("run"), *map(len, labels))
    outcome = [one for one in found.different if one.kind == "metric" and one.name == found.metric]
    causes = [one for one in found.different if one.kind not in ("metric", *_NO_COLUMN)]
    others = [one for one in found.different if one.kind == "metric" and one not in outcome]
    in_turns = [one for pair in zip_longest(causes, others) for one in pair if one is not None]
    columns: list[tuple[Difference, list[str]]] = []
    hidden: list[Difference] = []
    for one in [*outcome, *in_turns]:
        texts = [_text(value) for value in one.values]
        size = max(len(one.name), *map(len, texts)) + _GAP
        if size <= room:
            room -= size
            columns.append((one, texts))
        else:
            hidden.append(one)
    hidden += [one for one in found.different if one.kind in _NO_COLUMN]
    rows = tuple(zip(labels, *(texts for _, texts in columns), strict=True))
    return Turned(("run", *(one.name for one, _ in columns)), rows, tuple(hidden))


def package_changes(found: Comparison) -> tuple[str, ...]:
    """Return ``polars 2.1 → 2.2`` for each package that differs: its versions in the runs' order.

    A package that a run does not have is ``–`` there.
    """
    return tuple(
        f"{one.name} {' → '.join(_in_order(one.values))}"
        for one in found.different
        if one.kind == "package"
    )


def _in_order(values: Sequence[Scalar]) -> list[str]:
    return list(dict.fromkeys("–" if value is None else str(value) for value in values))


def _text(value: Scalar) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = " ".join(str(value).split())
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
