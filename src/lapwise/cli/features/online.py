"""``lapwise features get``, ``materialize`` and ``push``: what is online."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.text import Text

from lapwise.cli.features.noun import features, now_of, stretch
from lapwise.cli.options import AsJson, AsOf, Page, PageOption, page_and_workshop
from lapwise.cli.render import number, print_json, show, table, visible, when

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lapwise.loop.online import KnownUntil

__all__ = ["features_get", "features_materialize", "features_push"]

_MINUTE = 60_000_000


@features.command("get")
def features_get(
    values: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help="What a request would carry.")
    ],
    page: PageOption = None,
    as_of: AsOf = None,
    json: AsJson = False,
) -> None:
    """Show the vector that a request would get now, from the online store, and how old it is.

    Example: lapwise features get tailnum=N12122 origin=EWR carrier=EV dest=BWI
    """
    from lapwise.loop.online import look_up

    with page_and_workshop(page, as_of) as (loop, opened):
        looked = look_up(opened, loop, values, at=now_of(opened, loop, as_of))
    if json:
        print_json(looked)
        return
    show(table(["feature", "value>"], list(looked.features.items())))
    _warn(looked.views)


@features.command("materialize")
def features_materialize(
    page: Page = None,
    as_of: AsOf = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Build every view anew from the tables.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Bring the online store up to now from the page's tables; what is there already costs nothing.

    Views that a version which answers was trained on are brought up too, though the page declares
    them otherwise by now.

    Example: lapwise features materialize page.py
    """
    from lapwise.loop.online import materialize_online

    with page_and_workshop(page, as_of) as (loop, opened):
        brought = materialize_online(opened, loop, fresh=fresh, count=True)
    if json:
        print_json(brought)
        return
    rows = [
        (
            one.view,
            one.version[:8],
            one.table,
            one.rows,
            "built anew" if one.rebuilt else "what is new",
            f"{one.seconds:.1f} s",
        )
        for one in brought.views
    ]
    if rows:
        show(table(["view", "version", "table", "rows>", "taken", "in>"], rows))
    for one in brought.views:
        if one.forgot is not None:
            show(
                Text(
                    f"{visible(one.view)}: rows known from {when(brought.at)} to {when(one.forgot)} were"
                    " dropped; lapwise features materialize takes those that the tables have, push"
                    " the others again",
                    style="yellow",
                )
            )
    show(f"online features are known until {when(brought.at)}")


@features.command("push")
def features_push(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="The table the rows belong to.")],
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Rows: .parquet or .csv.")],
    page: PageOption = None,
    as_of: AsOf = None,
    json: AsJson = False,
) -> None:
    """Push new rows of a table to the online store; pushing them again changes nothing.

    Example: lapwise features push arrivals landed.parquet
    """
    from lapwise.loop.online import push_file

    with page_and_workshop(page, as_of) as (loop, opened):
        pushed = push_file(opened, loop, name, source)
    if json:
        print_json({"table": name, "rows": pushed.rows, "entities": pushed.entities})
        return
    show(f"{number(pushed.rows)} rows of {escape(name)} reached {number(pushed.entities)} entities")


def _warn(views: Sequence[KnownUntil]) -> None:
    """Say which views know nothing of the last minutes."""
    for one in views:
        if one.behind >= _MINUTE:
            show(
                Text(
                    f"{visible(one.view)}: materialization is behind by {stretch(one.behind)}, known"
                    f" until {when(one.latest)}; lapwise features materialize",
                    style="yellow",
                )
            )
