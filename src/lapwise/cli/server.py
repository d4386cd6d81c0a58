"""``lapwise server``: one store for a team."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lapwise.cli.app import app
from lapwise.cli.options import AsJson
from lapwise.cli.render import print_json, show
from lapwise.core.errors import DeclarationError

if TYPE_CHECKING:
    from lapwise.server.listening import Tls

__all__ = ["server"]

_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB|TiB)?")
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


@app.command()
def server(
    host: Annotated[
        str, typer.Option("--host", help="Where to listen; beyond this machine tokens are needed.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="0 takes any free one.")
    ] = 5000,
    login: Annotated[
        bool, typer.Option("--login", help="Ask for tokens on this machine too (behind a proxy).")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name by which it may be asked."),
    ] = None,
    allow_webhook_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-webhook-host", metavar="NAME", help="Where webhooks may reach inside."
        ),
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option("--tls-certificate", help="A PEM file, with its chain.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="A PEM file.")] = None,
    max_artifact: Annotated[
        str, typer.Option("--max-artifact", metavar="SIZE", help="The largest file that is taken.")
    ] = "50GiB",
    json: AsJson = False,
) -> None:
    """Share the store: pages, REST API and MLflow's API on one port, in one process.

    On this machine alone it asks nobody who they are. Beyond it, or with --login, everybody needs a
    token: lapwise token create NAME --role contributor. Clients then set LAPWISE_STORE (or
    MLFLOW_TRACKING_URI) to its address, and LAPWISE_TOKEN (or MLFLOW_TRACKING_TOKEN). Ctrl-C or
    SIGTERM finishes what is under way.

    Example: lapwise server --host 0.0.0.0 --port 5000
    """
    from lapwise.loop.project import find_project
    from lapwise.server.limits import Limits
    from lapwise.server.service import Service, run_service

    tls = _tls(tls_certificate, tls_key)
    service = Service(
        host=host,
        port=port,
        login=login,
        hosts=tuple(allow_host or ()),
        webhook_hosts=tuple(allow_webhook_host or ()),
        tls=tls,
        limits=Limits(artifact=_size(max_artifact)),
    )

    def announce(at: str, number: int) -> None:
        named = f"[{at}]" if ":" in at else at
        address = f"{'https' if tls else 'http'}://{named}:{number}"
        if json:
            print_json({"url": address, "login": not service.is_open})
        else:
            ends = "Ctrl-C ends it" if service.is_open else "tokens are asked for; Ctrl-C ends it"
            show(f"the store is shared at {address}/\n{ends}")
        sys.stdout.flush()

    project = find_project(Path.cwd())
    run_service(service, project.store, project.blobs, announce=announce)


def _tls(certificate: Path | None, key: Path | None) -> Tls | None:
    from lapwise.server.listening import Tls

    if (certificate is None) != (key is None):
        raise DeclarationError(
            "a certificate and its key come together", fix="give --tls-certificate and --tls-key"
        )
    return Tls(certificate, key) if certificate and key else None


def _size(text: str) -> int:
    """Return a size in bytes.

    >>> _size("5GiB"), _size("100")
    (5368709120, 100)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise DeclarationError(
            "not a size",
            value=text,
            expected="such as 500MiB or 50GiB",
            fix="lapwise server --max-artifact 50GiB",
        )
    return int(found[1]) * _UNITS[found[2] or "B"]
