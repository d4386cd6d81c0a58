"""``lapwise sync``: what waits on this disk goes to the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lapwise.cli.app import app
from lapwise.cli.options import AsJson
from lapwise.cli.progress import bars
from lapwise.cli.render import number, print_json, show, table
from lapwise.core.ids import label

__all__ = ["sync"]


@app.command()
def sync(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="A folder in the project; default: this one.",
            show_default=False,
            exists=True,
            file_okay=False,
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Ship what runs logged while the store was away, or before they were killed.

    Runs that are going on are left alone. Doing it twice counts nothing twice. The exit code is 1
    when something that could be shipped still waits.

    Example: lapwise sync
    """
    from lapwise.loop.sync import sync as ship

    with bars() as progress:
        found = ship(folder or Path.cwd(), progress)
    waits = [one for one in found if one.waits]
    if json:
        print_json(found)
    elif not found:
        show("nothing waits on this disk")
    else:
        rows = [
            (
                label("run", one.number) if one.number else f"run …{one.run[-6:]}",
                number(one.entries),
                _state(one.shipped, one.waits),
                one.status or "",
                "; ".join(part for part in (one.note, "torn at its end" * one.damaged) if part),
            )
            for one in found
        ]
        show(table(["run", "entries>", "", "status", "note"], rows))
    if waits:
        raise typer.Exit(1)


def _state(shipped: bool, waits: bool) -> Text:
    if shipped:
        return Text("shipped", style="green")
    return Text("waits", style="red") if waits else Text("left alone", style="dim")
