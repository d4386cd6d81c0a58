"""A run that is going on: what training code logs to."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from lapwise.core.clock import MachineClock
from lapwise.core.errors import LapwiseError, TrackingError
from lapwise.core.ids import new_id
from lapwise.core.model import Param, Run, RunStatus
from lapwise.store.address import is_remote
from lapwise.store.model import Store
from lapwise.tracking.active import enter_run, leave_run
from lapwise.tracking.capturing import of_part, with_seed
from lapwise.tracking.deliver import open_run
from lapwise.tracking.living import Living
from lapwise.tracking.redact import mask_text
from lapwise.tracking.seeding import check_seed, seed_libraries
from lapwise.tracking.values import check_params, check_tags, recorded_seed
from lapwise.tracking.wal import Begin, LogWriter, Role, TagsEntry, log_folder, store_mark

__all__ = ["ActiveRun", "begin_run"]

ANSWER = 5.0
"""Seconds that the start of a run waits for a store far away to answer."""

ERROR_CHARACTERS = 500
TRACEBACK_CHARACTERS = 100_000

_KILLED_CODES = {143, -15}
"""What processes exit with when they end because of SIGTERM."""

_LOG = logging.getLogger("lapwise.tracking")


class ActiveRun(Living):
    """A run that is going on; made by ``start_run``, ended by its ``with`` block or :meth:`end`.

    All methods may be called from several threads. What a metric call logged survives
    ``kill -9`` once it returned, and reaches the store within a fraction of a second, or whenever
    the store answers again. Nothing here waits for the database; only artifacts wait for the
    blob store, and only where it is not behind HTTP.

    A bad metric never stops training: a value that is no number, or a disk without room, is
    logged as a warning once for each name and counted in :attr:`dropped`. Misuse does: logging
    after the end, or changing a parameter, raises TrackingError.

    After a fork, the child may go on logging to the run: its parent ships what it logs, and ends
    the run. Other processes use ``join_run``.
    """

    def child(
        self,
        name: str,
        *,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        seed: int | None = None,
    ) -> ActiveRun:
        """Start a run that is a part of this one, such as a fold or a trial.

        It has a number, parameters and an end of its own; the experiment, the lap and what was
        captured are this run's. The end of this run does not end it.

        Args:
            name: what people call it: ``fold 3``.
            params: as :meth:`log_params`.
            tags: as :meth:`set_tag`.
            seed: its own seed; default this run's.

        Raises:
            TrackingError: this run has ended, or something cannot be recorded.
            StoreError: the store cannot be written; no run is made.

        Example::

            for number, (train, test) in enumerate(folds):
                with run.child(f"fold {number}") as fold:
                    fold.log_metric("auc", fit(train, test))
        """
        self._check_open()
        if self._role == "forked":
            raise TrackingError(
                f"{self.label} has no parts of its own in a forked child",
                expected="a store that was opened after the fork",
                fix=f"lw.start_run({self.record.experiment!r}, parent={self.id!r})",
            )
        checked = check_params(params or {}), check_tags(tags or {})
        capture = self.record.capture
        if capture is not None:
            capture = of_part(capture, recorded_seed(seed))
        record = Run(
            id=new_id(),
            number=0,
            experiment=self.record.experiment,
            status="running",
            started=self._now(),
            name=name,
            lap=self.record.lap,
            parent=self.id,
            capture=capture,
            user=self.record.user,
            beat=self._now(),
        )
        run = begin_run(record, store=self._store, root=self._root)
        run.log_params(checked[0])
        run.set_tags(checked[1])
        return run

    def seed_everything(self, seed: int | None = None) -> int:
        """Seed ``random``, and NumPy's and PyTorch's global generators where they are loaded.

        What was seeded is part of the run's record, and the run is not ``unseeded`` any more.
        ``PYTHONHASHSEED`` can only be set before Python starts; it is recorded as it is.

        Args:
            seed: 0 to 2^32 - 1; default the run's own.

        Returns:
            The seed, for generators of your own.

        Raises:
            TrackingError: there is no seed, or it is not of that size; or the run has ended.
        """
        capture = self.record.capture
        if seed is None and capture is not None:
            seed = capture.seed
        checked = check_seed(seed)
        self._check_open()
        found = seed_libraries(checked)
        if capture is not None:
            self.keep_capture(with_seed(capture, checked, found))
        return checked

    def __enter__(self) -> Self:
        """Return the run."""
        enter_run(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the run: finished, killed (Ctrl-C, SIGTERM) or failed, and then with the error's text."""
        leave_run(self)
        status: RunStatus = "finished"
        code = error.code if isinstance(error, SystemExit) else None
        if isinstance(error, KeyboardInterrupt) or code in _KILLED_CODES or self._signalled:
            status = "killed"
        elif error is not None and not (isinstance(error, SystemExit) and not error.code):
            status = "failed"
            self._keep_error(error)
        self.end(status)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: another process has its own way in."""
        raise TrackingError(
            f"{self.label} cannot be sent to another process",
            expected=f"its id, and lw.join_run({self.id!r}) there",
        )

    def _keep_error(self, error: BaseException) -> None:
        if self._ended:
            return
        line = mask_text("".join(traceback.format_exception_only(error)).strip())
        whole = mask_text("".join(traceback.format_exception(error)))
        clean = line[:ERROR_CHARACTERS].replace("\0", "")
        self._try_to_write(TagsEntry({"error": clean.encode(errors="replace").decode()}))
        try:
            self.log_text("error.txt", whole[-TRACEBACK_CHARACTERS:])
        except (LapwiseError, OSError, ValueError) as problem:
            _LOG.warning("%s: its traceback was not kept: %s", self.label, problem)


def begin_run(
    record: Run,
    *,
    store: Store,
    root: Path,
    role: Role = "owner",
    known: tuple[Param, ...] = (),
    system_metrics: bool = False,
) -> ActiveRun:
    """Make a run's log, and the run in the store; a store far away may do its part later.

    Args:
        record: the run, without a number when it is new.
        store: where runs are kept.
        root: the project's folder.
        role: whether this process ends the run, and whether it is new.
        known: parameters that the run has already.
        system_metrics: whether to sample how busy the machine is.

    Raises:
        StoreError: the store refuses, or one that is not far away does not answer; or the folder of
            the log cannot be written. No run is made.
    """
    remote, new = is_remote(store.url), role == "owner"
    at = record.started if new else MachineClock().timestamp()
    begin = Begin(record.id, store_mark(store.url), at, role, record if remote and new else None)
    writer = LogWriter(log_folder(root), begin)
    opening = None
    try:
        if role == "joined":
            pass
        elif remote:
            opening = partial(_opened, store, begin, writer.path.stem)
        else:
            record = store.runs.create(record) if new else _opened(store, begin, writer.path.stem)
    except BaseException:
        writer.path.unlink(missing_ok=True)
        writer.close()
        raise
    run = ActiveRun(
        record,
        store=store,
        root=root,
        writer=writer,
        role=role,
        opening=opening,
        known=known,
        system_metrics=system_metrics,
    )
    if opening is None:
        return run
    try:
        if not run.opened(ANSWER):
            _LOG.warning(
                "%s: the store does not answer; training goes on, and what is logged waits in %s",
                run.label,
                writer.path,
            )
    except BaseException:
        run.give_up()
        writer.path.unlink(missing_ok=True)
        raise
    return run


def _opened(store: Store, begin: Begin, log: str) -> Run:
    made = open_run(store.runs, begin, log)
    if made is None:
        raise TrackingError(f"the log of run {begin.run} opens no run", value=begin.role)
    return made
