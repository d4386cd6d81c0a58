"""``lapwise data``: versions of the page's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, AsOf, Limit, PageOption, page_and_workshop, workshop
from lapwise.cli.render import age, number, print_json, show, table, when
from lapwise.core.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from lapwise.core.model import DatasetVersion
    from lapwise.data import DatasetDiff

__all__ = ["data", "difference", "log", "take"]

data = typer.Typer(help="Versions of the page's tables.", no_args_is_help=True)
app.add_typer(data, name="data")


@data.command("snapshot")
def take(
    name: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="One table; default: all.")
    ] = None,
    page: PageOption = None,
    as_of: AsOf = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take content that changed under a known name.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Take a version of the tables as they are known now; unchanged files cost nothing.

    Example: lapwise data snapshot arrivals --as-of 2013-04-01
    """
    from lapwise.data.snapshot import snapshot

    with page_and_workshop(page, as_of) as (loop, opened):
        tables = {one.name: one for one in loop.tables}
        if name is not None and name not in tables:
            raise NotFoundError(
                "the page has no such table", value=name, expected=", ".join(tables)
            )
        taken = [
            snapshot(
                tables[one],
                opened.store,
                root=opened.project.root,
                watermark=opened.world.now(),
                accept=accept,
                progress=opened.progress,
                fingerprint=opened.engine.fingerprint,
            )
            for one in ([name] if name else tables)
        ]
    print_json(taken) if json else show(_versions(taken))


@data.command()
def log(
    name: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="One table; default: all.")
    ] = None,
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """List the versions that were taken, newest first.

    Example: lapwise data log arrivals
    """
    with workshop() as opened:
        found = opened.store.datasets.list(name, limit=limit)
    if json:
        print_json(found)
    elif not found:
        show("no versions yet; `lapwise data snapshot` takes them")
    else:
        show(_versions(found))


@data.command("diff")
def difference(
    old: Annotated[str, typer.Argument(metavar="OLD", help="TABLE@vN, a digest or an id.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="TABLE@vN, a digest or an id.")],
    json: AsJson = False,
) -> None:
    """Say what differs between two versions of a table: columns, files, rows by key, statistics.

    Example: lapwise data diff arrivals@v1 arrivals@v2
    """
    from lapwise.data.diff import diff

    with workshop() as opened:
        datasets = opened.store.datasets
        found = diff(datasets.get(old), datasets.get(new), opened.store)
    print_json(found) if json else _show_difference(found)


def _versions(versions: Sequence[DatasetVersion]) -> Table:
    rows = [
        (
            f"{version.table} v{version.number}",
            number(version.rows),
            when(version.watermark),
            when(version.event_maximum) if version.event_maximum is not None else "",
            age(version.created),
            version.digest[:12],
        )
        for version in versions
    ]
    return table(["version", "rows>", "known before", "last event", "age>", "digest"], rows)


def _show_difference(found: DatasetDiff) -> None:
    show(f"{found.table} v{found.old} → v{found.new}")
    rows = [
        ("rows added", found.rows_added, "; ".join(found.added_examples)),
        ("rows removed", found.rows_removed, "; ".join(found.removed_examples)),
        ("rows changed", found.rows_changed, "; ".join(found.changed_examples)),
        ("files added", len(found.files_added), ", ".join(found.files_added)),
        ("files removed", len(found.files_removed), ", ".join(found.files_removed)),
        ("files changed", len(found.files_changed), ", ".join(found.files_changed)),
    ]
    rows += [
        ("column " + one.name, 1, f"{one.old or '-'} → {one.new or '-'}") for one in found.columns
    ]
    show(table(["what", "count>", "such as"], [row for row in rows if row[1]] or [("nothing",)]))
    shifts = [
        (
            one.name,
            number(one.old.mean),
            number(one.new.mean),
            number(one.shift),
            f"{number(one.old.nulls)} → {number(one.new.nulls)}",
        )
        for one in found.shifts
    ]
    if shifts:
        show(table(["column", "mean was>", "is>", "shift (sd)>", "nulls>"], shifts))
