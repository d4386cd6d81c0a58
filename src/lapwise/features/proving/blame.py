"""Finds why a served vector is not what the tables say: a cause is one that gives it, to the bit."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from lapwise.core.errors import LapwiseError
from lapwise.features.expressions.demand import OnDemand
from lapwise.features.model import FeatureView, view_digest
from lapwise.features.offline.join import point_in_time
from lapwise.features.proving.bits import normal, unequal
from lapwise.features.proving.cause import Cause, Former, Served, Traces
from lapwise.features.proving.fault import row_cause

__all__ = ["demand_cause", "view_cause"]

_UNKNOWN = Cause("unknown", "no single fault of those looked for gives what was served")
_ZONED = pl.Datetime("us", "UTC")


def view_cause(
    served: Served, table: pl.LazyFrame, traces: Traces, later: Sequence[Served] = ()
) -> Cause:
    """Find what gives a view's vector as it was served.

    Args:
        served: a vector that differs.
        table: all rows of the view's table.
        traces: what else there is to look at.
        later: right vectors of the same entity that were served afterwards, the earliest first.
    """
    found = _of_type(served.names, served.logged, served.offline)
    found = found or _of_definition(served, table, traces.others)
    if found:
        return found
    for former in traces.former.get(served.request.view.table.name, ()):
        if _of_former(served, table, former):
            return Cause(
                "changed_table",
                f"the table was changed since: right by {former.name}, as it was read before",
            )
    return row_cause(served, table, traces.again, later) or _UNKNOWN


def demand_cause(
    feature: OnDemand,
    logged: pl.DataFrame,
    offline: pl.DataFrame,
    *,
    typed: pl.DataFrame,
    others: Sequence[FeatureView | OnDemand] = (),
) -> Cause:
    """Find what gives on-demand features as they were served.

    Args:
        feature: what was served.
        logged: one row of the log, with the request's columns and the features as served.
        offline: the row as it is right, features that are inputs among its columns.
        typed: the request's columns of the row with the types that training has.
        others: other versions of definitions that may have answered.
    """
    names = feature.outputs
    if cause := _of_type(names, logged, offline):
        return cause
    for name in feature.inputs:
        derived = name in offline and name in logged and name not in typed
        if derived and unequal(logged[name], offline[name])[0]:
            return Cause(
                "input",
                f"it is made of '{name}', which was {logged[name][0]!r} and should be"
                f" {offline[name][0]!r}",
            )
    for other in others:
        if not isinstance(other, OnDemand) or other == feature:
            continue
        if set(other.outputs) == set(names) and _gives(other, offline, logged, names):
            return Cause(
                "definition",
                f"another version of '{other.name}' answered: {other.digest[:12]} instead of"
                f" {feature.digest[:12]}",
            )
    if _gives(feature, logged, logged, names):
        told = [
            f"'{name}' was {logged[name].dtype} and is {offline[name].dtype}"
            for name in feature.inputs
            if name in logged and logged[name].dtype != offline[name].dtype
        ]
        if told:
            return Cause("type", f"the request's types give it: {'; '.join(told)}")
    if _gives(feature, offline, logged, names):
        return Cause("on_demand", "one row alone gives what was served, many give what is right")
    return Cause("on_demand", "its expressions give something else, for one row and for many")


def _gives(
    feature: OnDemand, inputs: pl.DataFrame, logged: pl.DataFrame, names: Sequence[str]
) -> bool:
    """Return whether a definition makes of one row what was served."""
    try:
        made = feature.compute(inputs)
    except (LapwiseError, pl.exceptions.PolarsError):
        return False
    return not any(unequal(logged[name], made[name])[0] for name in names)


def _of_type(names: Sequence[str], logged: pl.DataFrame, offline: pl.DataFrame) -> Cause | None:
    """Say that values are right but of another type: text for a number, a whole for a fraction."""
    told = []
    for name in names:
        if not unequal(logged[name], offline[name])[0]:
            continue
        wanted, found = normal(offline[name]), logged[name]
        cast = found.cast(wanted.dtype, strict=False)
        if found.dtype == wanted.dtype or cast.null_count() or unequal(cast, wanted)[0]:
            return None
        told.append(f"'{name}' was served as {found.dtype} and is {offline[name].dtype}")
    return Cause("type", "; ".join(told)) if told else None


def _of_definition(
    served: Served, table: pl.LazyFrame, others: Sequence[FeatureView | OnDemand]
) -> Cause | None:
    view = served.request.view
    for other in others:
        if not isinstance(other, FeatureView) or set(other.names) != set(view.names):
            continue
        if other.table.name != view.table.name or view_digest(other) == view_digest(view):
            continue
        try:
            found = _as_of(other, served.request.entity, served.request.at, table)
        except LapwiseError:
            continue
        if served.is_given_by(found):
            return Cause(
                "definition",
                f"another version of view '{other.name}' answered: {view_digest(other)[:12]} instead"
                f" of {view_digest(view)[:12]}",
            )
    return None


def _of_former(served: Served, table: pl.LazyFrame, former: Former) -> bool:
    """Return whether a table as it was, and what has become known since, gives what was served."""
    view = served.request.view
    known = pl.col(view.table.known).dt.epoch("us")
    names = list(
        dict.fromkeys(
            (*view.table.key, view.table.event, view.table.known, *view.by, *view.columns)
        )
    )
    try:
        rows = pl.concat(
            [
                former.rows.select(names).filter(known < former.watermark),
                table.select(names).filter(known >= former.watermark),
            ],
            how="vertical_relaxed",
        )
        return served.is_given_by(_as_of(view, served.request.entity, served.request.at, rows))
    except (LapwiseError, pl.exceptions.PolarsError):
        return False


def _as_of(view: FeatureView, entity: pl.DataFrame, at: int, table: pl.LazyFrame) -> pl.DataFrame:
    asked = entity.select(view.by).with_columns(__at=pl.lit(at).cast(_ZONED))
    tables = {view.table.name: table}
    return point_in_time(asked, [view], time="__at", tables=tables).select(view.names)
