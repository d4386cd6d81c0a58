"""Feature views: what is counted, summed and looked up, for whom, over how long."""

from __future__ import annotations

import builtins
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from lapwise.core.declaration import Table
from lapwise.core.digest import Digest, digest_value
from lapwise.core.duration import format_duration, parse_duration
from lapwise.core.errors import DeclarationError
from lapwise.core.model import Record

__all__ = [
    "Aggregate",
    "FeatureView",
    "Kind",
    "Latest",
    "ViewDefinition",
    "count",
    "distinct",
    "first",
    "last",
    "last_n",
    "max",
    "mean",
    "min",
    "rate",
    "std",
    "sum",
    "view_definition",
    "view_digest",
]

Kind: TypeAlias = Literal[
    "count", "distinct", "first", "last", "max", "mean", "min", "rate", "std", "sum"
]

SEMANTICS = 2
"""Raised when the same declaration would give other numbers: it is part of every view's digest."""


class Aggregate(msgspec.Struct, frozen=True):
    """One feature: ``kind`` of the values of ``column`` over the last ``within`` microseconds.

    ``column`` is empty for ``count``. ``quantum`` is the step of fixed-point arithmetic, None for
    the default of the column's type (see ``docs/features.md``). ``place`` is for ``last``: 1 for
    the latest observation, 2 for the one before it, and so on.
    """

    kind: Kind
    column: str
    within: int
    quantum: float | None = None
    place: int = 1


class Latest(msgspec.Struct, frozen=True):
    """The latest observations of a column, a feature each; what :func:`last_n` returns."""

    aggregates: tuple[Aggregate, ...]


_MOST_PLACES = 64
_TOO_LONG = 1 << 61
"""Microseconds (73,000 years): with shorter windows no time of this age leaves 64 bits."""


def count(*, within: str) -> Aggregate:
    """Count the rows of the window; 0 when there are none.

    >>> count(within="1h").within
    3600000000
    """
    return _aggregate("count", "", within)


def last(column: str, *, within: str) -> Aggregate:
    """Take the value of the latest row of the window: greatest by (event, known, key)."""
    return _aggregate("last", column, within)


def last_n(column: str, n: int, *, within: str) -> Latest:
    """Take the latest ``n`` values of the window as ``n`` features, newest first.

    A view that calls it ``"delay"`` has the features ``delay_1`` (the latest), ``delay_2``, …; those
    that the window has no value for are null.

    Raises:
        DeclarationError: ``n`` is below 1 or above 64.

    >>> [one.place for one in last_n("delay", 3, within="7d").aggregates]
    [1, 2, 3]
    """
    if not 1 <= n <= _MOST_PLACES:
        raise DeclarationError(
            "last_n takes another number of values", value=n, expected=f"1 to {_MOST_PLACES}"
        )
    latest = _aggregate("last", column, within)
    return Latest(tuple(msgspec.structs.replace(latest, place=i) for i in range(1, n + 1)))


def distinct(column: str, *, within: str) -> Aggregate:
    """Count the different values of the window, exactly; 0 when there are none."""
    return _aggregate("distinct", column, within)


def first(column: str, *, within: str) -> Aggregate:
    """Take the value of the earliest row of the window: least by (event, known, key)."""
    return _aggregate("first", column, within)


def min(column: str, *, within: str) -> Aggregate:
    """Take the least value of the window (numbers, booleans, times)."""
    return _aggregate("min", column, within)


def max(column: str, *, within: str) -> Aggregate:
    """Take the greatest value of the window (numbers, booleans, times)."""
    return _aggregate("max", column, within)


def sum(column: str, *, within: str, quantum: float | None = None) -> Aggregate:
    """Sum the values of the window in fixed point; null when there are none."""
    return _aggregate("sum", column, within, quantum)


def mean(column: str, *, within: str, quantum: float | None = None) -> Aggregate:
    """Average the values of the window in fixed point; null when there are none."""
    return _aggregate("mean", column, within, quantum)


def std(column: str, *, within: str, quantum: float | None = None) -> Aggregate:
    """Take the standard deviation (ddof 1) of the window; null for fewer than two values."""
    return _aggregate("std", column, within, quantum)


def rate(column: str, *, within: str) -> Aggregate:
    """Take the share of true among the Boolean values of the window; null when there are none."""
    return _aggregate("rate", column, within)


def _aggregate(kind: Kind, column: str, within: str, quantum: float | None = None) -> Aggregate:
    duration = parse_duration(within)
    if not 0 < duration < _TOO_LONG:
        raise DeclarationError(
            f"the window of a {kind} is {'too long' if duration else 'empty'}",
            value=within,
            expected='a duration such as "7d"',
        )
    if kind != "count" and not column:
        raise DeclarationError(f"a {kind} needs a column", value=column, expected="a column's name")
    if quantum is not None and not _is_power_of_two(quantum):
        raise DeclarationError(
            f"the quantum of a {kind} is not a power of two",
            value=quantum,
            expected="a power of two from 2**-60 to 2**60, such as 2**-16, so that scaling is exact",
        )
    return Aggregate(kind, column, duration, None if quantum is None else float(quantum))


