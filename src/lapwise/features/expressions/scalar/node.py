"""A translated expression: a function of one row, with the type it has in Polars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Call", "Defer", "Inexact", "Node", "Run", "constantly", "lift", "lift2", "lift_all"]

Run: TypeAlias = Callable[[Sequence[Any]], Any]
"""From a row of physical values (integers for times, None for null) to one more."""


class Defer(Exception):
    """Plain Python is not known to give what Polars gives for these values: Polars computes the row."""


class Inexact(Exception):
    """There is no exact form for one row; the text says of what, ``mend`` what to write instead.

    :func:`~lapwise.features.expressions.scalar.translate` makes an error of it, with the feature's name.
    """

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Node:
    """An expression of one row.

    Attributes:
        dtype: its type in Polars.
        run: computes it.
        constant: whether it reads no column. Polars has other arithmetic for constants.
    """

    dtype: pl.DataType
    run: Run
    constant: bool = False

    @property
    def value(self) -> Any:
        """The value of a constant."""
        return self.run(())


@dataclass(frozen=True, slots=True)
class Call:
    """A function of Polars on translated arguments.

    Attributes:
        name: its name in the serialised form.
        options: what stands beside the name there.
        nodes: the arguments.
        dtype: the type of the result.
    """

    name: str
    options: Any
    nodes: tuple[Node, ...]
    dtype: pl.DataType


def lift(function: Callable[[Any], Any], a: Run) -> Run:
    """Make null of null."""

    def run(row: Sequence[Any]) -> Any:
        x = a(row)
        return None if x is None else function(x)

    return run


def lift2(function: Callable[[Any, Any], Any], a: Node, b: Node) -> Run:
    """Make null where either is null."""
    run_a, run_b = a.run, b.run
    if b.constant:
        y = b.value
        return constantly(None) if y is None else lift(lambda x: function(x, y), run_a)
    if a.constant:
        x = a.value
        return constantly(None) if x is None else lift(lambda y: function(x, y), run_b)

    def run(row: Sequence[Any]) -> Any:
        x = run_a(row)
        y = run_b(row)
        return None if x is None or y is None else function(x, y)

    return run


def lift_all(function: Callable[..., Any], nodes: Sequence[Node]) -> Run:
    """Make null where any is null."""
    runs = [node.run for node in nodes]

    def run(row: Sequence[Any]) -> Any:
        values = [one(row) for one in runs]
        return None if None in values else function(*values)

    return run


def constantly(value: Any) -> Run:
    """Return what gives a value whatever the row."""
    return lambda _: value
