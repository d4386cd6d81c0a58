"""``lapwise import``: bring over what another tool kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.text import Text

from lapwise.cli.app import app
from lapwise.cli.options import AsJson, workshop
from lapwise.cli.render import number, print_json, show, table

__all__ = ["mlflow"]

imports = typer.Typer(help="Bring over what another tool kept.", no_args_is_help=True)
app.add_typer(imports, name="import")

_SHOWN = 20


@imports.command()
def mlflow(
    source: Annotated[
        str,
        typer.Argument(
            metavar="URI",
            help="http://host:5000 of a server, sqlite:///mlflow.db or postgresql://…",
        ),
    ],
    experiment: Annotated[
        list[str] | None,
        typer.Option(
            "--experiment", "-e", metavar="NAME", help="Only this one, by name or id; repeatable."
        ),
    ] = None,
    artifacts: Annotated[
        Path | None,
        typer.Option(
            "--artifacts",
            metavar="FOLDER",
            help="Where a database's artifacts are; nothing else is read. Default: beside it.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Bring over runs, metrics, artifacts and the registry of MLflow, and count them.

    Ids stay. Stopped, it goes on where it was when it is run again; nothing comes twice. Deleted
    things come archived. A server is asked with MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD.

    Example: lapwise import mlflow sqlite:///mlflow.db --artifacts mlruns
    """
    from lapwise.loop.importing import bring, open_source

    opened_source = open_source(source, artifacts)
    try:
        with workshop(make=True) as opened:
            found = bring(
                opened.store,
                opened_source,
                actor=opened.actor,
                experiments=experiment or (),
                progress=opened.progress,
            )
    finally:
        opened_source.close()
    if json:
        print_json(found)
    else:
        rows = [
            (one.kind, number(one.there), number(one.here), _told(one.matches))
            for one in found.counts
        ]
        show(table(["", "there>", "here>", ""], rows))
        for problem in found.problems[:_SHOWN]:
            show(f"[red]not brought[/red]: {escape(problem)}")
        if len(found.problems) > _SHOWN:
            show(f"and {number(len(found.problems) - _SHOWN)} more: --json shows them")
    if not found.complete:
        raise typer.Exit(1)


def _told(matches: bool) -> Text:
    return Text("all", style="green") if matches else Text("not all", style="red")
