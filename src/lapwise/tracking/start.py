"""Starts a run, opens one again, or joins one that another process started."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path

import msgspec

from lapwise.core.clock import MachineClock
from lapwise.core.digest import Digest
from lapwise.core.errors import NotFoundError, TrackingError
from lapwise.core.ids import new_id
from lapwise.core.model import Capture, DatasetVersion, KeyPart, Param, Run, Scalar
from lapwise.store.address import is_remote
from lapwise.store.model import Store
from lapwise.tracking.capturing import capture
from lapwise.tracking.deliver import is_away
from lapwise.tracking.recovery import recover
from lapwise.tracking.run import ActiveRun, begin_run
from lapwise.tracking.spool import Spool, spool_folder
from lapwise.tracking.values import check_params, check_tags, recorded_seed, reference
from lapwise.tracking.wal import log_folder, read_begin

__all__ = ["join_run", "start_run"]

AGAIN = (1.0, 5.0, 15.0, 60.0)
"""Seconds between attempts to ship what dead processes left to a store that is away."""

_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{26}")
_CHANGES = ("commit", "patch", "environment", "seed")

_LOG = logging.getLogger("lapwise.tracking")


def start_run(
    experiment: str,
    *,
    store: Store,
    root: str | os.PathLike[str],
    name: str = "",
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
    seed: int | None = None,
    lap: str | None = None,
    parent: str | int | ActiveRun | None = None,
    datasets: Sequence[KeyPart | DatasetVersion] = (),
    split: Digest | None = None,
    frame: Digest | None = None,
    code: Digest | None = None,
    resume: str | int | None = None,
    user: str = "",
    system_metrics: bool = True,
) -> ActiveRun:
    """Start a run, capture what it takes to repeat it, and ship what dead processes left.

    With a store over HTTP that does not answer, the run starts all the same: it has no number yet,
    and all of it waits on this disk until the store is back.

    Args:
        experiment: what the run belongs to; any printable text.
        store: where runs are kept.
        root: the project's folder: its code is captured, and the run's log is under ``.lapwise``.
        name: what people may call the run.
        params: as :meth:`ActiveRun.log_params`.
        tags: as :meth:`ActiveRun.set_tag`.
        seed: recorded, not applied: give it to your code, or call
            :meth:`ActiveRun.seed_everything`; a run without one is flagged.
        lap: id of the lap that this run is a step of.
        parent: the run, or its id or number, that this one is a part of; :meth:`ActiveRun.child`
            is shorter.
        datasets: dataset versions that the run reads, or their names and digests.
        split: digest of the split.
        frame: digest of the feature frame.
        code: digest of the training function with all it reaches.
        resume: open this run again, by number or id: it keeps its parameters and what it logged, is
            running again, and is flagged ``resumed``, and ``changed`` when code, environment or seed
            are not what they were. An id works even while the store is away.
        user: who started it.
        system_metrics: log how busy processor, memory, disk and GPUs are, every ten seconds, as
            ``system/...``.

    Raises:
        TrackingError: the experiment, the seed, a parameter or a tag cannot be stored, or the run
            to open again is still running; no run is made.
        NotFoundError: there is no such run to open again, or to be a part of.
        StoreError: the store, or the folder of the log, cannot be written; no run is made.
    """
    _check_names(experiment, name)
    seed = recorded_seed(seed)
    checked = check_params(params or {}), check_tags(tags or {})
    folder = Path(root)
    remote = is_remote(store.url)
    whole = None if parent is None else _parent(parent, store, folder)
    _ship_the_dead(store, folder, background=remote and resume is None)
    captured = capture(
        folder,
        keep=Spool(spool_folder(folder)).keep if remote else store.blobs.put,
        seed=seed,
        datasets=datasets,
        split=split,
        frame=frame,
        code=code,
    )
    if resume is not None:
        run = _resumed(
            reference(resume), experiment, captured, store, folder, system_metrics=system_metrics
        )
    else:
        now = MachineClock().timestamp()
        record = Run(
            id=new_id(),
            number=0,
            experiment=experiment,
            status="running",
            started=now,
            name=name,
            lap=lap,
            parent=whole,
            capture=captured,
            user=user,
            beat=now,
        )
        run = begin_run(record, store=store, root=folder, system_metrics=system_metrics)
    return _described(run, *checked)


def _check_names(experiment: object, name: object) -> None:
    texts = (experiment, name)
    if not (experiment and all(isinstance(one, str) and f"{one}x".isprintable() for one in texts)):
        raise TrackingError(
            "a run needs the name of its experiment",
            value=experiment if name == "" else texts,
            expected="printable text, such as start_run('flight-delay')",
        )


def _parent(parent: str | int | ActiveRun, store: Store, root: Path) -> str:
    """Return the id of the run that another is a part of."""
    if isinstance(parent, ActiveRun):
        return parent.id
    named = reference(parent)
    try:
        return store.runs.get(named).id
    except Exception as error:
        waits = isinstance(error, NotFoundError) and _has_log(root, named)
        if not (waits or (_may_wait(named, store) and is_away(error))):
            raise
        return named


def _described(run: ActiveRun, params: dict[str, Scalar], tags: dict[str, str]) -> ActiveRun:
    """Return a run with its first parameters and tags; one that refuses them has failed."""
    try:
        run.log_params(params)
        run.set_tags(tags)
    except BaseException:
        run.end("failed")
        raise
    return run


def join_run(run: str | int, *, store: Store, root: str | os.PathLike[str]) -> ActiveRun:
    """Log to a run that another process started, from a log of one's own.

    Whoever started the run ends it; the end of this process, however it comes, does not.

    Args:
        run: its id (which works even while the store is away), or its number.
        store: where the run is kept.
        root: the project's folder.

    Raises:
        TrackingError: the run has ended.
        NotFoundError: there is no such run.
        StoreError: the store, or the folder of the log, cannot be written.
    """
    folder = Path(root)
    named = reference(run)
    known: tuple[Param, ...] = ()
    try:
        record = store.runs.get(named)
        known = store.runs.params((record.id,))[record.id]
    except Exception as error:
        waits = isinstance(error, NotFoundError) and _has_log(folder, named)
        if not (waits or (_may_wait(named, store) and is_away(error))):
            raise
        record = _unknown(named, "")
    if record.status not in {"running", "crashed"}:
        raise TrackingError(
            f"run {record.number:03d} has ended",
            value=record.status,
            expected="a run that is going on",
            fix=f"open it again: lw.start_run({record.experiment!r}, resume='{record.number:03d}')",
        )
    return begin_run(record, store=store, root=folder, role="joined", known=known)


def _ship_the_dead(store: Store, root: Path, *, background: bool) -> None:
    """Ship what dead processes left; a store far away must not keep a run from starting."""
    if not background:
        for found in recover(store, root):
            if not found.shipped:
                _LOG.warning("run %s: what a dead process logged waits: %s", found.run, found.note)
    elif any(log_folder(root).glob("*.wal")):
        threading.Thread(
            target=_keep_shipping, args=(store, root), name="lapwise-recovery", daemon=True
        ).start()


def _keep_shipping(store: Store, root: Path) -> None:
    """Try until the store has answered, or is closed, or this process ends."""
    for pause in chain(AGAIN, repeat(AGAIN[-1])):
        if not any(found.away for found in recover(store, root)):
            return
        MachineClock().sleep(pause)


def _resumed(
    named: str,
    experiment: str,
    captured: Capture,
    store: Store,
    root: Path,
    *,
    system_metrics: bool,
) -> ActiveRun:
    known: tuple[Param, ...] = ()
    try:
        record = store.runs.get(named)
        known = store.runs.params((record.id,))[record.id]
    except Exception as error:
        if not (_may_wait(named, store) and is_away(error)):
            raise
        record = _unknown(named, experiment)
    if record.experiment != experiment:
        raise TrackingError(
            f"run {record.number:03d} is of another experiment",
            value=experiment,
            expected=record.experiment,
        )
    if record.number and record.status == "running" and record.beat is not None:
        raise TrackingError(
            f"run {record.number:03d} is still going on",
            expected="a run that has ended, or whose process was silent for 45 s",
            fix=f"log to it from here as well: lw.join_run({record.id!r})",
        )
    run = begin_run(
        record,
        store=store,
        root=root,
        role="resumed",
        known=known,
        system_metrics=system_metrics,
    )
    if record.number:
        run.keep_capture(_mixed(record.capture, captured))
    return run


def _mixed(before: Capture | None, now: Capture) -> Capture:
    """Return what is known of a run that two processes made: the first one's capture, flagged."""
    if before is None:
        before = now
    flags = {*before.flags, "resumed"}
    # Who says no seed when opening it again goes on with what was seeded.
    names = [name for name in _CHANGES if name != "seed" or now.seed is not None]
    if any(getattr(before, name) != getattr(now, name) for name in names):
        flags.add("changed")
    return msgspec.structs.replace(before, flags=tuple(sorted(flags)))


def _may_wait(named: str, store: Store) -> bool:
    return is_remote(store.url) and _ID.fullmatch(named) is not None


def _has_log(root: Path, run: str) -> bool:
    """Return whether a run that the store does not have yet waits on this disk."""
    begun = (read_begin(path) for path in log_folder(root).glob("*.wal"))
    return any(begin is not None and begin.run == run for begin in begun)


def _unknown(run: str, experiment: str) -> Run:
    """Return what is known of a run while the store is away: its id."""
    now = MachineClock().timestamp()
    return Run(id=run, number=0, experiment=experiment, status="running", started=now)
