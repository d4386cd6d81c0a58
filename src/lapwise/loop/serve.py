"""Serve a model: lay its deployment, then answer from it; ``python -m lapwise.loop.serve MODEL``.

The supervisor and its processes work from the snapshot folder alone. The database is asked once,
before they start, so that the snapshot is today's; if it is away, the last snapshot serves.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from lapwise.core.clock import SystemWorldClock
from lapwise.core.deployment import Deployment
from lapwise.core.errors import NotFoundError, ServingError, StoreError
from lapwise.loop import place
from lapwise.loop.deploy import deploy, folder_of
from lapwise.loop.project import Project, find_project
from lapwise.registry.kept import KEPT, check_served
from lapwise.serving.orphan import SUPERVISOR, die_with_supervisor

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["ServerProcess", "find_model", "lay", "serve_model"]


def find_model(store: Store, model: str | None) -> str:
    """Return the model that is meant: the one named, or the only one there is.

    Raises:
        NotFoundError: there is no such model, or more than one and none was named.
    """
    versions = store.models.list(limit=10_000)
    known = sorted({one.model for one in versions})
    served = sorted({one.model for one in versions if one.format != KEPT})
    if model is None and len(served) == 1:
        return served[0]
    if not known:
        raise NotFoundError(
            "there is no model yet",
            value=model,
            expected="one that a lap registered",
            fix="lapwise lap page.py",
        )
    if model is None or model not in known:
        raise NotFoundError(
            "there is no such model" if model else "which model is meant is not clear",
            value=model,
            expected=", ".join(known),
        )
    return model


def lay(project: Project, model: str | None) -> Deployment:
    """Bring the snapshot up to date and return its deployment.

    With the database away, the last snapshot is taken as it is.

    Raises:
        ServingError: no version is in production.
        ModelError: what is in production was registered by an MLflow client, and is never served.
        NotFoundError: as :func:`find_model`.
        StoreError: the database is away, and there is no snapshot to serve from.
    """
    from lapwise.serving import read_deployment
    from lapwise.store.open import open_store

    if project.is_new and not project.live.is_dir():
        raise NotFoundError("nothing has been kept here yet", fix="lapwise lap page.py")
    try:
        if project.is_new:  # gone, not away: an empty one must not be made in its place
            raise StoreError(  # noqa: TRY301 - told as one that is away
                "the database is gone", value=project.store, fix="lapwise db restore"
            )
        with open_store(project.store, project.blobs) as store:
            name = find_model(store, model)
            present = store.models.production(name)
            if present is not None:
                check_served(present)
            found = deploy(store, project.live, name, at=SystemWorldClock().now())
    except StoreError:
        laid = sorted(path.name for path in project.live.glob("*") if path.name != "features")
        if model is None and len(laid) == 1:
            model = laid[0]
        found = read_deployment(folder_of(project.live, model)) if model in laid else None
        if found is None:
            raise
    if found is None:
        raise ServingError(
            "no version is in production, so nobody can answer",
            value=model,
            expected="a version that passed its gates and was approved",
            fix="lapwise models, then lapwise approve MODEL",
        )
    return found


def serve_model(
    project: Project,
    model: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    workers: int = 1,
    replay: bool = False,
    announce: Callable[[str, int], None] | None = None,
) -> None:
    """Answer until SIGTERM or Ctrl-C.

    Args:
        project: where it is.
        model: whose deployment; laid before.
        host: where to listen.
        port: 0 takes any free one.
        workers: how many processes answer.
        replay: requests say what time it is.
        announce: called once with host and port when requests are answered.

    Raises:
        ModelError: the address cannot be used.
        ServingError: the address is not this machine's own, and no token is set.
    """
    from lapwise.serving import bind, supervise, tokens_for

    tokens_for(host)
    folder = folder_of(project.live, model)
    places = (str(folder), place.argument(project.online))
    python = (sys.executable, "-P", "-m")  # no file of the user's shadows a library

    def worker(number: int) -> tuple[str, ...]:
        command = (*python, "lapwise.loop.worker", *places, str(number), host)
        return (*command, "--replay") if replay else command

    supervise(
        folder,
        bind(host, port),
        worker,
        workers=workers,
        shadow=(*python, "lapwise.loop.shadow", *places),
        environment=place.environment(project.online),
        announce=announce,
    )


@dataclass
class ServerProcess:
    """A server in processes of its own, on a free port of this machine."""

    process: subprocess.Popen[bytes]
    address: tuple[str, int]

    @classmethod
    def start(cls, project: Project, model: str, *, replay: bool = False) -> Self:
        """Start it, and return when it answers.

        Raises:
            ServingError: it ended instead; its own words are on standard error.
        """
        command = [sys.executable, "-m", "lapwise.loop.serve", model]
        process = subprocess.Popen(
            [*command, *(["--replay"] if replay else [])],
            cwd=project.root,
            env={**os.environ, SUPERVISOR: str(os.getpid())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # Ctrl-C is for whoever started it, and ends it in order
        )
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            process.wait()
            raise ServingError("the server does not start", value=f"exit {process.returncode}")
        host, port = msgspec.json.decode(line, type=tuple[str, int])
        return cls(process, (host, port))

    def stop(self) -> None:
        """End it in order."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


def main() -> None:
    """Serve on a free port; the first line of standard output says which."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--replay", action="store_true")
    given = parser.parse_args()

    die_with_supervisor()

    def announce(host: str, port: int) -> None:
        sys.stdout.buffer.write(msgspec.json.encode((host, port)) + b"\n")
        sys.stdout.buffer.flush()

    serve_model(find_project(Path.cwd()), given.model, replay=given.replay, announce=announce)


if __name__ == "__main__":
    main()
