"""Register the candidate with its lineage, and move it as its verdicts allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.digest import digest_value
from lapwise.core.lap import LapState, LapStep
from lapwise.core.model import Lineage, Param
from lapwise.gates import decide
from lapwise.loop.recipe import keep_recipe
from lapwise.registry import register, to_staging, withdraw
from lapwise.tracking.values import check_params

if TYPE_CHECKING:
    from lapwise.core.lap import Lap
    from lapwise.core.model import ModelVersion, Split
    from lapwise.loop.course import Course

__all__ = ["register_candidate", "settle"]

_GOOD = ("passed", "not_applicable")


def register_candidate(
    course: Course, split: Split, line: Lap, threshold: float | None
) -> ModelVersion:
    """Register the packaged candidate; one that is registered already is returned as it is."""
    clock, store, loop = course.workshop.machine, course.workshop.store, course.loop
    started = clock.monotonic()
    frame = course.frame.handle.value()
    run = store.runs.get(line.run or "")
    lineage = Lineage(
        run=line.run,
        lap=run.lap,
        datasets=run.capture.datasets if run.capture else line.datasets,
        split=split.digest,
        frame=frame.digest,
        views=frame.views,
        code=run.capture.code if run.capture else None,
        commit=run.capture.commit if run.capture else None,
        environment=run.capture.environment if run.capture else None,
        seed=loop.seed,
        params=tuple(
            Param(name=name, value=value) for name, value in check_params(loop.params).items()
        ),
        trained_until=_trained_until(split),
        recipe=keep_recipe(course.recipe(), store),
    )
    known = {version.id for version in store.models.list(loop.name)}
    version = register(
        store,
        model=loop.name,
        packaged=course.packaged.handle.value(),
        lineage=lineage,
        threshold=threshold,
        verdicts=line.verdicts,
        actor=f"lap {line.number}",
        at=line.as_of,
    )
    course.note(
        LapStep(
            name="register",
            key=version.digest,
            digest=version.digest,
            reused=version.id in known,
            seconds=clock.monotonic() - started,
        )
    )
    batch = f"metrics {digest_value((version.id, line.metrics))}"
    store.runs.log(run.id, metrics=line.metrics, batch=batch)
    return version


def settle(course: Course, version: ModelVersion, line: Lap) -> tuple[LapState, str, str]:
    """Move the version as the gates' verdicts allow; return state, decision and who decided."""
    outcome = decide(line.verdicts)
    name = f"v{version.number}"
    actor, store = f"lap {line.number}", course.workshop.store
    if version.stage == "archived":
        return "refused", f"{name} is archived, and never comes back", _decider(course, version)
    if outcome == "passed" and line.verdicts:
        if version.stage == "none":
            version = to_staging(store, version, actor=actor, at=line.as_of, verdicts=line.verdicts)
        if version.stage == "staging":
            return "waiting", f"{name} waits for approval", "gates"
        return "approved", f"{name} is in {version.stage} already", _decider(course, version)
    if version.stage == "staging":
        version = withdraw(store, version, actor=actor, at=line.as_of, verdicts=line.verdicts)
    if not line.verdicts:
        return "refused", f"{name} was judged by no gate: give the page gates=[...]", "gates"
    bad = [f"{one.gate} {one.name}" for one in line.verdicts if one.status not in _GOOD]
    word = "held" if outcome == "hold" else "refused"
    return "refused", f"{name} {word} by {', '.join(bad)}", "gates"


def _decider(course: Course, version: ModelVersion) -> str:
    decisions = course.workshop.store.models.approvals(version.id)
    return decisions[-1].by if decisions else ""


def _trained_until(split: Split) -> int | None:
    """Return the end of what the candidate was trained and chosen on; None unless split by time."""
    return next((part.end for part in split.parts if part.name == "validation"), None)
