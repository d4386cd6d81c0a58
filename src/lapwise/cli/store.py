"""``lapwise db`` and ``lapwise doctor``: the store itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.text import Text

from lapwise.cli.app import app
from lapwise.cli.options import AsJson
from lapwise.cli.render import number, print_json, show, table
from lapwise.loop.project import Project, find_project

__all__ = ["backup", "collect", "database", "doctor", "restore", "upgrade"]

database = typer.Typer(help="The store: upgrade, back up, restore, collect.", no_args_is_help=True)
app.add_typer(database, name="db")


@database.command()
def upgrade() -> None:
    """Bring the database to this version of Lapwise; back it up first.

    Example: lapwise db upgrade
    """
    from lapwise.store.migrate import upgrade as migrate

    before, after = migrate(_project().store)
    show(f"the database is at {after}" + ("" if before == after else f" (was at {before})"))


@database.command()
def backup(file: Annotated[Path, typer.Argument(help="The archive to write; new.")]) -> None:
    """Write the whole store, rows and blobs, to one archive; others may go on writing.

    Example: lapwise db backup store.tar
    """
    from lapwise.store.backup import backup as write

    project = _project()
    write(project.store, project.blobs, file)
    show(f"wrote {escape(str(file))} ({number(file.stat().st_size)} bytes)")


@database.command()
def restore(
    file: Annotated[Path, typer.Argument(help="An archive of `lapwise db backup`.")],
) -> None:
    """Fill an empty store, of either database, from an archive; all or nothing.

    Example: lapwise db restore store.tar
    """
    from lapwise.store.restore import restore as fill

    project = _project()
    fill(file, project.store, project.blobs)
    show(f"restored from {escape(str(file))}; look at it: lapwise doctor")


@database.command()
def collect(json: AsJson = False) -> None:
    """Remove blobs that no record names, and what dead processes left behind.

    Example: lapwise db collect
    """
    from lapwise.store.collect import collect as sweep

    project = _project()
    found = sweep(project.store, project.blobs)
    print_json(found) if json else show(str(found))


@app.command()
def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every blob, not a sample of them.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Look at everything that can be wrong with the stores, and say what mends it.

    Example: lapwise doctor --deep
    """
    from lapwise.loop.online_health import check_online
    from lapwise.store.doctor import doctor as examine

    project = _project()
    checks = (*examine(project.store, project.blobs, deep=deep), check_online(project))
    if json:
        print_json(checks)
    else:
        rows = [
            (
                Text("well", style="green") if one.ok else Text("ill", style="red"),
                one.name,
                one.detail + (f"\nto mend: {one.fix}" if one.fix and not one.ok else ""),
            )
            for one in checks
        ]
        show(table(["", "what", "seen"], rows))
    if not all(one.ok for one in checks):
        raise typer.Exit(1)


def _project() -> Project:
    return find_project(Path.cwd())
