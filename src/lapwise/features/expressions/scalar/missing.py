"""Nulls and what is no finite number: tests for them, and what stands in their place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from lapwise.features.expressions.scalar.node import Call, Inexact, Node, Run, lift

__all__ = ["FUNCTIONS", "choose", "is_in"]


def choose(predicate: Run, truthy: Run, falsy: Run) -> Run:
    """Return when/then/otherwise; a null predicate chooses otherwise."""

    def run(row: Sequence[Any]) -> Any:
        # Both are computed, as Polars does: the one that is not chosen may be an error.
        yes, no = truthy(row), falsy(row)
        return yes if predicate(row) else no

    return run


def is_in(value: Node, members: Sequence[Any], *, nulls_equal: bool) -> Run:
    """Return whether a value is among some that are written down."""
    known = {member for member in members if member is not None and member == member}  # noqa: PLR0124
    has_nan = any(member != member for member in members)  # noqa: PLR0124
    has_null = any(member is None for member in members)
    run_value = value.run

    def run(row: Sequence[Any]) -> bool | None:
        x = run_value(row)
        if x is None:
            return has_null if nulls_equal else None
        return x in known or (has_nan and x != x)  # noqa: PLR0124

    return run


def _coalesce(call: Call) -> Run:
    runs = [node.run for node in call.nodes]

    def run(row: Sequence[Any]) -> Any:
        for value in [one(row) for one in runs]:
            if value is not None:
                return value
        return None

    return run


def _is_null(call: Call) -> Run:
    run = call.nodes[0].run
    return lambda row: run(row) is None


def _is_not_null(call: Call) -> Run:
    run = call.nodes[0].run
    return lambda row: run(row) is not None


def _of_float(function: Callable[[float], bool]) -> Callable[[Call], Run]:
    def made(call: Call) -> Run:
        if not call.nodes[0].dtype.is_numeric():
            raise Inexact(f"{call.name} of {call.nodes[0].dtype}")
        return lift(function, call.nodes[0].run)

    return made


FUNCTIONS: dict[str, Callable[[Call], Run]] = {
    "Coalesce": _coalesce,
    "FillNull": _coalesce,
    "IsFinite": _of_float(math.isfinite),
    "IsInfinite": _of_float(math.isinf),
    "IsNan": _of_float(math.isnan),
    "IsNotNan": _of_float(lambda x: not math.isnan(x)),
    "IsNotNull": _is_not_null,
    "IsNull": _is_null,
}
