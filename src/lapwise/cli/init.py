"""``lapwise init``: start a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from lapwise.cli.app import app
from lapwise.cli.render import show

__all__ = ["init"]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to; made if it is not there.")] = Path(),
    example: Annotated[
        str, typer.Option("--example", help="Which example to copy: flights.")
    ] = "flights",
) -> None:
    """Copy an example project into a folder, as a page to change; nothing is overwritten.

    Example: lapwise init my-product --example flights
    """
    from lapwise.loop.init import start_project

    for path in start_project(folder, example):
        show(f"made {escape(str(path))}")
    show(
        f"next: cd {escape(str(folder))} && lapwise lap --as-of 2013-04-01"
        if folder != Path()
        else "next: lapwise lap --as-of 2013-04-01"
    )
