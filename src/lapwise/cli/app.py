"""The ``lapwise`` command: one verb a deed."""

from __future__ import annotations

import os
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    name="lapwise",
    help="Go round the loop: from raw data to an approved model, again and again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"lapwise {version('lapwise')}")
        raise typer.Exit


@app.callback()
def _global(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback when something fails.")
    ] = False,
    _shown: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    if debug:
        os.environ["LAPWISE_DEBUG"] = "1"
