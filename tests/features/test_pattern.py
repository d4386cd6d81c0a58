"""Patterns mean the same in both languages, or are refused; none takes long."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapwise.features.expressions.pattern import compiled, is_literal
from lapwise.features.expressions.scalar import translate
from lapwise.features.expressions.scalar.node import Defer
from tests.features.scalar.test_equality import declared

PIECES = ("a", "b", "1", ".", r"\d", r"\w", r"\s", "[ab]", "[^a]", "[a-c1]", r"\.", r"\b", "(a|b)",
          "(?:ab)", "^", "$", "a*", "b+", "1?", "[ab]{1,2}", "|", "-", " ")  # fmt: skip
TEXTS = st.lists(st.text("ab1 .-\n_", max_size=7), min_size=1, max_size=5)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join), TEXTS)
def test_a_pattern_that_is_taken_finds_what_polars_finds(pattern: str, texts: list[str]) -> None:
    try:
        search = compiled(pattern).search
    except ValueError:
        return
    wanted = pl.Series(texts).str.contains(pattern, literal=False).to_list()
    assert [search(text) is not None for text in texts] == wanted


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "(?i)a", "(?=a)", "(?P<n>a)", r"\p{L}", "[[:alpha:]]", "[a&&b]", "é", "a**", "(", "[",
     "a{2", "(a)*", "a+b+c+", r"\z", "(?:a|b)+", "*a", "a{1000}"],
)  # fmt: skip
def test_the_rest_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        compiled(pattern)


def test_what_holds_nothing_special_is_itself() -> None:
    assert is_literal("Straße 7, b")
    assert not any(map(is_literal, ["a.b", "a$", "[a]", "a|b", "a-b"]))


def test_the_longest_search_is_short() -> None:
    """Two repetitions of one letter are the worst that is taken; long texts are left to Polars."""
    evaluator = translate(declared(pl.col("t").str.contains("a*a*b"), ["t"]), {"t": pl.String()})
    assert evaluator.scalar(["a" * 128]) == (False,)
    with pytest.raises(Defer):
        evaluator.scalar(["a" * 129])
    assert evaluator(["a" * 10_000_000]) == (False,)
