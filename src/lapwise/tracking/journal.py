"""What training code says of a run in words and numbers: metrics, parameters, tags."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from lapwise.core.clock import MachineClock
from lapwise.core.errors import TrackingError
from lapwise.core.model import Param, Run
from lapwise.tracking.values import (
    LARGEST,
    NAME_CHARACTERS,
    check_params,
    check_tags,
    metric_name,
    metric_step,
    metric_value,
)
from lapwise.tracking.wal import (
    ArtifactEntry,
    CaptureEntry,
    MetricsEntry,
    ParamsEntry,
    TagsEntry,
    encode,
)

__all__ = ["Journal"]

_LOG = logging.getLogger("lapwise.tracking")


class Journal:
    """Takes what is logged and appends it to the run's log.

    Args:
        record: the run as it was started.
        append: hands one encoded entry to the log.
        known: parameters that the run has already.
    """

    def __init__(
        self, record: Run, append: Callable[[bytes], None], known: tuple[Param, ...] = ()
    ) -> None:
        self._record = record
        self._append = append
        self._now = MachineClock().timestamp
        self._params = {one.name: repr(one.value) for one in known}
        self._warned: set[str] = set()
        self._dropped = 0
        self._ended = False

    @property
    def id(self) -> str:
        """The run's id."""
        return self._record.id

    @property
    def record(self) -> Run:
        """The run as it was started, with its capture."""
        return self._record

    @property
    def number(self) -> int:
        """The number people say: 43 of run 043; 0 while a store that is away has not given one."""
        return self.record.number

    @property
    def label(self) -> str:
        """How people name the run: ``run 043``, or ``run (waiting)`` without a number."""
        return f"run {self.number:03d}" if self.number else "run (waiting)"

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
                self._append(encode(MetricsEntry(self._now(), number, values)))
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
                    f"parameter '{name}' of {self.label} is {known} and never changes",
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
        self.set_tags({name: value})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Label the run with several tags at once; as :meth:`set_tag`."""
        checked = check_tags(tags)
        if checked:
            self._persist(TagsEntry(checked))

    def _persist(self, entry: ParamsEntry | TagsEntry | ArtifactEntry | CaptureEntry) -> None:
        try:
            self._append(encode(entry))
        except (OSError, ValueError) as error:
            raise TrackingError(
                f"{self.label} cannot log this: {error}",
                expected="room on the disk that holds the project; artifacts for large things",
            ) from error

    def _try_to_write(self, entry: TagsEntry | CaptureEntry | MetricsEntry) -> None:
        try:
            self._append(encode(entry))
        except (OSError, ValueError, TrackingError) as error:
            _LOG.warning("%s: a tag was not kept: %s", self.label, error)

    def _check_open(self) -> None:
        if self._ended:
            raise TrackingError(
                f"{self.label} has ended",
                expected="logging inside its `with` block",
                fix="start another run, or open this one again: start_run(..., resume=...)",
            )

    def _drop(self, name: object, value: object, error: Exception) -> None:
        self._dropped += 1
        label = str(name)[:NAME_CHARACTERS]
        if label not in self._warned and len(self._warned) < 100:
            self._warned.add(label)
            _LOG.warning(
                "%s: metric %r was not logged (%.80r: %s); said once for this name",
                self.label,
                label,
                value,
                error,
            )
