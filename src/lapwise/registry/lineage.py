"""Walk back from a version to all that it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lapwise.core.clock import format_time
from lapwise.core.errors import NotFoundError
from lapwise.core.ids import label
from lapwise.core.model import ModelVersion, Run
from lapwise.registry.model import TraceLine

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["trace_version"]

_SHORT = 12


def trace_version(store: Store, version: ModelVersion) -> tuple[TraceLine, ...]:
    """Return the walk: version, decisions, run, frame, datasets, split, code, environment, seed.

    What a version was registered without is told as such, never left out; a run that is gone is
    told too.
    """
    return tuple(_walk(store, version))


def _walk(store: Store, version: ModelVersion) -> Iterator[TraceLine]:
    lineage = version.lineage
    marks = f" ({', '.join(version.marks)})" if version.marks else ""
    yield TraceLine(
        what="version",
        text=f"{version.model} v{version.number}  {version.stage}{marks}  served by {version.serving}",
        identity=version.digest,
    )
    decisions = store.models.approvals(version.id)
    for one in decisions:
        note = f": {one.note}" if one.note else ""
        yield TraceLine(
            what="approval",
            text=f"{one.decision} by {one.by} at {format_time(one.at)}{note}",
            identity=one.id,
        )
    if not decisions:
        yield TraceLine(what="approval", text="nobody has decided yet")
    yield _run_line(store, lineage.run)
    yield _part("frame", "features of the examples", lineage.frame)
    for part in lineage.datasets:
        yield TraceLine(what="dataset", text=part.name, identity=part.digest)
    if not lineage.datasets:
        yield _part("dataset", "", None)
    yield _part("split", "which rows train, validate and test", lineage.split)
    commit = f"commit {lineage.commit[:_SHORT]}" if lineage.commit else "no commit"
    yield _part("code", commit, lineage.code)
    yield _part("environment", "packages, Python and platform", lineage.environment)
    seed = "not seeded" if lineage.seed is None else str(lineage.seed)
    yield TraceLine(what="seed", text=seed)


def _run_line(store: Store, reference: str | None) -> TraceLine:
    if reference is None:
        return _part("run", "", None)
    try:
        run: Run = store.runs.get(reference)
    except NotFoundError:
        return TraceLine(what="run", text="its record is gone", identity=reference)
    shown = [
        f"{one.name}={one.value:.4g}"
        for one in store.runs.metrics([run.id])[run.id]
        if not one.name.startswith("system/")  # what its machine did is on the run's page
    ]
    shown += [f"{one.name}={one.value}" for one in store.runs.params([run.id])[run.id]]
    text = "  ".join([label("run", run.number), run.experiment, run.status, *shown])
    return TraceLine(what="run", text=text, identity=run.id)


def _part(what: str, text: str, digest: str | None) -> TraceLine:
    if digest is None:
        return TraceLine(what=what, text=f"{text}, not recorded".lstrip(", "))
    return TraceLine(what=what, text=text, identity=digest)
