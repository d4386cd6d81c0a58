"""Which features read which: on-demand features may name those declared before them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lapwise.core.errors import DeclarationError
from lapwise.features.model import FeatureView

if TYPE_CHECKING:
    from lapwise.features.expressions.demand import OnDemand

__all__ = ["check_order", "columns_read", "given_by"]


def given_by(feature: FeatureView | OnDemand | str) -> tuple[str, ...]:
    """Return the names of the features that a declaration gives.

    Raises:
        DeclarationError: it is nothing that gives features.
    """
    if isinstance(feature, str):
        return (feature,)
    if isinstance(feature, FeatureView):
        return feature.names
    if not hasattr(feature, "outputs"):
        raise DeclarationError(
            "features hold what is no feature",
            value=feature,
            expected="a FeatureView, a function with @lw.on_demand, or the name of an input",
        )
    return feature.outputs


def check_order(features: Sequence[FeatureView | OnDemand | str]) -> None:
    """Refuse on-demand features that read what is declared after them, or themselves.

    Raises:
        DeclarationError: names both.
    """
    givers: dict[str, int] = {}
    for place, feature in enumerate(features):
        for name in given_by(feature):
            givers.setdefault(name, place)
    for place, feature in enumerate(features):
        for name in _inputs(feature):
            later = givers.get(name, -1)
            if later >= place and not isinstance(features[later], str):
                raise _refused(features, place, later, name, givers)


def columns_read(features: Sequence[FeatureView | OnDemand | str]) -> tuple[str, ...]:
    """Return the columns that examples and requests must carry, each once, in order of reading.

    They are the plain inputs, the entities of views, and what on-demand features read that is no
    feature declared before them.

    >>> from lapwise.core.declaration import Table
    >>> from lapwise.features.model import count
    >>> arrivals = Table("arrivals", "arrivals.parquet", key="flight", event="arrived")
    >>> plane = FeatureView("plane", arrivals, by="tailnum", features={"n": count(within="1d")})
    >>> columns_read(["carrier", plane])
    ('carrier', 'tailnum')
    """
    known: set[str] = set()
    found: dict[str, None] = {}
    for feature in features:
        given = given_by(feature)
        if isinstance(feature, str):
            found.setdefault(feature)
        elif isinstance(feature, FeatureView):
            found.update(dict.fromkeys(feature.by))
        else:
            found.update(dict.fromkeys(name for name in feature.inputs if name not in known))
        known.update(() if isinstance(feature, str) else given)
    return tuple(found)


def _inputs(feature: FeatureView | OnDemand | str) -> Iterable[str]:
    return () if isinstance(feature, str | FeatureView) else feature.inputs


def _refused(
    features: Sequence[FeatureView | OnDemand | str],
    place: int,
    later: int,
    name: str,
    givers: dict[str, int],
) -> DeclarationError:
    reader, giver = _name(features[place]), _name(features[later])
    if place == later:
        return DeclarationError(
            f"on-demand feature '{reader}' reads '{name}', which it gives itself",
            value=name,
            expected="another name for the feature, or for the parameter",
        )
    if place in _needs(features, later, givers):
        return DeclarationError(
            f"on-demand features '{reader}' and '{giver}' read each other",
            value=name,
            expected="no circle: each feature reads what is made before it",
        )
    return DeclarationError(
        f"on-demand feature '{reader}' reads '{name}' before '{giver}' is declared",
        value=name,
        expected=f"'{giver}' before '{reader}' among the features",
        fix=f"features=[..., {giver}, {reader}]",
    )


def _needs(
    features: Sequence[FeatureView | OnDemand | str], start: int, givers: dict[str, int]
) -> set[int]:
    """Return all that a feature reads, directly or through others."""
    found: set[int] = set()
    waiting = [start]
    while waiting:
        for name in _inputs(features[waiting.pop()]):
            place = givers.get(name)
            if place is not None and place not in found:
                found.add(place)
                waiting.append(place)
    return found


def _name(feature: FeatureView | OnDemand | str) -> str:
    return feature if isinstance(feature, str) else feature.name
