"""The one normalisation of a frame into what a model sees: in training, in batch, in serving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lapwise.core.errors import ModelError
from lapwise.core.model import Column

if TYPE_CHECKING:
    import polars as pl

__all__ = ["model_inputs", "signature_of"]

_NUMBER = "Float32"
_TEXT = "String"


def model_inputs(frame: pl.DataFrame, columns: Sequence[Column] | Sequence[str]) -> pl.DataFrame:
    """Return the columns in order, each as a model sees it; other columns are ignored.

    Numbers and Booleans become Float32, durations Float32 seconds; null and infinite become NaN,
    so that "no number" has one form (infinities do not survive Float32 or scikit-learn anyway).
    Text and categories become String, null the empty string. Asked twice, it changes nothing.

    Args:
        frame: any rows that have the columns.
        columns: names, or the columns of a signature, whose types are then required.

    Raises:
        ModelError: a column is missing, named twice, or of a type that no model takes.

    >>> import polars as pl
    >>> model_inputs(pl.DataFrame({"a": [1, None], "b": ["x", None], "c": [0, 0]}), ["b", "a"]).rows()
    [('x', 1.0), ('', nan)]
    """
    names = [column if isinstance(column, str) else column.name for column in columns]
    if not names:
        raise ModelError(
            "a model needs at least one input", value=[], expected="names of columns of the frame"
        )
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ModelError("an input is named twice", value=twice, fix="name it once")
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ModelError(
            f"the rows lack {_plural(missing)} that the model takes",
            value=", ".join(missing),
            expected=f"all of {', '.join(names)}",
            fix="add the column; nulls are allowed in it",
        )
    schema = frame.schema
    wanted = ["" if isinstance(column, str) else column.dtype for column in columns]
    return frame.select(
        [_normal(name, schema[name], kind) for name, kind in zip(names, wanted, strict=True)]
    )


def signature_of(inputs: pl.DataFrame) -> tuple[Column, ...]:
    """Return the columns of a normalised frame, as a signature keeps them."""
    return tuple(
        Column(name=name, dtype=str(dtype), nullable=True) for name, dtype in inputs.schema.items()
    )


def _normal(name: str, dtype: pl.DataType, wanted: str) -> pl.Expr:
    import polars as pl

    given = _kind(name, dtype)
    if wanted and given and given != wanted:
        raise ModelError(
            f"input '{name}' has the wrong type",
            value=str(dtype),
            expected="numbers" if wanted == _NUMBER else "text",
            fix=f"cast '{name}' where the rows are made",
        )
    column = pl.col(name)
    if (wanted or given or _NUMBER) == _TEXT:
        return column.cast(pl.String).fill_null("")
    if dtype == pl.Duration:
        column = column.dt.total_microseconds() / 1_000_000
    number = column.cast(pl.Float32, strict=False)
    return pl.when(number.is_finite()).then(number).otherwise(float("nan")).alias(name)


def _kind(name: str, dtype: pl.DataType) -> str:
    """Return the normal type of a Polars type; empty for a column of nulls, which is either."""
    import polars as pl

    if dtype.is_numeric() or dtype in (pl.Boolean, pl.Duration):
        return _NUMBER
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return _TEXT
    if dtype == pl.Null:
        return ""
    if dtype.is_temporal():
        raise ModelError(
            f"input '{name}' is a moment in time, which no model takes",
            value=str(dtype),
            expected="numbers or text",
            fix=f"derive a feature from it: @lw.on_demand, {name}.dt.hour()",
        )
    raise ModelError(
        f"input '{name}' has a type that no model takes",
        value=str(dtype),
        expected="numbers, Booleans, durations or text",
        fix=f"derive numbers or text from '{name}', or leave it out",
    )


def _plural(names: list[str]) -> str:
    return "a column" if len(names) == 1 else "columns"
