"""``lapwise runs`` and ``lapwise compare``: what was tried, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, Limit, workshop
from lapwise.cli.render import console, number, print_json, show, table, visible
from lapwise.core.errors import NotFoundError

if TYPE_CHECKING:
    from lapwise.store.model import Store
    from lapwise.tracking import Comparison, FoundRuns, RunRow

__all__ = ["compare", "runs"]

_BESIDE = 6
_HIDDEN = 12
_OWN = ("name", "experiment")
_STATUS = {
    "running": "cyan",
    "finished": "green",
    "failed": "red",
    "crashed": "red",
    "killed": "yellow",
}


@app.command()
def runs(
    experiment: Annotated[
        str | None, typer.Argument(metavar="[EXPERIMENT]", help="Only this experiment's runs.")
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WHERE]...", help="A filter, as --where, in quotes."),
    ] = None,
    where: Annotated[
        str,
        typer.Option("--where", "-w", metavar="FILTER", help="Only runs for which this is true."),
    ] = "",
    order: Annotated[
        list[str] | None,
        typer.Option("--order", "-o", metavar="NAME", help="Sort by it; may be given again."),
    ] = None,
    columns: Annotated[
        str, typer.Option("--columns", "-c", metavar="NAMES", help="Show these, by commas.")
    ] = "",
    archived: Annotated[bool, typer.Option("--archived", help="Archived runs instead.")] = False,
    after: Annotated[
        str, typer.Option("--after", metavar="TOKEN", help="Go on after a page.")
    ] = "",
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """List runs, newest first; the columns that differ between them are shown first.

    A filter has AND, OR, NOT, brackets, comparisons, LIKE and IN, over params.NAME, metrics.NAME,
    tags.NAME, dataset.name, dataset.digest, code, status, started and the like. Flags say what was
    not pinned, seeded or committed.

    Example: lapwise runs flight-delay "metrics.auc > 0.7 AND NOT tags.owner LIKE 'a%'" -n 5

    Example: lapwise runs --order "metrics.auc DESC" --columns name,metrics.auc,params.lr
    """
    from lapwise.tracking import find_runs

    asked = [one.strip() for one in columns.split(",") if one.strip()]
    with workshop() as opened:
        if experiment and _is_filter(opened.store, experiment):
            words, experiment = [experiment, *(words or ())], None
        filters = [one for one in (" ".join(words or ()), where) if one]
        if len(filters) > 1:  # one alone stays as it is: errors say at which column
            filters = [f"({one})" for one in filters]
        found = find_runs(
            opened.store,
            " AND ".join(filters),
            experiments=(experiment,) if experiment else (),
            order=order or (),
            columns=[one for one in asked if one not in _OWN] if asked else None,
            archived=archived,
            limit=limit,
            after=after,
        )
        if experiment and not found:
            opened.store.experiments.get(experiment)  # raises, where there is none
    if json:
        print_json({"runs": tuple(found), "next": found.next})
    elif not found:
        filtered = bool(experiment or filters or after or archived)
        show(
            "no run is like that"
            if filtered
            else "no runs yet; `lapwise lap` or lw.start_run(...) makes one"
        )
    else:
        _show_runs(found, asked)


def _is_filter(store: Store, text: str) -> bool:
    """Return whether what stands where an experiment may is a filter: it compares, and is no name."""
    if not any(sign in text for sign in "<>="):
        return False
    try:
        store.experiments.get(text)
    except NotFoundError:
        return True
    return False


def _show_runs(found: FoundRuns, asked: Sequence[str]) -> None:
    from lapwise.tracking import Columns, cells, choose_columns, headers

    columns = (
        Columns(
            metrics=_named(asked, "metrics"),
            params=_named(asked, "params"),
            beside=tuple(one for one in _OWN if one in asked),
        )
        if asked
        else choose_columns(found, width=console().width)
    )
    tags = _named(asked, "tags")
    headings = headers(found, columns)
    rows = [
        [*_coloured(headings, texts), *_tags(row, tags)]
        for row, texts in zip(found, cells(found, columns), strict=True)
    ]
    show(table([*headings, *tags], rows))
    if found.next:
        show(Text(f"more: the same with --after {visible(found.next)}", style="dim"))


def _named(asked: Sequence[str], kind: str) -> tuple[str, ...]:
    own = [one for one in asked if one.startswith(f"{kind}.")]
    return tuple(one.removeprefix(f"{kind}.").strip('`"') for one in own)


def _tags(row: RunRow, names: Sequence[str]) -> list[str]:
    known = {one.name: one.value for one in row.tags}
    return [known.get(name, "") for name in names]


def _coloured(headings: Sequence[str], texts: Sequence[str]) -> list[Text | str]:
    cells: list[Text | str] = list(texts)
    at = headings.index("status")
    cells[at] = Text(texts[at], style=_STATUS.get(texts[at], ""))
    if headings[-1] == "flags":
        cells[-1] = Text(visible(texts[-1]), style="yellow")
    return cells


@app.command()
def compare(
    chosen: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Numbers or ids of runs.")
    ] = None,
    where: Annotated[
        str,
        typer.Option("--where", "-w", metavar="FILTER", help="Runs for which this is true, too."),
    ] = "",
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="METRIC", help="Rank causes by what they explain of it."),
    ] = None,
    system: Annotated[
        bool, typer.Option("--system", help="List what the machine did (system/…), too.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="At most N runs of the filter's.")
    ] = 300,
    json: AsJson = False,
) -> None:
    """Put runs beside each other: what differs first, what is the same only counted.

    More than six runs have a line each, and as many columns as fit: those that explain most of a
    metric first, with their share of its variance above them. --json has all.

    Example: lapwise compare 41 43

    Example: lapwise compare --where "metrics.auc > 0.7" --by auc
    """
    from lapwise.tracking import compare as put_beside
    from lapwise.tracking import find_runs

    named = list(chosen or ())
    with workshop() as opened:
        if where:
            found = find_runs(opened.store, where, columns=(), limit=limit)
            named += [row.run for row in found]
        comparison = put_beside(opened.store, named, metric=by, system=system)
    if json:
        print_json(comparison)
        return
    if len(comparison.runs) > _BESIDE:
        _show_turned(comparison)
    else:
        _show_beside(comparison)
    if comparison.folded:
        show(Text(f"left out: {comparison.folded} of system/… (--system lists them)", style="dim"))
    if comparison.same:
        counted = ", ".join(f"{one.count} {one.kind}" for one in comparison.same)
        show(Text(f"the same: {counted}", style="dim"))


def _show_beside(found: Comparison) -> None:
    from lapwise.tracking import package_changes

    headings = ["", "", *(f"run {run.number:03d}" for run in found.runs)]
    rows = [
        (one.kind, one.name, *("-" if value is None else number(value) for value in one.values))
        for one in found.different
        if one.kind != "package"
    ]
    packages = package_changes(found)
    if rows:
        show(table(headings, rows))
    elif not packages:
        show("nothing differs")
    _show_packages(packages)


def _show_turned(found: Comparison) -> None:
    from lapwise.tracking import package_changes, turned

    drawn = turned(found, width=console().width)
    if len(drawn.headings) > 1:
        show(table(drawn.headings, drawn.rows))
    elif not found.different:
        show("nothing differs")
    ranked = [one for one in found.different if one.explains is not None and one.kind != "package"]
    if ranked:
        shares = [f"{one.name} {100 * (one.explains or 0):.0f} %" for one in ranked[:_HIDDEN]]
        show(Text(f"of {found.metric}'s variance goes with: {', '.join(shares)}"))
    hidden = [one.name for one in drawn.hidden if one.kind != "package"]
    if hidden:
        more = " …" if len(hidden) > _HIDDEN else ""
        show(
            Text(
                f"{len(hidden)} more differ: {visible(', '.join(hidden[:_HIDDEN]))}{more} (--json)",
                style="dim",
            )
        )
    _show_packages(package_changes(found))


def _show_packages(packages: Sequence[str]) -> None:
    if not packages:
        return
    rows = [("package" if place == 0 else "", one) for place, one in enumerate(packages[:_HIDDEN])]
    if len(packages) > _HIDDEN:
        rows.append(("", f"and {len(packages) - _HIDDEN} more (--json)"))
    show(table(["", ""], rows))
