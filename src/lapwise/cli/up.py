"""``lapwise up``: server, pages, watcher and online features in one command, on one port."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from lapwise.cli.app import app
from lapwise.cli.options import Page, page_and_workshop
from lapwise.cli.render import show
from lapwise.core.errors import StorageFullError

if TYPE_CHECKING:
    from lapwise.loop.model import Loop
    from lapwise.loop.project import Project

__all__ = ["run_up", "up"]


@app.command()
def up(
    page: Page = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="0 takes any free one.")
    ] = 8080,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="How many processes answer.")
    ] = 1,
    watch: Annotated[
        bool, typer.Option("--watch/--no-watch", help="Also watch, roll out and start laps.")
    ] = True,
) -> None:
    """Run everything on this machine: predictions, pages, monitors, rollouts, laps.

    Pages at http://127.0.0.1:8080/, predictions below /v2. Only this machine can reach it. Ctrl-C
    ends all of it in order.

    Example: lapwise up page.py
    """
    with page_and_workshop(page) as (loop, opened):
        project = opened.project
    run_up(project, loop, port=port, workers=workers, watch=watch)


def run_up(
    project: Project,
    loop: Loop,
    *,
    port: int,
    workers: int = 1,
    watch: bool = True,
    then: Callable[[str], object] | None = None,
) -> None:
    """Run it until Ctrl-C; ``then`` is called with the pages' address once they are there."""
    from lapwise.loop import place
    from lapwise.loop.deploy import folder_of
    from lapwise.serving import bind, supervise, tokens_for
    from lapwise.store.durable import make_folder

    tokens_for("127.0.0.1")  # a token that is too short is told here, and not by each worker
    folder, features = folder_of(project.live, loop.name), place.argument(project.online)
    try:
        make_folder(folder)
    except OSError as error:
        raise StorageFullError(
            f"the snapshot folder {folder} cannot be made",
            value=error.strerror,
            expected="room on the disk and permission to write",
        ) from error
    python = (sys.executable, "-P", "-m")  # no file of the user's shadows a library

    def worker(number: int) -> tuple[str, ...]:
        places = (str(folder), features, str(number), "127.0.0.1", str(project.root))
        return (*python, "lapwise.server.front", *places)

    def announce(host: str, number: int) -> None:
        address = f"http://{host}:{number}"
        show(f"pages at {address}/\npredictions at {address}/v2/models/{loop.name}\nCtrl-C ends it")
        sys.stdout.flush()
        if then is not None:
            then(address)

    supervise(
        folder,
        bind("127.0.0.1", port),
        worker,
        workers=workers,
        shadow=(*python, "lapwise.loop.shadow", str(folder), features),
        environment=place.environment(project.online),
        beside=[(*python, "lapwise.loop.watching", loop.origin)] if watch else [],
        announce=announce,
    )
