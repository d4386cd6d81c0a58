"""A process that is asked line by line, and started again when it dies.

The parent writes one line of JSON, the child answers with any number of lines that begin with
``+`` (what it wants heard meanwhile) and one that begins with ``=`` (the answer) or ``!`` (a
failure, in words, as JSON). A child that was killed is started again and asked the same once more, so what
it does must be safe to ask twice. It ends when its standard input does.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import msgspec

from lapwise.core.errors import LapwiseError
from lapwise.serving.orphan import SUPERVISOR, die_with_supervisor

__all__ = ["Child", "answer"]

_TRIES = 12
_TAIL = 20_000
_PIECE = 65_536


class Child:
    """A process that runs ``python -m MODULE ARGUMENTS`` in a folder, and answers.

    Args:
        module: a module whose ``main`` calls :func:`answer`.
        arguments: its command line.
        folder: its working directory.
        environment: what is added to this process's environment.
        tries: how often it is asked the same before its death is an error.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        folder: Path,
        environment: dict[str, str] | None = None,
        tries: int = _TRIES,
    ) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._folder = folder
        self._tries = tries
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the process that lives now; None before the first question."""
        return None if self._process is None else self._process.pid

    def ask(self, question: bytes, hear: Callable[[bytes], None] = lambda _line: None) -> bytes:
        """Return the answer to one line.

        Args:
            question: JSON without line ends.
            hear: called with each line that the child says meanwhile; after a death it may hear
                the same again.

        Raises:
            LapwiseError: the child failed, or died at every try; the message is its own.
        """
        for _ in range(self._tries):
            process = self._running()
            for line in self._talk(process, question):
                mark, body = line[:1], line[1:]
                if mark == b"=":
                    return body
                if mark == b"!":
                    raise LapwiseError(msgspec.json.decode(body, type=str))
                hear(body)
            process.wait()
            self._forget(process)
        raise LapwiseError(
            f"{self._command[2]} dies again and again", value=self._last_words() or None
        )

    def kill(self) -> None:
        """End the process at once; whoever waits for its answer has an error, or it starts again."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Let the process end, and wait for it."""
        if self._process is not None:
            if self._process.stdin:
                with suppress(OSError):
                    self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._forget(self._process)
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        """Close the pipes of a process that has ended."""
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not written yet has no reader any more
                    pipe.close()
        self._process = None

    def _talk(self, process: subprocess.Popen[bytes], question: bytes) -> Iterator[bytes]:
        """Yield whole lines until the child's output ends; a killed child's last may be torn."""
        if process.stdin is None or process.stdout is None:
            return
        with suppress(BrokenPipeError):
            process.stdin.write(question + b"\n")
            process.stdin.flush()
        # Unlike a read, a poll is always interrupted by Ctrl-C, whoever handles the signal first.
        poller = select.poll()
        poller.register(process.stdout, select.POLLIN)
        torn = b""
        while poller.poll():
            piece = os.read(process.stdout.fileno(), _PIECE)
            if not piece:
                return
            *lines, torn = (torn + piece).split(b"\n")
            yield from lines

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._forget(self._process)
        if self._process is None:
            if self._errors is None:
                self._errors = TemporaryFile()  # noqa: SIM115 - it lives as long as the child
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env={**self._environment, SUPERVISOR: str(os.getpid())},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
        return self._process

    def _last_words(self) -> str:
        if self._errors is None:
            return ""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _TAIL))
        return self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]


def answer(handle: Callable[[bytes, Callable[[bytes], None]], bytes]) -> None:
    """Answer each line of standard input until it ends, or until whoever asks has died.

    What the process prints besides goes to standard error, so that no library can garble a line.

    Args:
        handle: given the question, and what says a line meanwhile; returns the answer.
    """
    die_with_supervisor()
    lines = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def say(mark: bytes, body: bytes) -> None:
        lines.write(mark + body + b"\n")

    for question in sys.stdin.buffer:
        try:
            answered = handle(question, lambda body: say(b"+", body))
        except LapwiseError as error:
            say(b"!", msgspec.json.encode(str(error)))
        else:
            say(b"=", answered)
