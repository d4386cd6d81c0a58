"""A run that is going on: what training code logs to."""

from __future__ import annotations

import atexit
import logging
import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from lapwise.core.clock import MachineClock
from lapwise.core.errors import LapwiseError, TrackingError
from lapwise.core.model import Run, RunStatus
from lapwise.store.model import Store
from lapwise.tracking.redact import mask_text
from lapwise.tracking.ship import Shipper
from lapwise.tracking.values import (
    LARGEST,
    NAME_CHARACTERS,
    artifact_name,
    check_params,
    check_tags,
    metric_name,
    metric_step,
    metric_value,
)
from lapwise.tracking.wal import (
    ArtifactEntry,
    End,
    LogWriter,
    MetricsEntry,
    ParamsEntry,
    TagsEntry,
    encode,
)

__all__ = ["ActiveRun"]

PATIENCE = 10.0
"""Seconds that the end of a run waits for a store that does not answer."""

ERROR_CHARACTERS = 500
TRACEBACK_CHARACTERS = 100_000

_LOG = logging.getLogger("lapwise.tracking")


class ActiveRun:
    """A run that is going on; made by ``start_run``, ended by its ``with`` block or :meth:`end`.

    All methods may be called from several threads. What a metric call logged survives
    ``kill -9`` once it returned, and reaches the store within a fraction of a second, or whenever
    the store answers again. Nothing here waits for the database; only artifacts wait for the
    blob store.

    A bad metric never stops training: a value that is no number, or a disk without room, is
    logged as a warning once for each name and counted in :attr:`dropped`. Misuse does: logging
    after the end, or changing a parameter, raises TrackingError.
    """

    def __init__(self, record: Run, *, store: Store, writer: LogWriter) -> None:
        self._record = record
        self._store = store
        self._append = writer.append
        self._write = writer.write
        self._shipper = Shipper(store.runs, record.id, writer)
        self._now = MachineClock().timestamp
        self._params: dict[str, str] = {}
        self._warned: set[str] = set()
        self._dropped = 0
        self._ended = False
        self._complete = False
        self._process = os.getpid()
        atexit.register(self._exit)

    @property
    def id(self) -> str:
        """The run's id."""
        return self._record.id

    @property
    def number(self) -> int:
        """The number people say: 43 of run 043."""
        return self._record.number

    @property
    def record(self) -> Run:
        """The run as it was started, with its capture."""
        return self._record

    @property
    def dropped(self) -> int:
        """How many metric values could not be logged."""
        return self._dropped

    def log_metric(self, name: str, value: float, step: int = 0) -> None:
        """Log a number: an int, float or bool, or anything with ``__float__`` that is no text.

        Args:
            name: at most 250 printable characters.
            value: NaN and infinities are kept as they are.
            step: where on the run's own axis, such as the epoch; -2^63 to 2^63 - 1.

        Raises:
            TrackingError: the run has ended.
        """
        try:
            if type(value) is not float:  # the rest of this line would cost a third of the call
                value = metric_value(value)
            if type(step) is not int or not -LARGEST <= step <= LARGEST:
                step = metric_step(step)
            entry = MetricsEntry(self._now(), step, {metric_name(name): value})
            self._append(encode(entry))
        except TrackingError:
            raise
        except Exception as error:  # noqa: BLE001 - never into training
            self._drop(name, value, error)

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log several numbers of one step; a bad one does not keep back the others.

        Raises:
            TrackingError: the run has ended.
        """
        try:
            values: dict[str, float] = {}
            number = metric_step(step)
            for name, value in metrics.items():
                try:
                    values[metric_name(name)] = metric_value(value)
                except Exception as error:  # noqa: BLE001 - never into training
                    self._drop(name, value, error)
            if values:
                self._write(MetricsEntry(self._now(), number, values))
        except TrackingError:
            raise
        except Exception as error:  # noqa: BLE001 - never into training
            for name in metrics:
                self._drop(name, step, error)

    def log_param(self, name: str, value: object) -> None:
        """Say one input of the run; as :meth:`log_params`."""
        self.log_params({name: value})

    def log_params(self, params: Mapping[str, object]) -> None:
        """Say inputs of the run; all of them are kept, or none.

        Args:
            params: text, numbers, bools, None and NumPy scalars as they are; lists and dicts as
                their JSON; paths as text.

        Raises:
            TrackingError: a parameter has another value already, a value is of another type, or
                the run has ended.
        """
        checked = check_params(params)
        for name, value in checked.items():
            known = self._params.get(name)
            if known is not None and known != repr(value):
                raise TrackingError(
                    f"parameter '{name}' of run {self.number:03d} is {known} and never changes",
                    value=value,
                    expected="the value it was first logged with",
                    fix="log it under another name, as a metric with steps, or in another run",
                )
        if checked:
            self._persist(ParamsEntry(checked))
            self._params.update((name, repr(value)) for name, value in checked.items())

    def set_tag(self, name: str, value: str) -> None:
        """Label the run; a tag set again has the last value.

        Raises:
            TrackingError: the run has ended, or the tag is not text.
        """
        self._persist(TagsEntry(check_tags({name: value})))

    def log_artifact(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Keep a file, or all files of a folder, under ``name`` (default: the last part of path).

        Raises:
            TrackingError: there is no such file, the name leads elsewhere, or the run has ended.
            StoreError: the blob store does not take it.
        """
        source = Path(path)
        name = artifact_name(source.name if name is None else name)
        if source.is_dir():
            files = sorted(file for file in source.rglob("*") if file.is_file())
            named = [(file, f"{name}/{file.relative_to(source).as_posix()}") for file in files]
        elif source.is_file():
            named = [(source, name)]
        else:
            raise TrackingError(
                "there is no such file", value=str(source), expected="a file or folder"
            )
        self._check_open()
        for file, its_name in named:
            digest = self._store.blobs.put_file(file)
            self._persist(ArtifactEntry(its_name, digest, self._store.blobs.size(digest)))

    def log_text(self, name: str, text: str) -> None:
        """Keep a text as an artifact, in UTF-8.

        Raises:
            TrackingError, StoreError: as :meth:`log_artifact`.
        """
        name = artifact_name(name)
        self._check_open()
        content = text.encode("utf-8", errors="surrogateescape")
        self._persist(ArtifactEntry(name, self._store.blobs.put(content), len(content)))

    def flush(self, timeout: float = PATIENCE) -> bool:
        """Wait until all that is logged is in the store; False when it is not within ``timeout`` s."""
        return self._complete if self._ended else self._shipper.flush(timeout)

    def end(self, status: RunStatus = "finished") -> None:
        """End the run and wait, at most ten seconds, until the store has all; never raises.

        Ending again does nothing. When the store does not answer, what is logged stays on the
        disk and the next start ships it.
        """
        if self._ended:
            return
        self._ended = True
        atexit.unregister(self._exit)
        if self._dropped:
            self._try_to_write(TagsEntry({"lapwise.dropped": str(self._dropped)}))
        self._complete = self._shipper.finish(End(status, self._now()), PATIENCE)
        if not self._complete:
            _LOG.warning(
                "run %03d: the store does not answer; what is not shipped waits on this disk "
                "for the next start",
                self.number,
            )

    def __enter__(self) -> Self:
        """Return the run."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the run: finished, killed (Ctrl-C) or failed, and then with the error's text."""
        status: RunStatus = "finished"
        if isinstance(error, KeyboardInterrupt):
            status = "killed"
        elif error is not None and not (isinstance(error, SystemExit) and not error.code):
            status = "failed"
            self._keep_error(error)
        self.end(status)

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
            _LOG.warning("run %03d: its traceback was not kept: %s", self.number, problem)

    def _exit(self) -> None:
        """The process ends and nobody said how the run did (a forked child's end is not ours)."""
        if os.getpid() == self._process:
            self.end("crashed")

    def _persist(self, entry: ParamsEntry | TagsEntry | ArtifactEntry) -> None:
        try:
            self._write(entry)
        except (OSError, ValueError) as error:
            raise TrackingError(
                f"run {self.number:03d} cannot log this: {error}",
                expected="room on the disk that holds the project; artifacts for large things",
            ) from error

    def _try_to_write(self, entry: TagsEntry) -> None:
        try:
            self._write(entry)
        except (OSError, ValueError, TrackingError) as error:
            _LOG.warning("run %03d: a tag was not kept: %s", self.number, error)

    def _check_open(self) -> None:
        if self._ended:
            raise TrackingError(
                f"run {self.number:03d} has ended",
                expected="logging inside its `with` block",
                fix="start another run",
            )

    def _drop(self, name: object, value: object, error: Exception) -> None:
        self._dropped += 1
        label = str(name)[:NAME_CHARACTERS]
        if label not in self._warned and len(self._warned) < 100:
            self._warned.add(label)
            _LOG.warning(
                "run %03d: metric %r was not logged (%.80r: %s); said once for this name",
                self.number,
                label,
                value,
                error,
            )
