"""Starts a run."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from lapwise.core.clock import MachineClock
from lapwise.core.digest import Digest
from lapwise.core.errors import TrackingError
from lapwise.core.ids import new_id
from lapwise.core.model import DatasetVersion, KeyPart, Run
from lapwise.store.model import Store
from lapwise.tracking.capturing import capture
from lapwise.tracking.recovery import log_folder, recover, store_mark
from lapwise.tracking.run import ActiveRun
from lapwise.tracking.values import check_params, check_tags
from lapwise.tracking.wal import Begin, LogWriter

__all__ = ["start_run"]

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
    parent: str | None = None,
    datasets: Sequence[KeyPart | DatasetVersion] = (),
    split: Digest | None = None,
    frame: Digest | None = None,
    code: Digest | None = None,
) -> ActiveRun:
    """Start a run, capture what it takes to repeat it, and ship what dead processes left.

    Args:
        experiment: what the run belongs to; any printable text.
        store: where runs are kept.
        root: the project's folder: its code is captured, and the run's log is under ``.lapwise``.
        name: what people may call the run.
        params: as :meth:`ActiveRun.log_params`.
        tags: as :meth:`ActiveRun.set_tag`.
        seed: recorded, not applied: give it to your code; a run without one is flagged.
        lap: id of the lap that this run is a step of.
        parent: id of the run that this one is a part of.
        datasets: dataset versions that the run reads, or their names and digests.
        split: digest of the split.
        frame: digest of the feature frame.
        code: digest of the training function with all it reaches.

    Raises:
        TrackingError: the experiment, a parameter or a tag cannot be stored; no run is made.
        StoreError: the store, or the folder of the log, cannot be written; no run is made.
    """
    if not experiment or not experiment.isprintable() or not (name + "x").isprintable():
        raise TrackingError(
            "a run needs the name of its experiment",
            value=(experiment, name),
            expected="printable text, such as start_run('flight-delay')",
        )
    checked = check_params(params or {}), check_tags(tags or {})
    folder = Path(root)
    for found in recover(store, folder):
        if not found.shipped:
            _LOG.warning("run %s: what a dead process logged waits: %s", found.run, found.note)
    captured = capture(
        folder, store=store, seed=seed, datasets=datasets, split=split, frame=frame, code=code
    )
    record = Run(
        id=new_id(),
        number=0,
        experiment=experiment,
        status="running",
        started=MachineClock().timestamp(),
        name=name,
        lap=lap,
        parent=parent,
        capture=captured,
    )
    begin = Begin(record.id, store_mark(store.url), record.started)
    writer = LogWriter(log_folder(folder), begin)
    try:
        record = store.runs.create(record)
    except BaseException:
        writer.path.unlink(missing_ok=True)
        writer.close()
        raise
    run = ActiveRun(record, store=store, writer=writer)
    run.log_params(checked[0])
    for tag, text in checked[1].items():
        run.set_tag(tag, text)
    return run
