"""The page's own words: what can be said, and what is refused when it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lapwise.core.errors import DeclarationError
from lapwise.loop.model import Loop, Params, Threshold
from tests.loop.worlds import World


@pytest.fixture
def loop(fresh: World) -> Loop:
    return fresh.loop()


def test_params() -> None:
    """Parameters read by name or attribute, and cannot be changed."""
    params = Params({"rate": 0.1, "kind": "tree"})
    assert (params.rate, params["kind"], list(params), len(params)) == (
        0.1,
        "tree",
        ["rate", "kind"],
        2,
    )
    with pytest.raises(AttributeError, match="the page declares: kind, rate"):
        _ = params.depth
    with pytest.raises(AttributeError):
        params.rate = 1


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_threshold(share: float) -> None:
    """A share of all or of nobody decides nothing."""
    with pytest.raises(DeclarationError, match="between 0 and 1"):
        Threshold(share=share)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a b"}, "usable in a path"),
        ({"name": ""}, "usable in a path"),
        ({"features": []}, "at least one feature"),
        ({"features": ["shop", "shop"]}, "declared twice"),
        ({"features": ["weight"]}, "no request carries"),
        ({"train": "train"}, "must be a function"),
        ({"train": lambda data: data}, "arguments that nobody gives"),
        ({"baseline": lambda x: x}, "arguments that nobody gives"),
        ({"decide": 0.5}, "must be a Threshold"),
        ({"approval": "auto"}, "a person's act"),
    ],
)
def test_refused(loop: Loop, changes: dict[str, Any], message: str) -> None:
    """What cannot be is refused when the page is read, with the word that would do."""
    with pytest.raises(DeclarationError, match=message):
        replace(loop, **changes)


def test_entity_must_be_carried(loop: Loop) -> None:
    """A view whose entity no request carries could never be answered."""
    examples = replace(loop.examples, inputs=["shop", "channel", "amount", "items", "ordered_at"])
    with pytest.raises(DeclarationError, match="no request carries"):
        replace(loop, examples=examples)


def test_carried(loop: Loop) -> None:
    """Slices of gates that are no inputs are brought along with the examples."""
    from lapwise import gates

    sliced = replace(loop, gates=[gates.Floor("recall", 0.1, each="region"), *loop.gates])
    assert sliced.carried == ("region",)
    assert loop.carried == ()
