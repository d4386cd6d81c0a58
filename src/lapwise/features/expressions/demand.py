"""On-demand features: element-wise expressions of a request's columns and of other features."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from lapwise.core.digest import Digest, digest_bytes, encode_canonical
from lapwise.core.errors import DeclarationError, FeatureError
from lapwise.core.model import Record
from lapwise.features.expressions.elementwise import (
    check_elementwise,
    columns_of,
    malformed,
    serialize,
)

if TYPE_CHECKING:
    import polars as pl

__all__ = ["OnDemand", "OnDemandDefinition", "differs", "on_demand"]


class OnDemandDefinition(Record, frozen=True, kw_only=True):
    """On-demand features in the form the store keeps: expressions as Polars JSON."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OnDemand:
    """Features computed from a row alone, the same for one row and for many.

    Attributes:
        name: the function's name.
        inputs: what it reads: columns of the request, and features declared before it.
        outputs: the features it gives, in order.
        serialized: the definition as text; all that evaluation needs, the page's code not included.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    serialized: str

    @classmethod
    def of(cls, definition: OnDemandDefinition) -> OnDemand:
        """Return the features of a definition, which need not be trusted.

        Raises:
            DeclarationError: an expression is not element-wise, or cannot be read.
        """
        import polars as pl

        for output, expression in definition.outputs:
            check_elementwise(expression, f"on-demand feature '{definition.name}.{output}'")
        outputs = tuple(output for output, _ in definition.outputs)
        serialized = encode_canonical(definition).decode()
        try:
            _expressions(serialized)
        except pl.exceptions.PolarsError as error:
            raise malformed(f"on-demand feature '{definition.name}'") from error
        return cls(definition.name, definition.inputs, outputs, serialized)

    @property
    def digest(self) -> Digest:
        """The version of the definition."""
        return digest_bytes(self.serialized.encode())

    @property
    def definition(self) -> OnDemandDefinition:
        """The definition as a record."""
        return msgspec.json.decode(self.serialized, type=OnDemandDefinition)

    def expressions(self) -> list[pl.Expr]:
        """Return the expressions, each named after its feature."""
        return list(_expressions(self.serialized))

    def compute(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the features of each row of a frame that has the input columns.

        Raises:
            FeatureError: an input is missing or of a type that an expression cannot take.
        """
        import polars as pl

        from lapwise.features.expressions.steady import steady

        missing = [name for name in self.inputs if name not in frame.columns]
        if missing:
            raise FeatureError(
                f"on-demand feature '{self.name}' reads a column that the examples do not have",
                value=missing[0],
                expected=f"one of {', '.join(frame.columns)[:160]}",
                fix="name the function's parameters after input columns or earlier features",
            )
        # Polars multiplies by the reciprocal where the divisor is a literal, or a column made of one,
        # or where there is but one row. So columns are held value by value, two of them at least.
        try:
            twice = [0, 0] if frame.height == 1 else slice(None)
            columns = [column[twice] for column in frame.select(self.inputs)]
            plan = steady(self.serialized, tuple((one.name, one.dtype) for one in columns))
            columns += plan.columns(len(columns[0]))
            made = pl.DataFrame(columns).with_columns(plan.expressions).select(self.outputs)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise FeatureError(
                f"on-demand feature '{self.name}' cannot be computed",
                value=str(error).partition("\n")[0],
                expected="expressions that fit the types of "
                + ", ".join(f"{name} ({frame.schema[name]})" for name in self.inputs),
            ) from error
        return made.head(frame.height)


@lru_cache(maxsize=256)
def _expressions(serialized: str) -> tuple[pl.Expr, ...]:
    import polars as pl

    definition = msgspec.json.decode(serialized, type=OnDemandDefinition)
    return tuple(
        pl.Expr.deserialize(io.StringIO(expression), format="json")
        for _, expression in definition.outputs
    )


def on_demand(function: Callable[..., Mapping[str, pl.Expr]]) -> OnDemand:
    """Declare features by a function of input columns and earlier features (a decorator).

    The function is called once, now, with ``pl.col(name)`` for each parameter.

    Args:
        function: its parameters name input columns, features of views, or on-demand features that
            are declared before it; it returns an expression for each feature.

    Raises:
        DeclarationError: an expression is not element-wise or reads something else.

    >>> import polars as pl
    >>> @on_demand
    ... def calendar(scheduled: pl.Expr) -> dict[str, pl.Expr]:
    ...     return {"hour": scheduled.dt.hour()}
    >>> calendar.inputs, calendar.outputs
    (('scheduled',), ('hour',))
    """
    import polars as pl

    name = getattr(function, "__name__", "on_demand")
    inputs = tuple(inspect.signature(function).parameters)
    given: object
    try:
        given = function(*(pl.col(column) for column in inputs))
    except Exception as error:
        raise DeclarationError(
            f"on-demand feature '{name}' raised when it was declared",
            value=f"{type(error).__name__}: {error}",
            expected="a function of expressions that returns expressions",
        ) from error
    if not isinstance(given, dict) or not (given and inputs):
        raise DeclarationError(
            f"on-demand feature '{name}' must take columns and return features",
            value=given,
            expected='{"hour": scheduled_departure.dt.hour()}',
        )
    outputs = []
    for output, expression in given.items():
        where = f"on-demand feature '{name}.{output}'"
        if not isinstance(expression, pl.Expr):
            raise DeclarationError(f"{where} is not a Polars expression", value=expression)
        text = serialize(expression, output, where)
        check_elementwise(text, where)
        strangers = sorted(columns_of(text) - set(inputs))
        if strangers:
            raise DeclarationError(
                f"{where} reads a column that is not a parameter",
                value=strangers[0],
                expected=f"one of {', '.join(inputs)}",
                fix=f"def {name}({', '.join([*inputs, strangers[0]])}): ...",
            )
        outputs.append((output, text))
    definition = OnDemandDefinition(name=name, inputs=inputs, outputs=tuple(outputs))
    return OnDemand.of(definition)


def differs(first: pl.Series, second: pl.Series) -> pl.Series:
    """Return where two columns differ in a bit; NaN equals NaN, -0.0 does not equal 0.0."""
    unequal = first.ne_missing(second)
    if first.dtype.is_float():
        unequal = unequal | (1.0 / first).ne_missing(1.0 / second)
    return unequal
