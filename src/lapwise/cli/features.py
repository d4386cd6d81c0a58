"""``lapwise features``: what a feature is, what it is now, and whether it is the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, AsOf, Page, PageOption, page_and_workshop, workshop
from lapwise.cli.render import number, print_json, show, table, when

__all__ = ["features"]

features = typer.Typer(help="Features, the same in training and in serving.", no_args_is_help=True)
app.add_typer(features, name="features")


@features.command("list")
def features_list(page: Page = None, json: AsJson = False) -> None:
    """List the page's views: what they compute, for whom, and how fresh they are online.

    Example: lapwise features list page.py
    """
    from lapwise.loop.online import list_views

    with page_and_workshop(page) as (loop, opened):
        found = list_views(opened, loop)
    if json:
        print_json(found)
        return
    rows = [
        (
            one.name,
            one.table,
            ", ".join(one.by),
            ", ".join(one.features),
            "never" if one.until is None else when(one.until),
            number(one.entities),
            number(one.rows),
        )
        for one in found
    ]
    show(table(["view", "table", "by", "features", "online until", "entities>", "rows>"], rows))


@features.command("materialize")
def features_materialize(page: Page = None, as_of: AsOf = None) -> None:
    """Bring the online store up to now from the page's tables; what is there already costs nothing.

    Example: lapwise features materialize page.py
    """
    from lapwise.loop.online import materialize_online

    with page_and_workshop(page, as_of) as (loop, opened):
        until = materialize_online(opened, loop)
    show(f"online features are known until {when(until)}")


@features.command("push")
def features_push(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="The table the rows belong to.")],
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Rows: .parquet or .csv.")],
    page: PageOption = None,
) -> None:
    """Push new rows of a table to the online store; pushing them again changes nothing.

    Example: lapwise features push arrivals landed.parquet
    """
    from lapwise.loop.online import push_file

    with page_and_workshop(page) as (loop, opened):
        pushed = push_file(opened, loop, name, source)
    show(f"{number(pushed.rows)} rows of {escape(name)} reached {number(pushed.entities)} entities")


@features.command("get")
def features_get(
    values: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help="What a request would carry.")
    ],
    page: PageOption = None,
    as_of: AsOf = None,
    json: AsJson = False,
) -> None:
    """Show the vector that a request would get now, from the online store.

    Example: lapwise features get tailnum=N12122 origin=EWR carrier=EV dest=BWI
    """
    from lapwise.loop.online import look_up

    with page_and_workshop(page, as_of) as (loop, opened):
        vector = look_up(opened, loop, values)
    if json:
        print_json(vector)
        return
    show(table(["feature", "value>"], [(name, value) for name, value in vector.items()]))


@features.command("verify")
def features_verify(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Default: the only one.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Recompute every logged vector from dataset tables alone: all must be equal, to the bit.

    Damage in the log is said on standard error, and is a failure too.

    Example: lapwise features verify flight-delay
    """
    from lapwise.loop.serve import find_model
    from lapwise.loop.verify import damaged_bytes, read_predictions, verify_features

    with workshop() as opened:
        name = find_model(opened.store, model)
        damaged = damaged_bytes(opened.project.live, name)
        if damaged:
            typer.echo(f"{number(damaged)} bytes of the log are damaged", err=True)
        logged = read_predictions(opened.project.live, name)
        parity = verify_features(opened.store, logged)
    if json:
        print_json(parity)
    else:
        show(
            f"{number(parity.equal)} of {number(parity.rows)} vectors are equal, {parity.share:.4%}"
        )
        if parity.rows < logged.height:
            show(
                f"{number(logged.height - parity.rows)} were given by the caller, or are newer than"
                " what is known of the tables"
            )
        for one in parity.differences:
            show(f"[red]differs[/red]: {escape(str(one))}")
    if damaged or parity.equal < parity.rows:
        raise typer.Exit(1)
