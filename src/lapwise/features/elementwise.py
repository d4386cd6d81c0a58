"""Which Polars expressions compute each row from that row alone.

An expression is checked in its serialised form against a list of what is allowed. What is not on
the list is refused by name: a new operation of Polars is outside until somebody puts it here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lapwise.core.errors import DeclarationError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["check_elementwise", "columns_of", "serialize"]

OPERATORS = frozenset(
    [
        "Eq",
        "EqValidity",
        "NotEq",
        "NotEqValidity",
        "Lt",
        "LtEq",
        "Gt",
        "GtEq",
        "Plus",
        "Minus",
        "Multiply",
        "Divide",
        "TrueDivide",
        "FloorDivide",
        "RustDivide",
        "Modulus",
        "And",
        "Or",
        "Xor",
        "LogicalAnd",
        "LogicalOr",
    ]
)

FUNCTIONS = frozenset(
    [
        "Abs",
        "Negate",
        "Sign",
        "Round",
        "RoundSF",
        "Truncate",
        "Floor",
        "Ceil",
        "Clip",
        "Exp",
        "Log",
        "Log1p",
        "Pow",
        "Coalesce",
        "FillNull",
        "Atan2",
        "MinHorizontal",
        "MaxHorizontal",
        "SumHorizontal",
        "MeanHorizontal",
        "Trigonometry",
    ]
)

# Function families, and what of each is allowed.
FAMILIES = {
    "Boolean": frozenset(
        [
            "IsNull",
            "IsNotNull",
            "IsFinite",
            "IsInfinite",
            "IsNan",
            "IsNotNan",
            "IsIn",
            "IsBetween",
            "Not",
            "AllHorizontal",
            "AnyHorizontal",
        ]
    ),
    "TemporalExpr": frozenset(
        [
            "Millennium",
            "Century",
            "Year",
            "IsoYear",
            "Quarter",
            "Month",
            "DaysInMonth",
            "Week",
            "WeekDay",
            "Day",
            "OrdinalDay",
            "Time",
            "Date",
            "Datetime",
            "Hour",
            "Minute",
            "Second",
            "Millisecond",
            "Microsecond",
            "Nanosecond",
            "IsLeapYear",
            "TotalDays",
            "TotalHours",
            "TotalMinutes",
            "TotalSeconds",
            "TotalMilliseconds",
            "TotalMicroseconds",
            "TotalNanoseconds",
            "TimeStamp",
            "Truncate",
            "OffsetBy",
            "Round",
            "MonthStart",
            "MonthEnd",
            "ConvertTimeZone",
            "ReplaceTimeZone",
            "CastTimeUnit",
            "BaseUtcOffset",
            "DSTOffset",
        ]
    ),
    "StringExpr": frozenset(
        [
            "Lowercase",
            "Uppercase",
            "LenBytes",
            "LenChars",
            "Contains",
            "StartsWith",
            "EndsWith",
            "Slice",
            "Head",
            "Tail",
            "Replace",
            "StripChars",
            "StripCharsStart",
            "StripCharsEnd",
            "StripPrefix",
            "StripSuffix",
            "ConcatHorizontal",
            "Format",
            "PadStart",
            "PadEnd",
            "ZFill",
        ]
    ),
}

# How people call what they most often try.
WORDS = {"Over": "over", "Agg": "aggregation", "RollingExpr": "rolling", "Shift": "shift",
         "Sort": "sort", "SortBy": "sort_by", "AnonymousFunction": "map_elements or map_batches",
         "CumSum": "cum_sum", "Diff": "diff", "Rank": "rank", "Filter": "filter",
         "FillNullWithStrategy": "fill_null(strategy=...)", "Len": "len"}  # fmt: skip


def serialize(expression: pl.Expr, output: str, where: str) -> str:
    """Return an expression, named ``output``, as JSON that is the same for equal expressions.

    Raises:
        DeclarationError: it holds something that has no serialised form.
    """
    try:
        text = expression.alias(output).meta.serialize(format="json")
    except Exception as error:
        raise DeclarationError(
            f"{where}: an expression cannot be written down",
            value=str(expression),
            expected="Polars expressions without Python functions",
        ) from error
    tree = json.loads(text)
    return json.dumps(tree, separators=(",", ":"))


def columns_of(serialized: str) -> set[str]:
    """Return the columns that a serialised expression reads."""
    return {name for kind, name in _nodes(json.loads(serialized)) if kind == "Column"}


def check_elementwise(serialized: str, where: str) -> None:
    """Refuse an expression with an operation that is not on the list.

    Args:
        serialized: as :func:`serialize` gives it; it need not be trusted.
        where: the feature, for the error.

    Raises:
        DeclarationError: names the operation.
    """
    _check(json.loads(serialized), where)


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for kind, body in tree.items():
            yield kind, body
            yield from _nodes(body)
    elif isinstance(tree, list):
        for body in tree:
            yield from _nodes(body)


def _check(tree: Any, where: str, *, may_be_list: bool = False) -> None:
    kind, body = _variant(tree)
    match kind:
        case "Column":
            return
        case "Literal":
            literal = _variant(body)
            inner = _variant(literal[1])[0] if literal[0] == "Scalar" else literal[0]
            if (
                inner in ("Series", "List", "Array", "Range", "Object", "Struct")
                and not may_be_list
            ):
                raise _refused("a literal of many values (allowed inside is_in)", where)
        case "Alias":
            _check(body[0], where)
        case "BinaryExpr" if body["op"] in OPERATORS:
            _check(body["left"], where)
            _check(body["right"], where)
        case "BinaryExpr":
            raise _refused(body["op"], where)
        case "Ternary":
            for part in ("predicate", "truthy", "falsy"):
                _check(body[part], where)
        case "Cast":
            target = json.dumps(body["dtype"])
            if any(word in target for word in ("Categorical", "Enum", "List", "Array", "Object")):
                raise _refused("cast to a category or a nested type", where)
            _check(body["expr"], where)
        case "Function":
            name = _check_function(body["function"], where)
            for place, argument in enumerate(body["input"]):
                members = name == "IsIn" and place == 1
                # Polars looks among all values of a column, those of other rows included.
                if members and _variant(argument)[0] != "Literal":
                    raise _refused("is_in of anything but values written down", where)
                _check(argument, where, may_be_list=members)
        case _:
            if kind == "Agg":
                raise _refused(f"aggregation .{_variant(body)[0].lower()}", where)
            raise _refused(WORDS.get(kind, kind), where)


def _check_function(function: Any, where: str) -> str:
    family, body = _variant(function)
    if family in FAMILIES:
        name = _variant(body)[0]
        if name not in FAMILIES[family]:
            raise _refused(name, where)
        return name
    if family == "RollingExpr":
        raise _refused(f"rolling_{str(body.get('function', '')).lower()}", where)
    if family not in FUNCTIONS:
        raise _refused(WORDS.get(family, family), where)
    return family


def _variant(tree: Any) -> tuple[str, Any]:
    """Return the name and content of a Rust enum in JSON."""
    if isinstance(tree, dict) and len(tree) == 1:
        return next(iter(tree.items()))
    return (tree if isinstance(tree, str) else "an unknown form"), None


def _refused(operation: str, where: str) -> DeclarationError:
    return DeclarationError(
        f"{where}: the operation is not element-wise, or not on the list",
        value=operation,
        expected="arithmetic, comparisons, when/then, casts, dt.*, str.* and such, row by row",
        fix="compute it in a table's build function, or as a feature view",
    )
