"""Brings spooled files to the store in a thread of their own, so that numbers never wait for files."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from lapwise.core.clock import MachineClock
from lapwise.core.errors import DeclarationError, NotFoundError
from lapwise.core.model import Artifact, Capture, Tag
from lapwise.store.blobs import Blobs
from lapwise.store.model import Runs
from lapwise.tracking.deliver import in_a_line
from lapwise.tracking.spool import Spool
from lapwise.tracking.wal import ArtifactEntry

__all__ = ["LOST", "Uploader", "bring_capture", "upload", "wait_for"]

LOST = "lapwise.lost"
"""The tag that says which files a run logged and does not have."""

PAUSES = (0.2, 1.0, 5.0, 15.0)
"""Seconds between attempts while the store does not take a file; the last one is repeated."""


LOOK = 0.005
"""Seconds between two looks at whether something is done."""


def upload(
    runs: Runs, blobs: Blobs, spool: Spool, run: str, key: str, entries: Sequence[ArtifactEntry]
) -> list[str]:
    """Bring files to the store, then log them under an idempotency key, then let go of them.

    Returns:
        One sentence for each file that is nowhere any more, or that the store will never take, such
        as one that is too large for it; the run's tag ``lapwise.lost`` says so too.

    Raises:
        Exception: whatever the store raises; trying again later is safe.
    """
    lost: list[str] = []
    found: list[Artifact] = []
    for entry in entries:
        try:
            spool.bring(entry.digest, blobs)
        except (NotFoundError, DeclarationError) as error:
            lost.append(f"'{entry.name}' is not kept: {error.thing}")
        else:
            found.append(Artifact(name=entry.name, digest=entry.digest, size=entry.size))
    tags = [Tag(name=LOST, value="; ".join(lost)[:500])] if lost else []
    runs.log(run, artifacts=found, tags=tags, batch=key)
    for entry in entries:
        spool.forget(entry.digest)
    return lost


def bring_capture(blobs: Blobs, spool: Spool, capture: Capture | None) -> list[str]:
    """Bring the patch and the list of packages to the store, where they wait on this disk.

    Raises:
        Exception: whatever the store raises; trying again later is safe.
    """
    for digest in (capture.patch, capture.packages) if capture else ():
        if digest is not None and spool.has(digest):
            spool.bring(digest, blobs)
            spool.forget(digest)
    return []


def wait_for(done: Callable[[], bool], timeout: float) -> bool:
    """Wait until something is done; False when ``timeout`` seconds are up first.

    It looks again and again, and holds no lock: whoever waits here may be interrupted by a signal,
    whose handler then waits for the very thread that is to do it.
    """
    clock = MachineClock()
    until = clock.monotonic() + timeout
    while not done():
        left = until - clock.monotonic()
        if left <= 0:
            return False
        clock.sleep(min(left, LOOK))
    return True


class Uploader:
    """A queue of uploads and the thread that works it off; the thread starts with the first one."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._waiting: deque[Callable[[], list[str]]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._abandoned = False
        self.failing = False
        """Whether the last attempt failed."""

    @property
    def idle(self) -> bool:
        """Whether all that was asked for is done."""
        return not self._waiting

    def put(self, work: Callable[[], list[str]]) -> None:
        """Ask for one upload; it is tried until it succeeds."""
        with self._changed:
            self._waiting.append(work)
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="lapwise-uploader", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is going; the spool keeps the file
                    self.failing = True
                    return
                self._thread = thread
            self._changed.notify_all()

    def wait(self, timeout: float) -> bool:
        """Wait until all is done; False when time is up first."""
        return wait_for(lambda: self.idle, timeout)

    def abandon(self) -> None:
        """Stop after the attempt under way; what is left stays in the spool."""
        self._abandoned = True
        with self._changed:
            self._changed.notify_all()

    def _work(self) -> None:
        tries = 0
        while not self._abandoned:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._abandoned)
                if not self._waiting:
                    return
                work = self._waiting[0]
            try:
                sentences = work()
            except Exception as error:  # noqa: BLE001 - whatever ails the store, the spool is safe
                if not self.failing:
                    self._complain(f"a file waits on this disk: {in_a_line(error)}")
                self.failing = True
                self._pause(PAUSES[min(tries, len(PAUSES) - 1)])
                tries += 1
                continue
            for sentence in sentences:
                self._complain(sentence)
            self.failing, tries = False, 0
            with self._changed:
                self._waiting.popleft()
                self._changed.notify_all()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._abandoned, seconds)
