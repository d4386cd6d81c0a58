"""A page of runs that a filter found, with the columns that were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lapwise.core.errors import DeclarationError, NotFoundError
from lapwise.server.addresses import address
from lapwise.server.observed import in_order
from lapwise.server.problem import problem_of
from lapwise.tracking import summary_rows

if TYPE_CHECKING:
    from lapwise.core.model import Metric, Param, Run, Scalar
    from lapwise.core.tracked import Page, RunSummary
    from lapwise.store.model import Store
    from lapwise.tracking import RunRow

__all__ = ["Asked", "runs_page"]

_LIMIT = 50
_LOOKED_AT = 5
_METRICS = 4
_PARAMS = 4
_MOST_COLUMNS = 40
_EXPERIMENTS = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address says; ``columns`` as ``metrics.auc, params.lr``, empty for a good choice."""

    where: str = ""
    experiment: str = ""
    order: str = ""
    columns: str = ""
    archived: bool = False
    after: str = ""

    def address(self, **changes: str | bool) -> str:
        """Return the address of the same question with something changed, from its first page."""
        query: dict[str, str | bool] = {
            "where": self.where,
            "experiment": self.experiment,
            "order": self.order,
            "columns": self.columns,
            "archived": self.archived,
        }
        return address("/runs", **{**query, **changes})


@dataclass(frozen=True, slots=True)
class Heading:
    """A chosen column: its name as filters say it, and where a click sorts by it."""

    kind: str
    name: str
    address: str
    sorted: str


@dataclass(frozen=True, slots=True)
class Line:
    """A run with the values of the chosen columns, None where it has none."""

    row: RunRow
    values: tuple[Scalar, ...]


def runs_page(store: Store, asked: Asked) -> dict[str, Any]:
    """Return the facts of the page; a filter that cannot be read is one of them."""
    experiments = [one.name for one in store.experiments.search(limit=_EXPERIMENTS).items]
    if asked.experiment and asked.experiment not in experiments:
        asked = replace(asked, experiment=_named(store, asked.experiment))
    facts: dict[str, Any] = {
        "asked": asked,
        "experiments": experiments,
        "lines": (),
        "headings": (),
        "problem": None,
        "next": "",
        "first": asked.address(),
    }
    try:
        names, page = _found(store, asked)
    except DeclarationError as error:
        return facts | {"problem": problem_of(error)}
    rows = summary_rows(store, page.items)
    return facts | {
        "lines": [Line(row, _values(row, names)) for row in rows],
        "headings": [_heading(asked, name) for name in names],
        "next": asked.address(after=page.next) if page.next else "",
    }


def _named(store: Store, experiment: str) -> str:
    """Return the name of an experiment, of which addresses that MLflow prints say the number."""
    try:
        return store.experiments.get(experiment).name
    except NotFoundError:
        return "Default" if experiment == "0" else experiment


def _found(store: Store, asked: Asked) -> tuple[tuple[str, ...], Page[RunSummary]]:
    """Search twice where nobody chose columns: which runs there are says which columns do."""
    if asked.columns:
        listed = dict.fromkeys(one.strip() for one in asked.columns.split(",") if one.strip())
        names = tuple(listed)[:_MOST_COLUMNS]
        return names, _search(store, asked, names)
    bare = _search(store, asked, ())
    names = _good_columns(store, [one.run for one in bare.items])
    return names, _search(store, asked, names) if names else bare


def _search(store: Store, asked: Asked, columns: Sequence[str]) -> Page[RunSummary]:
    return store.runs.search(
        asked.where,
        experiments=(asked.experiment,) if asked.experiment else (),
        order=(asked.order,) if asked.order else (),
        columns=columns,
        archived=asked.archived,
        limit=_LIMIT,
        after=asked.after,
    )


def _good_columns(store: Store, runs: Sequence[Run]) -> tuple[str, ...]:
    """Return columns by what a few of the runs logged, what differs between them first.

    However much one logged, few are looked at and few are chosen.
    """
    step = max(1, len(runs) // _LOOKED_AT)
    ids = [run.id for run in runs[::step][:_LOOKED_AT]]
    if not ids:
        return ()
    metrics = _differing_first(list(store.runs.metrics(ids).values()))
    params = _differing_first(list(store.runs.params(ids).values()))
    own = [name for name in metrics if not name.startswith("system")]
    return tuple(f"metrics.{_quoted(name)}" for name in own[:_METRICS]) + tuple(
        f"params.{_quoted(name)}" for name in params[:_PARAMS]
    )


def _differing_first(logged: Sequence[Sequence[Metric | Param]]) -> list[str]:
    values: dict[str, list[str]] = {}
    for named in logged:
        for one in named:
            values.setdefault(one.name, []).append(repr(one.value))
    liked = {name: place for place, name in enumerate(in_order(sorted(values)))}
    same = {name: len(set(found)) == 1 and len(found) > 1 for name, found in values.items()}
    return sorted(values, key=lambda name: (same[name], -len(values[name]), liked[name]))


def _quoted(name: str) -> str:
    plain = all(character.isalnum() or character in "_./:-" for character in name)
    return name if plain else f"`{name}`"


def _values(row: RunRow, names: Sequence[str]) -> tuple[Scalar, ...]:
    known: dict[str, Scalar] = {f"metrics.{one.name}": one.value for one in row.metrics}
    known |= {f"params.{one.name}": one.value for one in row.params}
    known |= {f"tags.{one.name}": one.value for one in row.tags}
    return tuple(known.get(name.replace("`", "").replace('"', "")) for name in names)


def _heading(asked: Asked, column: str) -> Heading:
    kind, _, name = column.partition(".")
    field, _, direction = asked.order.rpartition(" ")
    now = direction.lower() if field == column else ""
    turned = f"{column} ASC" if now == "desc" else f"{column} DESC"
    return Heading(kind, name.strip('`"'), asked.address(order=turned), now)
