"""Read a filter or an order; what cannot be read is one clear error with its column."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from lapwise.core.errors import DeclarationError
from lapwise.store.search.grammar import SIGNS, parser
from lapwise.store.search.terms import (
    All,
    Among,
    Any,
    Compared,
    Key,
    Like,
    Literals,
    Missing,
    Not,
    Order,
    Sign,
    Term,
)

if TYPE_CHECKING:
    from lark import Token, Tree

__all__ = ["LONGEST", "MOST_TERMS", "parse_filter", "parse_order", "quoted", "unreadable"]

LONGEST = 10_000
"""Characters of a filter."""
MOST_TERMS = 100
_DEEPEST = 50

_ESCAPED = re.compile(r"\\(['\"`\\])|''|\"\"", re.DOTALL)
_SIGNS = {"==": "=", "<>": "!="}


def parse_filter(text: str) -> Term | None:
    """Return what a filter says, or None when it is empty.

    Raises:
        DeclarationError: it cannot be read, or is longer than 10,000 characters, has more than 100
            comparisons, or is nested deeper than 50.

    >>> parse_filter("metrics.auc > 0.7")
    Compared(key=Key(kind='metrics', name='auc', column=1), sign='>', value=0.7, column=15)
    """
    if not text.strip():
        return None
    return _filter(text)


def parse_order(text: str) -> Order:
    """Return what one order says, as ``metrics.auc DESC``.

    Raises:
        DeclarationError: it cannot be read.
    """
    return _order(text)


def quoted(text: str) -> str:
    r"""Return a text as a filter writes it.

    >>> quoted("it's")
    "'it\\'s'"
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def unreadable(text: str, column: int, expected: str, what: str = "filter") -> DeclarationError:
    """Return the error of a text that goes wrong at a column (from 1)."""
    at = text[column - 1 : column + 39]
    return DeclarationError(
        f"the {what} cannot be read at column {column}",
        value=at or "the end",
        expected=expected,
        fix=f"write for example {_EXAMPLES[what]}",
    )


_EXAMPLES = {
    "filter": "metrics.auc > 0.7 AND params.model = 'forest'",
    "order": "metrics.auc DESC",
}


@lru_cache(maxsize=256)
def _filter(text: str) -> Term:
    return _Reader(text).term(_parsed(text, "filter"), 0)


@lru_cache(maxsize=256)
def _order(text: str) -> Order:
    tree = _parsed(text, "order")
    direction = str(tree.children[1]).upper() if len(tree.children) > 1 else "ASC"
    return Order(_key(tree.children[0]), direction == "DESC")


def _parsed(text: str, start: str) -> Tree[Token]:
    from lark import UnexpectedCharacters, UnexpectedToken

    _check(text, start)
    try:
        return parser().parse(text, start=start)
    except UnexpectedCharacters as error:
        column = cast("int", error.pos_in_stream) + 1
        raise unreadable(text, column, _said(error.allowed), start) from None
    except UnexpectedToken as error:
        column = len(text) + 1 if error.token.type == "$END" else _at(error.token)
        raise unreadable(text, column, _said(error.expected), start) from None


def _check(text: str, what: str) -> None:
    if len(text) > LONGEST:
        raise DeclarationError(
            f"the {what} is too long",
            value=f"{len(text)} characters",
            expected=f"at most {LONGEST}",
            fix="ask for less at a time",
        )
    odd = next(
        (at for at, sign in enumerate(text, 1) if sign == "\0" or "\ud800" <= sign <= "\udfff"), 0
    )
    if odd:
        raise unreadable(text, odd, "text that is valid Unicode, without NUL", what)


def _said(names: set[str] | None) -> str:
    said = sorted({SIGNS.get(name, name) for name in names or ()})
    return " or ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else "".join(said)


class _Reader:
    """Makes terms of a tree, and counts them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0

    def term(self, tree: Tree[Token], depth: int) -> Term:
        """Return what a tree says; the recursion is bounded by ``depth``."""
        if depth > _DEEPEST:
            raise self._too_much("nested too deep", f"at most {_DEEPEST} levels", tree)
        name, parts = tree.data, tree.children
        if name in {"any", "all"}:
            found = tuple(self.term(part, depth) for part in _trees(parts))
            if len(found) == 1:
                return found[0]
            return All(found) if name == "all" else Any(found)
        if name == "negated":
            return Not(self.term(_trees(parts)[0], depth + 1))
        if name == "nested":
            return self.term(_trees(parts)[0], depth + 1)
        self._count += 1
        if self._count > MOST_TERMS:
            raise self._too_much("of too many parts", f"at most {MOST_TERMS} comparisons", tree)
        return _comparison(name, parts)

    def _too_much(self, what: str, expected: str, tree: Tree[Token]) -> DeclarationError:
        first: Tree[Token] | Token = tree
        while isinstance(first, _tree_type()):
            first = first.children[0]
        return DeclarationError(
            f"the filter is {what} at column {_at(cast('Token', first))}",
            value=str(first),
            expected=expected,
            fix="ask for less at a time",
        )


def _comparison(name: str, parts: list[Tree[Token] | Token]) -> Term:
    trees = _trees(parts)
    key = _key(trees[0])
    if name == "compared":
        sign = str(parts[1])
        value, at = _literal(trees[1])
        return Compared(key, cast("Sign", _SIGNS.get(sign, sign)), value, at)
    if name in {"like", "unlike"}:
        folded = any(str(part).upper() == "ILIKE" for part in parts)
        pattern, at = _literal(trees[1])
        return Like(key, str(pattern), folded, name == "unlike", at)
    if name in {"among", "not_among"}:
        found = [_literal(one) for one in trees[1:]]
        values = tuple(value for value, _ in found)
        return Among(key, values, name == "not_among", found[0][1])
    return Missing(key, name == "present")


def _key(tree: Tree[Token] | Token) -> Key:
    tokens = cast("list[Token]", cast("Tree[Token]", tree).children)
    first, at = str(tokens[0]), _at(tokens[0])
    if tokens[0].type == "KIND":
        return Key(first[:-1].strip("`"), _plain(tokens[1]), at)
    if tokens[0].type == "KEY":
        kind, dot, name = first.partition(".")
        return Key(kind.strip("`"), name, at) if dot else Key("", first, at)
    return Key("", _plain(tokens[0]), at)


def _literal(tree: Tree[Token]) -> tuple[Literals, int]:
    token = cast("Token", tree.children[0])
    text, at = str(token), _at(token)
    if token.type == "TRUTH":
        return text.lower() == "true", at
    if token.type != "NUMBER":
        return _plain(token), at
    digits = text.lstrip("+-").isdecimal() and len(text) < 19
    return (int(text) if digits else float(text)), at


def _plain(token: Token) -> str:
    """Return what stands between quotes or backticks; a sign of its kind is doubled or escaped."""
    text = str(token)
    quote = text[0]

    def found(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        return quote if match[0][0] == quote else match[0]

    return _ESCAPED.sub(found, text[1:-1])


def _trees(parts: list[Tree[Token] | Token]) -> list[Tree[Token]]:
    return [part for part in parts if isinstance(part, _tree_type())]


def _tree_type() -> type[Tree[Token]]:
    from lark import Tree

    return Tree


def _at(token: Token) -> int:
    return (token.start_pos or 0) + 1
