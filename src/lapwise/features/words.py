"""How a feature is made, in words: one line for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.duration import format_duration
from lapwise.features.model import Aggregate, FeatureView, ViewDefinition

if TYPE_CHECKING:
    from lapwise.features.expressions.demand import OnDemand

__all__ = ["aggregate_words", "declared_text", "feature_words"]

_LONGEST = 300

_KINDS = {
    "count": "number of rows",
    "distinct": "number of different {}",
    "first": "earliest {}",
    "last": "latest {}",
    "max": "greatest {}",
    "mean": "mean of {}",
    "min": "least {}",
    "rate": "share of {} that is true",
    "std": "standard deviation of {}",
    "sum": "sum of {}",
}


def aggregate_words(aggregate: Aggregate) -> str:
    """Return what an aggregate takes from which window.

    >>> aggregate_words(Aggregate("mean", "delay", 7 * 86_400_000_000))
    'mean of delay within 1w'
    >>> aggregate_words(Aggregate("last", "delay", 3_600_000_000, place=2))
    '2nd latest delay within 1h'
    """
    what = _KINDS[aggregate.kind].format(aggregate.column)
    if aggregate.place > 1:
        what = f"{_ordinal(aggregate.place)} {what}"
    step = "" if aggregate.quantum is None else f", in steps of {aggregate.quantum:g}"
    return f"{what} within {format_duration(aggregate.within)}{step}"


def _ordinal(place: int) -> str:
    """Return the n-th in short.

    >>> [_ordinal(place) for place in (2, 3, 4, 11, 22, 63)]
    ['2nd', '3rd', '4th', '11th', '22nd', '63rd']
    """
    ending = "th" if place in range(11, 14) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


def feature_words(feature: FeatureView | OnDemand) -> tuple[str, ...]:
    """Return how each feature is made, in the order of the features."""
    if isinstance(feature, FeatureView):
        return tuple(aggregate_words(aggregate) for _, aggregate in feature.features)
    # A named expression ends in `.alias("name")`, which the name beside it says already.
    pairs = zip(feature.outputs, feature.expressions(), strict=True)
    return tuple(_written(str(expression), name) for name, expression in pairs)


def declared_text(definition: ViewDefinition) -> str:
    """Return a view's definition as a page would declare it, beside its table.

    >>> from lapwise.core.declaration import Table
    >>> from lapwise.features.model import count, last_n, view_definition
    >>> table = Table("arrivals", "arrivals.parquet", key="flight", event="arrived", known="told")
    >>> view = FeatureView("plane", table, by="tailnum", grain="1h", features={
    ...     "n": count(within="3h"), "delay": last_n("delay", 2, within="1d")})
    >>> print(declared_text(view_definition(view)))
    arrivals = lw.Table("arrivals", ..., key="flight", event="arrived", known="told")
    lw.FeatureView("plane", arrivals, by="tailnum", grain="1h", features={
        "n": lw.count(within="3h"),
        "delay": lw.last_n("delay", 2, within="1d"),
    })
    """
    known = f', known="{definition.known}"' if definition.known != definition.event else ""
    table = definition.table.replace("-", "_")
    columns = f'key={_names(definition.key)}, event="{definition.event}"{known}'
    lines = [f'{table} = lw.Table("{definition.table}", ..., {columns})']
    grain = f' grain="{format_duration(definition.grain)}",' if definition.grain > 1 else ""
    lines.append(
        f'lw.FeatureView("{definition.name}", {table}, by={_names(definition.by)},{grain} features={{'
    )
    features = list(definition.features)
    for place, (name, aggregate) in enumerate(features):
        if aggregate.place > 1:
            continue
        count = 1
        while place + count < len(features) and features[place + count][1].place == count + 1:
            count += 1
        lines.append(f"    {_declared(name, aggregate, count)},")
    return "\n".join([*lines, "})"])


def _declared(name: str, aggregate: Aggregate, count: int) -> str:
    within = f'within="{format_duration(aggregate.within)}"'
    if count > 1:
        base = name.removesuffix("_1")
        return f'"{base}": lw.last_n("{aggregate.column}", {count}, {within})'
    column = f'"{aggregate.column}", ' if aggregate.column else ""
    quantum = "" if aggregate.quantum is None else f", quantum={aggregate.quantum!r}"
    return f'"{name}": lw.{aggregate.kind}({column}{within}{quantum})'


def _names(names: tuple[str, ...]) -> str:
    if len(names) == 1:
        return f'"{names[0]}"'
    return "(" + ", ".join(f'"{name}"' for name in names) + ")"


def _written(expression: str, name: str) -> str:
    text = expression.removesuffix(f'.alias("{name}")').lstrip(".")
    return text.replace("dyn int: ", "").replace("dyn float: ", "")[:_LONGEST]