def _is_power_of_two(number: float) -> bool:
    mantissa, exponent = math.frexp(number)
    return mantissa == 0.5 and -59 <= exponent <= 61


@dataclass(frozen=True, slots=True, init=False)
class FeatureView:
    """Features of an entity, taken from one table as of the time of each example.

    Args:
        name: names the view in errors, reports and digests.
        table: where the rows come from, with their key, event and known time.
        by: the column or columns, of the table and of the examples, that name the entity.
        features: an aggregate for each feature's name, in order.
        grain: windows begin on whole multiples of this since 1970 (UTC), so that up to one grain
            more is seen; the same offline and online. Default: to the microsecond.
        owner: who answers for it; no part of what the numbers mean.

    Raises:
        DeclarationError: a name is empty, there is no entity or no feature, or a window is shorter
            than the grain.

    >>> arrivals = Table("arrivals", "arrivals.parquet", key="flight_id", event="arrived_at")
    >>> plane = FeatureView("plane", arrivals, by="tailnum", features={
    ...     "plane_mean_delay": mean("arrival_delay", within="7d")})
    >>> plane.by, plane.names
    (('tailnum',), ('plane_mean_delay',))
    """

    name: str
    table: Table
    by: tuple[str, ...]
    features: tuple[tuple[str, Aggregate], ...]
    grain: int
    owner: str

    def __init__(
        self,
        name: str,
        table: Table,
        by: str | tuple[str, ...] | list[str],
        features: Mapping[str, Aggregate | Latest],
        *,
        grain: str | None = None,
        owner: str = "",
    ) -> None:
        entity = (by,) if isinstance(by, str) else tuple(by)
        if not name or not name.replace("_", "").replace("-", "").isalnum():
            raise DeclarationError(
                "a feature view's name must be usable in a path",
                value=name,
                expected="letters, digits, _ and -",
            )
        if not entity or not all(entity) or len(set(entity)) < len(entity):
            raise DeclarationError(
                f"view '{name}' must name its entity", value=by, expected='by="tailnum"'
            )
        if not features:
            raise DeclarationError(
                f"view '{name}' has no features",
                expected='features={"name": lw.count(within="1d")}',
            )
        width = 1 if grain is None else parse_duration(grain)
        if width < 1:
            raise DeclarationError(
                f"view '{name}': the grain is empty", value=grain, expected='grain="1h"'
            )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "by", entity)
        object.__setattr__(self, "features", tuple(_named(name, features, width)))
        object.__setattr__(self, "grain", width)
        object.__setattr__(self, "owner", owner)

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names in the order of their declaration."""
        return tuple(name for name, _ in self.features)

    @property
    def widest(self) -> int:
        """The longest window, in microseconds."""
        return builtins.max(aggregate.within for _, aggregate in self.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """The table's columns that aggregates read, sorted."""
        return tuple(sorted({a.column for _, a in self.features if a.column}))


def _named(
    view: str, features: Mapping[str, object], grain: int
) -> Iterator[tuple[str, Aggregate]]:
    """Yield each feature with its name; the latest values are numbered from 1, the newest."""
    taken: set[str] = set()
    for feature, given in features.items():
        if isinstance(given, Aggregate):
            several = [(feature, given)]
        elif isinstance(given, Latest):
            several = [(f"{feature}_{one.place}", one) for one in given.aggregates]
        else:
            several = []
        if not feature or not several:
            raise DeclarationError(
                f"view '{view}': feature '{feature}' is not an aggregate",
                value=given,
                expected='a name, and an aggregate such as lw.mean("delay", within="7d")',
            )
        for name, aggregate in several:
            _check(view, name, aggregate, grain, taken)
            taken.add(name)
            yield name, aggregate


def _check(view: str, name: str, aggregate: Aggregate, grain: int, taken: set[str]) -> None:
    if name in taken:
        raise DeclarationError(
            f"view '{view}': two features have one name",
            value=name,
            expected="a name of its own for each feature",
        )
    if aggregate.within < grain:
        raise DeclarationError(
            f"view '{view}': the window of '{name}' is shorter than the view's grain",
            value=format_duration(aggregate.within),
            expected=f'{format_duration(grain)} or more, or a smaller grain="..."',
        )


class ViewDefinition(Record, frozen=True, kw_only=True):
    """All of a view that its numbers depend on, in the form the store keeps."""

    name: str
    table: str
    key: tuple[str, ...]
    event: str
    known: str
    by: tuple[str, ...]
    features: tuple[tuple[str, Aggregate], ...]
    grain: int = 1
    semantics: int = SEMANTICS


def view_definition(view: FeatureView) -> ViewDefinition:
    """Return a view as a record."""
    return ViewDefinition(
        name=view.name,
        table=view.table.name,
        key=tuple(view.table.key),
        event=view.table.event,
        known=view.table.known,
        by=view.by,
        features=view.features,
        grain=view.grain,
    )


def view_digest(view: FeatureView) -> Digest:
    """Return the version of a view: equal digests mean equal numbers from equal rows."""
    return digest_value(view_definition(view))
