"""A pool of processes on this machine, each started when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

import msgspec

from lapwise.core.errors import DeclarationError, LapwiseError
from lapwise.loop.child import Child
from lapwise.loop.pooled import Asked

__all__ = ["ProcessPool"]

_PATIENCE = 0.05
"""Seconds between two looks whether killed processes are gone."""


class ProcessPool:
    """An :class:`~lapwise.core.protocols.Executor` on processes of this machine.

    The processes are new ones, not forks: they run no code of the program that asks, and so a
    script needs no guard round its main part. They end with the pool, and die with its process.

    Args:
        workers: how many processes; the processors are shared out among them.

    Raises:
        DeclarationError: there are no workers.

    >>> from lapwise.core.digest import digest_bytes
    >>> with ProcessPool(2) as pool:
    ...     pool.workers
    2
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise DeclarationError("a pool has no workers", value=workers, expected="1 or more")
        threads = max((os.cpu_count() or 1) // workers, 1)
        self._children = [
            Child(
                "lapwise.loop.pooled",
                folder=Path.cwd(),
                environment={"POLARS_MAX_THREADS": str(threads)},
                tries=1,
            )
            for _ in range(workers)
        ]
        self._free: SimpleQueue[Child] = SimpleQueue()
        for child in self._children:
            self._free.put(child)
        # One for each child, and as long-lived: the kernel kills a child with the thread it is of.
        self._threads = ThreadPoolExecutor(workers, "lapwise-pool")

    @property
    def workers(self) -> int:
        """How many processes there are."""
        return len(self._children)

    def __enter__(self) -> Self:
        """Begin to use it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the processes."""
        self.close()

    def close(self) -> None:
        """End the processes, and wait for them."""
        for child in self._children:
            child.kill()
        self._threads.shutdown()
        for child in self._children:
            child.close()

    def map(
        self, function: Callable[[bytes], bytes], arguments: Sequence[bytes]
    ) -> Generator[bytes]:
        """Yield the answer to each argument, in order.

        Where one fails, or whoever iterates stops, the processes that still work are killed before
        this returns: nothing writes any more.

        Raises:
            ChildProcessError: a process died; the message is its last words, if it had any.
        """
        futures = [
            self._threads.submit(self._ask, function.__module__, function.__qualname__, argument)
            for argument in arguments
        ]
        try:
            for future in futures:
                yield future.result()
        finally:
            self._stop(futures)

    def _ask(self, module: str, name: str, argument: bytes) -> bytes:
        child = self._free.get()
        try:
            asked = msgspec.json.encode(Asked(module=module, name=name, argument=argument))
            return msgspec.json.decode(child.ask(asked), type=bytes)
        except LapwiseError as error:
            if child.pid is not None:  # it lives, and says what is wrong
                raise
            killed = "it was killed, perhaps because memory ran out"
            raise ChildProcessError(error.value or killed) from None
        finally:
            self._free.put(child)

    def _stop(self, futures: Sequence[Future[bytes]]) -> None:
        """Give up what is not done, and wait until nobody works on it."""
        for future in futures:
            future.cancel()
        while undone := [future for future in futures if not future.done()]:
            for child in self._children:
                child.kill()
            wait(undone, _PATIENCE)
