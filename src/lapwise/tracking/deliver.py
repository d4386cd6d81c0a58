"""Puts what a log holds into the store: the shipper of a living run does, and who finds a dead one's.

Everything here may be done again at any time, by anybody: the store takes each batch once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from lapwise.core.errors import (
    ConflictError,
    CorruptError,
    LapwiseError,
    NotFoundError,
    SchemaError,
    StoreError,
    UnfitError,
)
from lapwise.core.model import Artifact, Capture, Metric, Param, Run, Tag
from lapwise.store.model import Runs
from lapwise.tracking.wal import (
    ArtifactEntry,
    Begin,
    CaptureEntry,
    Entry,
    MetricsEntry,
    ParamsEntry,
    TagsEntry,
)

T = TypeVar("T")

__all__ = ["REOPENED", "SIGNALLED", "deliver", "in_a_line", "is_away", "may_end", "open_run"]

REOPENED = "lapwise.reopened"
"""The tag that says which log ends a run that was opened again."""

SIGNALLED = "lapwise.signal"
"""The tag that says that the run's process was asked to end, and by which signal."""

MANY = 10_000
TEXTS = 1_000_000
"""What is logged in one call at most: so many things, with so many characters of text in them."""

_ANSWERS = (NotFoundError, ConflictError, CorruptError, SchemaError, UnfitError)


def is_away(error: BaseException) -> bool:
    """Return whether an error says that the store did not answer, not what it answered.

    >>> is_away(StoreError("no answer")), is_away(NotFoundError("no such run"))
    (True, False)
    """
    if isinstance(error, LapwiseError):
        return isinstance(error, StoreError) and not isinstance(error, _ANSWERS)
    return isinstance(error, OSError)


def in_a_line(error: BaseException) -> str:
    """Return what an error says, on one line.

    >>> in_a_line(StoreError("no answer", value=503, fix="try again"))
    'no answer: 503'
    """
    return (str(error).splitlines() or [type(error).__name__])[0]


def open_run(runs: Runs, begin: Begin, log: str) -> Run | None:
    """See that the run of a log is in the store and open; return it, or None for a guest's log.

    Args:
        runs: where runs are kept.
        begin: the log's first entry.
        log: the log's name, which sorts by the time of its making.

    Raises:
        Exception: whatever the store raises; doing it again later is safe.
    """
    if begin.role == "resumed":
        if _reopened(runs, begin.run) > log:  # opened yet again since
            return runs.get(begin.run)
        runs.log(begin.run, tags=(Tag(name=REOPENED, value=log),))
        run = runs.update(begin.run, status="running")
        runs.beat(begin.run)  # a run that never beat is not missed when it falls silent
        return run
    if begin.record is not None:
        return runs.create(begin.record)
    return None


def may_end(runs: Runs, begin: Begin, log: str) -> bool:
    """Return whether who wrote this log is the one to say how the run ended.

    Guests are not, nor is a process whose run was opened again by a later one.
    """
    if begin.role not in {"owner", "resumed"}:
        return False
    return _reopened(runs, begin.run) in {"", log}


def _reopened(runs: Runs, run: str) -> str:
    return next((tag.value for tag in runs.tags((run,))[run] if tag.name == REOPENED), "")


def deliver(runs: Runs, run: str, key: str, entries: Iterable[Entry]) -> list[str]:
    """Put entries into the store under an idempotency key, in one transaction.

    A parameter to which another writer gave another value first stays as it is; all else of the
    batch is kept. Artifacts must be in the blob store.

    Returns:
        One sentence for each parameter that was refused.

    Raises:
        Exception: whatever the store raises; delivering again later is safe.
    """
    params: list[Param] = []
    metrics: list[Metric] = []
    tags: list[Tag] = []
    artifacts: list[Artifact] = []
    capture: Capture | None = None
    for entry in entries:
        match entry:
            case MetricsEntry(at=at, step=step, values=values):
                for name, value in values.items():
                    metrics.append(Metric(name=name, value=value, step=step, at=at))
            case ParamsEntry(values=settings):
                params += [Param(name=name, value=value) for name, value in settings.items()]
            case TagsEntry(values=labels):
                tags += [Tag(name=name, value=text) for name, text in labels.items()]
            case ArtifactEntry(name=name, digest=digest, size=size):
                artifacts.append(Artifact(name=name, digest=digest, size=size))
            case CaptureEntry(capture=known):
                capture = known
            case _:
                pass
    if capture is not None:
        runs.set_capture(run, capture)
    refused: list[str] = []
    for number, part in enumerate(_portions(params, metrics, tags, artifacts)):
        refused += _log(runs, run, f"{key}/{number}" if number else key, *part)
    return refused


def _log(
    runs: Runs,
    run: str,
    key: str,
    params: Sequence[Param],
    metrics: Sequence[Metric],
    tags: Sequence[Tag],
    artifacts: Sequence[Artifact],
) -> list[str]:
    log = partial(runs.log, run, metrics=metrics, tags=tags, artifacts=artifacts, batch=key)
    try:
        log(params=params)
    except ConflictError:  # a parameter that is there already, or only a busy database
        kept = {param.name: param.value for param in runs.params((run,))[run]}
        refused = _refused(params, kept)
        if not refused:
            raise
        log(params=[one for one in params if one not in refused])
        return [f"'{one.name}' is {kept[one.name]!r} and never changes" for one in refused]
    return []


def _portions(
    params: list[Param], metrics: list[Metric], tags: list[Tag], artifacts: list[Artifact]
) -> Iterator[tuple[list[Param], list[Metric], list[Tag], list[Artifact]]]:
    """Yield all in portions that a server takes; the same ones whoever asks."""
    if not (params or metrics or tags or artifacts):
        return
    texts = sum(_text(one) for one in (*params, *tags))
    if len(metrics) <= MANY and len(params) + len(tags) <= MANY and texts <= TEXTS:
        yield params, metrics, tags, artifacts
        return
    yield [], [], [], artifacts
    for some in _cut(metrics):
        yield [], some, [], []
    for one in _cut(params):
        yield one, [], [], []
    for label in _cut(tags):
        yield [], [], label, []


def _text(thing: object) -> int:
    return len(str(thing.value)) if isinstance(thing, Param | Tag) else 0


def _cut(things: list[T]) -> Iterator[list[T]]:
    some: list[T] = []
    texts = 0
    for thing in things:
        text = _text(thing)
        if some and (len(some) == MANY or texts + text > TEXTS):
            yield some
            some, texts = [], 0
        some.append(thing)
        texts += text
    if some:
        yield some


def _refused(params: Sequence[Param], kept: Mapping[str, object]) -> list[Param]:
    return [one for one in params if repr(one.value) != repr(kept.get(one.name, one.value))]
