"""A second training in a fresh process, started early and asked for its result at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import weakref
from collections.abc import Sequence
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

import msgspec

from lapwise.core.model import KeyPart, Record
from lapwise.loop.steps.threads import VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Rehearsal", "Rehearsed"]


class Rehearsed(Record, frozen=True, kw_only=True):
    """What a second training gave: the digest of each step's result, and the seconds it took.

    ``error`` says why there is none.
    """

    made: tuple[KeyPart, ...] = ()
    seconds: float = 0.0
    error: str = ""


class Rehearsal:
    """A process that goes through examples, split, features and train without the cache.

    It has another hash seed than this process, reads the page anew, and takes from the store the
    tables' rows alone. It runs while the lap goes on, and ends with this object, or when this
    process ends, however it ends.

    Args:
        origin: the page, as ``FILE:NAME``.
        versions: ids of the dataset versions that it reads.
        as_of: the world's time that the lap sees.
        threads: as many as the training has, since boosting sums in their order; 0: no limit.
        root: the project's folder.
    """

    def __init__(
        self, *, origin: str, versions: Sequence[str], as_of: int, threads: int, root: Path
    ) -> None:
        self.threads = threads
        self._out: IO[bytes] = TemporaryFile()  # noqa: SIM115 - they live as long as the process
        self._errors: IO[bytes] = TemporaryFile()  # noqa: SIM115
        seed = "1" if os.environ.get("PYTHONHASHSEED") == "0" else "0"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        if threads:
            environment[VARIABLE] = str(threads)
        arguments = [origin, str(as_of), str(threads), *versions]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lapwise.loop.rehearse", *arguments],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,  # it ends when its standard input does
            stdout=self._out,
            stderr=self._errors,
        )
        self.close = weakref.finalize(self, _end, self._process, self._out, self._errors)
        """Stop the process if it still runs; asked twice, it does nothing."""

    def wait(self) -> int:
        """Wait until the process is done, and return its code."""
        return self._process.wait()

    def result(self) -> Rehearsed:
        """Wait until the process is done, and return what it made."""
        code = self.wait()
        self._out.seek(0)
        self._errors.seek(0)
        lines = self._out.read().splitlines()
        words = self._errors.read().decode(errors="replace").strip().splitlines()
        self.close()
        if code or not lines:
            return Rehearsed(error=words[-1] if words else f"the process ended with {code}")
        return msgspec.json.decode(lines[-1], type=Rehearsed)


def _end(process: subprocess.Popen[bytes], *files: IO[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    if process.stdin:
        process.stdin.close()
    for file in files:
        file.close()
