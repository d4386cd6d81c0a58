"""Declaring a view is cheap, checked, and gives it a version."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from lapwise.core.declaration import Table
from lapwise.core.errors import DeclarationError
from lapwise.features import model as lw
from lapwise.features.model import FeatureView, view_digest

TABLE = Table("arrivals", "arrivals.parquet", key="flight_id", event="arrived_at")


def plane(**features: Any) -> FeatureView:
    """Return a view."""
    return FeatureView("plane", TABLE, "tailnum", features)


def test_a_view_is_a_frozen_value() -> None:
    """Equal declarations are equal, hash alike, and cannot be changed."""
    view = plane(n=lw.count(within="1d"), m=lw.mean("delay", within="2h"))
    assert view == plane(n=lw.count(within="24h"), m=lw.mean("delay", within="120m"))
    assert view.names == ("n", "m")
    assert view.columns == ("delay",)
    assert view.widest == 86_400_000_000
    with pytest.raises(FrozenInstanceError):
        view.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "other",
    [
        plane(n=lw.count(within="2d")),
        plane(m=lw.count(within="1d")),
        plane(n=lw.last("delay", within="1d")),
        FeatureView("plane", TABLE, ("tailnum", "origin"), {"n": lw.count(within="1d")}),
        FeatureView(
            "plane",
            Table("arrivals", "x", key="flight_id", event="arrived_at", known="published_at"),
            "tailnum",
            {"n": lw.count(within="1d")},
        ),
    ],
)
def test_the_digest_covers_the_definition(other: FeatureView) -> None:
    """Window, name, column, entity and times are part of the version."""
    assert view_digest(other) != view_digest(plane(n=lw.count(within="1d")))


def test_the_digest_does_not_cover_where_files_lie() -> None:
    """A table that moved gives the same features."""
    moved = Table("arrivals", "elsewhere/*.parquet", key="flight_id", event="arrived_at")
    view = FeatureView("plane", moved, "tailnum", {"n": lw.count(within="1d")})
    assert view_digest(view) == view_digest(plane(n=lw.count(within="1d")))


def test_the_quantum_is_part_of_the_version() -> None:
    """Another quantum gives other numbers."""
    coarse = lw.sum("delay", within="1d", quantum=2.0**-8)
    assert view_digest(plane(s=coarse)) != view_digest(plane(s=lw.sum("delay", within="1d")))


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: lw.count(within="soon"), "not a duration: 'soon'"),
        (lambda: lw.count(within="0s"), "the window of a count is empty"),
        (lambda: lw.count(within="9999999w"), "the window of a count is too long: '9999999w'"),
        (lambda: lw.last("", within="1d"), "a last needs a column"),
        (lambda: lw.sum("x", within="1d", quantum=0.1), "not a power of two: 0.1"),
        (lambda: lw.sum("x", within="1d", quantum=-2.0), "not a power of two"),
        (lambda: lw.sum("x", within="1d", quantum=float("nan")), "not a power of two"),
        (plane, "has no features"),
        (lambda: plane(n=3), "feature 'n' is not an aggregate: 3"),
        (lambda: FeatureView("a b", TABLE, "x", {"n": lw.count(within="1d")}), "usable in a path"),
        (lambda: FeatureView("a", TABLE, (), {"n": lw.count(within="1d")}), "name its entity"),
        (lambda: FeatureView("a", TABLE, ("x", "x"), {"n": lw.count(within="1d")}), "its entity"),
    ],
)
def test_refuses_what_cannot_be(declare: Callable[[], object], words: str) -> None:
    """Each mistake is one DeclarationError that says what was expected."""
    with pytest.raises(DeclarationError, match=words):
        declare()


def test_declaring_loads_nothing_that_computes() -> None:
    """A view costs no NumPy, Polars or SQL."""
    code = """
import sys
from lapwise.core.declaration import Table
from lapwise.features import FeatureView, last, view_digest
table = Table("t", "t.parquet", key="k", event="at")
view_digest(FeatureView("v", table, "who", {"f": last("x", within="1d")}))
heavy = {"numpy", "polars", "pyarrow", "sqlalchemy", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("within", [5, None, "9" * 5_000 + "d"], ids=["number", "none", "endless"])
def test_what_is_no_duration_is_told(within: object) -> None:
    """Pages are not type-checked before they are read."""
    with pytest.raises(DeclarationError, match="not a duration"):
        lw.count(within=within)  # type: ignore[arg-type]
