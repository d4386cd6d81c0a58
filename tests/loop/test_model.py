"""What a page may say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

import lapwise as lw
from lapwise import gates
from lapwise.core.errors import DeclarationError
from lapwise.loop.model import Params, Threshold

orders = lw.Table("orders", "orders.parquet", key="id", event="at", known="made")
view = lw.FeatureView("past", orders, by="customer", features={"n": lw.count(within="7d")})


def train(train: lw.Frame) -> None:
    """Stand for a training function; it is never called."""


def declared(**changes: Any) -> lw.Loop:
    examples = lw.Examples(
        orders,
        row="id",
        time="at",
        inputs=["customer", "amount"],
        label=lw.Label(orders, pl.col("returned"), on="id"),
    )
    said: dict[str, Any] = {
        "features": [view, "amount"],
        "split": lw.KeySplit(),
        "train": train,
        **changes,
    }
    return lw.Loop("returns", examples=examples, **said)


def test_unknown_metric() -> None:
    """A metric that does not exist is refused when the page is read, not after training."""
    with pytest.raises(DeclarationError, match="no metric of this name: 'accuracy_score'"):
        declared(metrics=["roc_auc", "accuracy_score"])


@lw.on_demand
def often(n: pl.Expr, amount: pl.Expr) -> dict[str, pl.Expr]:
    """Read a feature of a view and an input."""
    return {"often": n * amount}


@lw.on_demand
def big(often: pl.Expr) -> dict[str, pl.Expr]:
    """Read an on-demand feature."""
    return {"big": often > 100}


def test_features_made_of_features() -> None:
    """Requests carry inputs only; what is read must be declared before."""
    assert declared(features=[view, often, big]).feature_names == ("n", "often", "big")
    with pytest.raises(DeclarationError, match="'big' reads 'often' before 'often' is declared"):
        declared(features=[view, big, often])
    with pytest.raises(DeclarationError, match=r"what no request carries: \['n'\]"):
        declared(features=["amount", often])
    with pytest.raises(DeclarationError, match="no feature: 7"):
        declared(features=[7])


def test_baseline_without_inputs() -> None:
    """A comparison with a baseline that would have no input is refused when the page is read."""
    asked = [gates.Better("roc_auc", than="baseline")]
    with pytest.raises(DeclarationError, match="nothing to learn from"):
        declared(features=[view], gates=asked)
    assert declared(features=[view], gates=asked, baseline=train).feature_names == ("n",)
    assert declared(features=[view, "amount"], gates=asked).feature_names == ("n", "amount")


def test_params() -> None:
    """Parameters read by name or attribute, and cannot be changed."""
    params = Params({"rate": 0.1, "kind": "tree"})
    assert (params.rate, params["kind"], list(params)) == (0.1, "tree", ["rate", "kind"])
    with pytest.raises(AttributeError, match="the page declares: kind, rate"):
        _ = params.depth
    with pytest.raises(AttributeError):
        setattr(params, "rate", 1)  # noqa: B010 - mypy knows that it cannot be


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
        ({"features": ["amount", "amount"]}, "declared twice"),
        ({"features": ["weight"]}, "no request carries"),
        ({"train": "train"}, "must be a function"),
        ({"train": lambda data: data}, "arguments that nobody gives"),
        ({"baseline": lambda x: x}, "arguments that nobody gives"),
        ({"decide": 0.5}, "must be a Threshold"),
        ({"approval": "auto"}, "a person's act"),
    ],
)
def test_refused(changes: dict[str, Any], message: str) -> None:
    """What cannot be is refused when the page is read, with the word that would do."""
    with pytest.raises(DeclarationError, match=message):
        replace(declared(), **changes)


def test_entity_must_be_carried() -> None:
    """A view whose entity no request carries could never be answered."""
    loop = declared()
    with pytest.raises(DeclarationError, match="no request carries"):
        replace(loop, examples=replace(loop.examples, inputs=["amount"]))


def test_carried() -> None:
    """Slices of gates that are no inputs are brought along with the examples."""
    sliced = declared(gates=[gates.Floor("recall", 0.1, each="region")])
    assert sliced.carried == ("region",)
    assert declared().carried == ()
