"""Which Polars expressions compute each row from that row alone, and have a form for one row.

An expression is checked in its serialised form against a list of what is allowed. What is not on
the list is refused by name: a new operation of Polars is outside until somebody puts it here, and
into :mod:`lapwise.features.expressions.scalar`, to the bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lapwise.core.errors import DeclarationError
from lapwise.features.expressions.pattern import compiled, is_literal
from lapwise.features.expressions.tree import holds, variant

if TYPE_CHECKING:
    import polars as pl

__all__ = ["check_elementwise", "columns_of", "malformed", "serialize"]

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
        "TrueDivide",
        "FloorDivide",
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

# Functions with kinds of their own, and the kinds that are allowed.
KINDS = {
    "Pow": frozenset(["Generic", "Sqrt"]),
    "Trigonometry": frozenset(
        ["Cos", "Cot", "Sin", "Tan", "ArcCos", "ArcSin", "ArcTan", "Cosh", "Sinh", "Tanh",
         "ArcCosh", "ArcSinh", "Degrees", "Radians"]
    ),
}  # fmt: skip

# Arguments that must be written down, by function: the expression may not read them from a column.
WRITTEN = {
    **dict.fromkeys(["Truncate", "OffsetBy", "Round", "ReplaceTimeZone", "Log"], (1,)),
    **dict.fromkeys(["StripChars", "StripCharsStart", "StripCharsEnd"], (1,)),
    **dict.fromkeys(["PadStart", "PadEnd", "ZFill", "Head", "Tail"], (1,)),
    **dict.fromkeys(["Slice", "Replace"], (1, 2)),
}

# What makes text longer, and the longest it may be made: one request must not take all memory.
WIDENING = frozenset(["PadStart", "PadEnd", "ZFill"])
WIDEST = 10_000

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
    try:
        return json.dumps(json.loads(text), separators=(",", ":"))
    except RecursionError as error:
        raise malformed(where) from error


def columns_of(serialized: str) -> set[str]:
    """Return the columns that a serialised expression reads.

    Raises:
        DeclarationError: the text is no serialised expression.
    """
    try:
        return {name for kind, name in _nodes(json.loads(serialized)) if kind == "Column"}
    except (ValueError, RecursionError) as error:
        raise malformed("an expression") from error


def check_elementwise(serialized: str, where: str) -> None:
    """Refuse an expression with an operation that is not on the list.

    Args:
        serialized: as :func:`serialize` gives it; it need not be trusted.
        where: the feature, for the error.

    Raises:
        DeclarationError: names the operation.
    """
    try:
        _check(json.loads(serialized), where)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise malformed(where) from error


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for kind, body in tree.items():
            yield kind, body
            yield from _nodes(body)
    elif isinstance(tree, list):
        for body in tree:
            yield from _nodes(body)


def _check(tree: Any, where: str, *, may_be_list: bool = False) -> None:
    kind, body = variant(tree)
    match kind:
        case "Column":
            return
        case "Literal":
            _check_literal(variant(body), where, may_be_list=may_be_list)
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
            _check_arguments(name, body, where)
            for place, argument in enumerate(body["input"]):
                members = name == "IsIn" and place == 1
                # Polars looks among all values of a column, those of other rows included.
                if members and variant(argument)[0] != "Literal":
                    raise _refused("is_in of anything but values written down", where)
                _check(argument, where, may_be_list=members)
        case _:
            if kind == "Agg":
                raise _refused(f"aggregation .{variant(body)[0].lower()}", where)
            raise _refused(WORDS.get(kind, kind), where)


def _check_literal(literal: tuple[str, Any], where: str, *, may_be_list: bool) -> None:
    kind, body = literal
    inner, value = variant(body)
    if kind == "Scalar":
        kind = inner
    elif kind == "Dyn" and inner == "Float" and value is None:
        raise _refused("a literal NaN or infinity, which has no serialised form", where)
    if kind in ("Series", "List", "Array", "Range", "Object", "Struct") and not may_be_list:
        raise _refused("a literal of many values (allowed inside is_in)", where)


def _check_function(function: Any, where: str) -> str:
    family, body = variant(function)
    if family in FAMILIES:
        name = variant(body)[0]
        if name not in FAMILIES[family]:
            raise _refused(name, where)
        return name
    if family == "RollingExpr":
        raise _refused(f"rolling_{str(body.get('function', '')).lower()}", where)
    if family not in FUNCTIONS:
        raise _refused(WORDS.get(family, family), where)
    if family in KINDS and variant(body)[0] not in KINDS[family]:
        raise _refused(variant(body)[0], where)
    return family


def _check_arguments(name: str, body: Any, where: str) -> None:
    """Refuse what has no form for one row: columns where a constant must stand, and patterns."""
    arguments, (_, options) = body["input"], variant(body["function"])
    for place in WRITTEN.get(name, ()):
        if place < len(arguments) and holds(arguments[place], "Column"):
            raise _refused(f"{name} by a column", where)
    if name in WIDENING and _number(arguments[1]) > WIDEST:
        raise _refused(f"{name} to more than {WIDEST:,} characters", where)
    if name in ("Contains", "Replace") and not options[name]["literal"]:
        for place in range(1, len(arguments)):
            _check_pattern(name, place, arguments[place], where)


def _number(argument: Any) -> int:
    """Return the greatest whole number that is written down in an expression, 0 if there is none."""
    return max((body for _, body in _nodes(argument) if isinstance(body, int)), default=0)


def _check_pattern(name: str, place: int, argument: Any, where: str) -> None:
    pattern = argument.get("Literal", {}).get("Scalar", {}).get("String")
    if pattern is None:
        raise _refused(f"{name} of a pattern that is not written down", where)
    if name == "Replace" and not (is_literal(pattern) if place == 1 else "$" not in pattern):
        raise _refused("Replace with a regular expression", where)
    try:
        compiled(pattern if name == "Contains" else "")
    except ValueError as reason:
        raise _refused(str(reason), where) from None


def malformed(where: str) -> DeclarationError:
    """Return the error of a definition that Polars, or this file, cannot read."""
    return DeclarationError(
        f"{where}: the definition cannot be read",
        expected="an expression as Polars writes it down, of some sixty operations in a row at most",
        fix="give a part of it a name: one on-demand feature may read another",
    )


def _refused(operation: str, where: str) -> DeclarationError:
    return DeclarationError(
        f"{where}: the operation is not element-wise, or not on the list",
        value=operation,
        expected="arithmetic, comparisons, when/then, casts, dt.*, str.* and such, row by row",
        fix="compute it in a table's build function, or as a feature view",
    )
