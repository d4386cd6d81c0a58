"""How filters and orders are written, and what each sign is called in an error."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lark import Lark

__all__ = ["SIGNS", "parser"]

# Unquoted names may hold what names of metrics hold; a space needs quotes or backticks. MLflow's
# filters are part of this: AND of comparisons, with IN and NOT IN.
_GRAMMAR = r"""
?filter: any
any: all (OR all)*
all: one (AND one)*
?one: NOT one -> negated
    | OPEN any CLOSE -> nested
    | comparison
?comparison: key COMPARE value -> compared
    | key LIKE text -> like
    | key NOT LIKE text -> unlike
    | key IN OPEN value (COMMA value)* CLOSE -> among
    | key NOT IN OPEN value (COMMA value)* CLOSE -> not_among
    | key IS NULL -> missing
    | key IS NOT NULL -> present
order: key DIRECTION?
key: KEY | KIND QUOTED | KIND BACKTICKS | KIND SINGLE | BACKTICKS | QUOTED
text: QUOTED | SINGLE
value: QUOTED | SINGLE | NUMBER | TRUTH

OPEN: "("
CLOSE: ")"
COMMA: ","
OR.3: /OR(?![\w.])/i
AND.3: /AND(?![\w.])/i
NOT.3: /NOT(?![\w.])/i
LIKE.3: /I?LIKE(?![\w.])/i
IN.3: /IN(?![\w.])/i
IS.3: /IS(?![\w.])/i
NULL.3: /NULL(?![\w.])/i
TRUTH.3: /(?:TRUE|FALSE)(?![\w.])/i
DIRECTION.3: /(?:ASC|DESC)(?![\w.])/i
NUMBER.2: /[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|NaN|Inf(?:inity)?)(?![\w.])/i
COMPARE: /==|!=|<>|<=|>=|=|<|>/
KIND.2: /(?:[^\W\d]\w*|`[^\W\d]\w*`)\.(?=[`"'])/
KEY.1: /[^\W\d]\w*(?:\.[\w.\/:\-]+)?|`[^\W\d]\w*`\.[\w.\/:\-]+/
BACKTICKS: /`(?:[^`\\]|\\.)*`/s
QUOTED: /"(?:[^"\\]|\\.|"")*"/s
SINGLE: /'(?:[^'\\]|\\.|'')*'/s
%ignore /\s+/
"""

SIGNS = {
    "OPEN": "(",
    "CLOSE": ")",
    "COMMA": "a comma",
    "OR": "OR",
    "AND": "AND",
    "NOT": "NOT",
    "LIKE": "LIKE or ILIKE",
    "IN": "IN",
    "IS": "IS",
    "NULL": "NULL",
    "TRUTH": "true or false",
    "DIRECTION": "ASC or DESC",
    "NUMBER": "a number",
    "COMPARE": "one of = != < <= > >=",
    "KIND": "a name such as metrics.auc",
    "KEY": "a name such as metrics.auc",
    "BACKTICKS": "a name such as metrics.auc",
    "QUOTED": "text in quotes",
    "SINGLE": "text in quotes",
    "$END": "the end",
}
"""What an error calls each sign of the grammar."""


@cache
def parser() -> Lark:
    """Return the parser of ``filter`` and ``order``, made when the first search needs it."""
    from lark import Lark

    return Lark(
        _GRAMMAR,
        parser="lalr",
        lexer="contextual",
        start=["filter", "order"],
        maybe_placeholders=False,
    )
