"""Text. Where a rule of Unicode decides, ASCII is answered here and the rest by Polars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from lapwise.features.expressions.pattern import compiled, is_literal
from lapwise.features.expressions.scalar.cast import cast
from lapwise.features.expressions.scalar.node import (
    Call,
    Defer,
    Inexact,
    Node,
    Run,
    lift,
    lift2,
    lift_all,
)

__all__ = ["FUNCTIONS"]

_WIDEST, _LONGEST = 4096, 128
_SPACES = " \t\n\r\x0b\x0c"


def _ascii(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let Polars answer for text that is not ASCII."""

    def run(text: str, *rest: Any) -> Any:
        if text.isascii():
            return function(text, *rest)
        raise Defer

    return run


def _of_text(function: Callable[[str], Any]) -> Callable[[Call], Run]:
    return lambda call: lift(function, call.nodes[0].run)


def _with_text(function: Callable[[str, str], Any]) -> Callable[[Call], Run]:
    def made(call: Call) -> Run:
        _texts(call)
        return lift2(function, *call.nodes)

    return made


def _texts(call: Call) -> None:
    for node in call.nodes:
        if not isinstance(node.dtype, pl.String):
            raise Inexact(f"{call.name} of {node.dtype}")


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _contains(call: Call) -> Run:
    text, pattern = call.nodes
    if call.options["literal"]:
        _texts(call)
        return lift2(lambda x, y: y in x, text, pattern)
    if not pattern.constant or pattern.value is None:
        raise Inexact("str.contains of a column of patterns", "literal=True")
    written = pattern.value
    if is_literal(written):
        return lift(lambda x: written in x, text.run)
    try:
        search = compiled(written).search
    except ValueError as reason:
        raise Inexact(str(reason)) from None

    def contains(x: str) -> bool:
        if len(x) > _LONGEST:  # Python may go back and forth; Polars takes as long as the text is
            raise Defer
        return search(x) is not None

    return lift(_ascii(contains), text.run)


def _replace(call: Call) -> Run:
    text, old, new = call.nodes
    times = call.options["n"]
    if not (old.constant and new.constant and isinstance(old.value, str) and new.value is not None):
        raise Inexact("str.replace with columns")
    if not call.options["literal"] and not (is_literal(old.value) and "$" not in new.value):
        raise Inexact("str.replace with a regular expression", "literal=True")
    if not old.value or times not in (1, -1):
        raise Inexact("str.replace of nothing, or a number of times")
    return lift(lambda x: x.replace(old.value, new.value, times), text.run)


def _strip(function: Callable[[str, str], str]) -> Callable[[Call], Run]:
    def made(call: Call) -> Run:
        text, characters = call.nodes
        if not characters.constant:
            raise Inexact("str.strip_chars with a column")
        if characters.value is None:
            return lift(_ascii(lambda x: function(x, _SPACES)), text.run)
        return lift2(function, text, characters)

    return made


def _slice(call: Call) -> Run:
    text, offset, length = (call.nodes[0], *(_whole(node) for node in call.nodes[1:]))
    if not (offset.constant and length.constant):
        raise Inexact("str.slice by columns")
    start, count = offset.value, length.value
    if start is None or (count is not None and count < 0):
        raise Inexact("str.slice by a null or negative length")

    def part(x: str) -> str:
        first = start if start >= 0 else len(x) + start
        last = len(x) if count is None else first + count
        return x[max(first, 0) : max(last, 0)]

    return lift(part, text.run)


def _whole(node: Node) -> Node:
    return node if isinstance(node.dtype, pl.Null) else cast(node, pl.Int64())


def _head(call: Call) -> Run:
    return lift2(lambda x, n: x[:n] if n >= 0 else x[: max(len(x) + n, 0)], *_counted(call))


def _tail(call: Call) -> Run:
    return lift2(lambda x, n: (x[-n:] if n else "") if n >= 0 else x[-n:], *_counted(call))


def _counted(call: Call) -> tuple[Node, Node]:
    text, number = call.nodes
    if not number.constant or number.value is None:
        raise Inexact(f"str.{call.name.lower()} by a column")
    return text, _whole(number)


def _width(call: Call) -> tuple[Node, Node]:
    text, number = _counted(call)
    if not 0 <= number.value <= _WIDEST:
        raise Inexact(f"str.{call.name.lower()} to {number.value} characters", "0 to 4096")
    return text, number


def _pad(function: Callable[[str, int, str], str]) -> Callable[[Call], Run]:
    def made(call: Call) -> Run:
        text, width = _width(call)
        fill = call.options["fill_char"]
        return lift2(lambda x, n: function(x, n, fill), text, width)

    return made


def _zero_fill(call: Call) -> Run:
    return lift2(_ascii(lambda x, n: x.zfill(n)), *_width(call))


def _concat(call: Call) -> Run:
    delimiter: str = call.options["delimiter"]
    nodes = [cast(node, pl.String()) for node in call.nodes]
    if not call.options["ignore_nulls"]:
        return lift_all(lambda *texts: delimiter.join(texts), nodes)
    runs = [node.run for node in nodes]

    def run(row: Sequence[Any]) -> str:
        return delimiter.join(x for x in [one(row) for one in runs] if x is not None)

    return run


def _format(call: Call) -> Run:
    text: str = call.options["format"]
    places = call.options["insertions"]
    if not text.isascii():
        raise Inexact("pl.format with text that is not ASCII", "pl.concat_str")
    pieces = [text[i:j] for i, j in zip([0, *places], [*places, len(text)], strict=True)]
    nodes = [cast(node, pl.String()) for node in call.nodes]

    def formatted(*texts: str) -> str:
        return pieces[0] + "".join(x + y for x, y in zip(texts, pieces[1:], strict=True))

    return lift_all(formatted, nodes)


FUNCTIONS: dict[str, Callable[[Call], Run]] = {
    "ConcatHorizontal": _concat,
    "Contains": _contains,
    "EndsWith": _with_text(str.endswith),
    "Format": _format,
    "Head": _head,
    "LenBytes": _of_text(_length),
    "LenChars": _of_text(len),
    "Lowercase": _of_text(_ascii(str.lower)),
    "PadEnd": _pad(str.ljust),
    "PadStart": _pad(str.rjust),
    "Replace": _replace,
    "Slice": _slice,
    "StartsWith": _with_text(str.startswith),
    "StripChars": _strip(str.strip),
    "StripCharsEnd": _strip(str.rstrip),
    "StripCharsStart": _strip(str.lstrip),
    "StripPrefix": _with_text(str.removeprefix),
    "StripSuffix": _with_text(str.removesuffix),
    "Tail": _tail,
    "Uppercase": _of_text(_ascii(str.upper)),
    "ZFill": _zero_fill,
}
