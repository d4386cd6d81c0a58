"""A real shared server, and tokens for it, made beside it in its store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lapwise.core.access import Grant, Role, Token
from lapwise.core.ids import new_id
from lapwise.server.access import hash_secret, new_secret
from lapwise.store.model import Store

COMMAND = [sys.executable, "-c", "from lapwise.cli.main import main; main()"]


def give(
    store: Store, *grants: tuple[Role, str], name: str = "anna", expires: int | None = None
) -> str:
    """Make a token with grants and return its secret."""
    secret = new_secret()
    kept = tuple(Grant(role=role, product=product) for role, product in grants)
    made = Token(id=new_id(), name=name, grants=kept, created=1, expires=expires)
    store.tokens.add(made, hash_secret(secret), "test")
    return secret


def bearer(secret: str) -> dict[str, str]:
    """Return the header that bears a token."""
    return {"authorization": f"Bearer {secret}"}


@contextmanager
def sharing(
    folder: Path, url: str, blobs: str, *words: str, environment: Sequence[tuple[str, str]] = ()
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run ``lapwise server`` on a free port until the block ends; give its address and process."""
    around = {**os.environ, "LAPWISE_STORE": url, "LAPWISE_BLOBS": blobs, **dict(environment)}
    process = subprocess.Popen(
        [*COMMAND, "server", "--port", "0", "--json", *words],
        cwd=folder,
        env=around,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield _address(process), process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line == "}\n":
            found = json.loads(said)["url"]
            assert isinstance(found, str)
            return found
    assert process.stderr is not None
    raise AssertionError(f"the server did not start: {process.stderr.read()}")
