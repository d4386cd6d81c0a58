"""``lapwise serve``: answer requests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lapwise.cli.app import app
from lapwise.cli.render import show

__all__ = ["Host", "Port", "Workers", "serve"]

Host = Annotated[
    str,
    typer.Option("--host", help="Where to listen; beyond this machine only with LAPWISE_TOKEN."),
]
Port = Annotated[int, typer.Option("--port", help="0 takes any free one.", min=0, max=65_535)]
Workers = Annotated[int, typer.Option("--workers", help="How many processes answer.", min=1)]


@app.command()
def serve(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Which model; default: the only one.")
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    workers: Workers = 1,
) -> None:
    """Answer requests with the version in production: Open Inference Protocol v2 over HTTP.

    Works from a snapshot of the deployment, and goes on when the database is away. Follows
    rollouts without a failed request. Ctrl-C finishes what is under way.

    Example: lapwise serve flight-delay --port 8080 --workers 2
    """
    from lapwise.loop.project import find_project
    from lapwise.loop.serve import lay, serve_model

    project = find_project(Path.cwd())
    laid = lay(project, model)

    def announce(at: str, number: int) -> None:
        show(f"{laid.model} answers at http://{at}:{number}/v2/models/{laid.model}")
        sys.stdout.flush()

    serve_model(project, laid.model, host=host, port=port, workers=workers, announce=announce)
