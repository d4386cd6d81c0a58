"""``lapwise runs`` and ``lapwise compare``: what was tried, and what differs."""

from __future__ import annotations

from typing import Annotated

import typer

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, Limit, workshop
from lapwise.cli.render import console, number, print_json, show, table

__all__ = ["compare", "runs"]


@app.command()
def runs(
    experiment: Annotated[
        str | None, typer.Argument(metavar="[EXPERIMENT]", help="Only this experiment's runs.")
    ] = None,
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """List runs, newest first; the columns that differ between them are shown first.

    Flags say what was not pinned, seeded or committed.

    Example: lapwise runs flight-delay -n 5
    """
    from lapwise.tracking import cells, choose_columns, headers, rows

    with workshop() as opened:
        listed = rows(opened.store, opened.store.runs.list(experiment, limit=limit))
    if json:
        print_json(listed)
    elif not listed:
        show("no runs yet; `lapwise lap` or lw.start_run(...) makes one")
    else:
        columns = choose_columns(listed, width=console().width)
        show(table(headers(listed, columns), cells(listed, columns)))


@app.command()
def compare(
    chosen: Annotated[list[str], typer.Argument(metavar="RUN...", help="Numbers or ids of runs.")],
    json: AsJson = False,
) -> None:
    """Put runs beside each other: what differs first, what is the same only counted.

    Example: lapwise compare 41 43
    """
    from lapwise.tracking import compare as put_beside

    with workshop() as opened:
        found = put_beside(opened.store, chosen)
    if json:
        print_json(found)
        return
    headings = ["", "", *(f"run {run.number:03d}" for run in found.runs)]
    rows = [
        (one.kind, one.name, *("-" if value is None else number(value) for value in one.values))
        for one in found.different
    ]
    show(table(headings, rows) if rows else "nothing differs")
    if found.same:
        show("[dim]the same: " + ", ".join(f"{s.count} {s.kind}" for s in found.same) + "[/dim]")
