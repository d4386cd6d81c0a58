"""Small records that the store's tests keep."""

from __future__ import annotations

from typing import Any

from lapwise.core.access import Webhook
from lapwise.core.deployment import Deployment
from lapwise.core.digest import Digest, digest_bytes
from lapwise.core.feature import Declared, Verification, ViewFreshness
from lapwise.core.ids import new_id
from lapwise.core.lap import Lap, Trigger
from lapwise.core.model import (
    Capture,
    DatasetVersion,
    FilePart,
    Lineage,
    Metric,
    ModelVersion,
    Output,
    Run,
    Signature,
    Stage,
    StepResult,
)
from lapwise.core.observation import Alarm, DayPerformance, HourCounts
from lapwise.core.rollout import Guard, Rollout, RolloutPhase, RolloutPolicy
from lapwise.core.tracked import LoggedModel
from lapwise.store.model import AuditDraft, StageMove


def digest(text: str) -> Digest:
    """Return a digest that is the same for the same text."""
    return digest_bytes(text.encode())


def dataset(table: str = "flights", content: str = "rows", blob: Digest = "") -> DatasetVersion:
    """Return a version that has no number yet."""
    return DatasetVersion(
        id=new_id(), table=table, number=0, digest=digest(table + content),
        parts=(FilePart(name="a.parquet", digest=blob or digest(content), size=4, rows=1),),
        columns=(), statistics=(), rows=1, watermark=10, key=("id",), event="at", known="at",
        event_minimum=1, event_maximum=2, source="a.parquet", created=7,
    )  # fmt: skip


def run(experiment: str = "flight-delay", lap: str | None = None) -> Run:
    """Return a running run without a number."""
    return Run(id=new_id(), number=0, experiment=experiment, status="running", started=1, lap=lap)


def capture(packages: Digest = "") -> Capture:
    """Return a capture with every required field."""
    return Capture(
        commit="a1b9c2", dirty=False, patch=None, packages=packages or digest("packages"),
        environment=digest("environment"), python="3.11", platform="linux", cpu="x", cores=2,
        memory=1, threads=(), seed=7, command=("python", "train.py"),
    )  # fmt: skip


def step(key: str, name: str = "train", blob: Digest = "") -> StepResult:
    """Return a step's result with one output."""
    output = Output(name="frame", codec="parquet", digest=blob or digest(key), size=4)
    return StepResult(
        key=digest(key), step=name, parts=(), outputs=(output,), seconds=0.5, created=3
    )


def version(
    model: str = "flight-delay",
    content: str = "weights",
    run_id: str | None = None,
    lap_id: str | None = None,
) -> ModelVersion:
    """Return a model version without a number."""
    return ModelVersion(
        id=new_id(), model=model, number=0, digest=digest(content), format="skops",
        serving="onnx", parity="proven", artifacts=(), signature=Signature(inputs=(), outputs=()),
        lineage=Lineage(run=run_id, lap=lap_id), task="binary", created=5,
    )  # fmt: skip


def lap(loop: str = "flight-delay") -> Lap:
    """Return a lap without a number."""
    return Lap(
        id=new_id(), number=0, loop=loop, trigger=Trigger(kind="manual"), as_of=1,
        state="running", started=1,
    )  # fmt: skip


def logged(id: str = "m-" + "0" * 32, **given: Any) -> LoggedModel:
    """Return a logged model that is pending."""
    fields = {"experiment": "flight-delay", "name": "model", "run": None, "created": 3} | given
    return LoggedModel(id=id, status="pending", updated=3, **fields)


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the specification's example


def webhook(url: str = "https://example.org/hook", **given: Any) -> Webhook:
    """Return a webhook for all events of all products."""
    return Webhook(id=new_id(), url=url, created=4, **given)


def act(action: str = "register", subject: str = "flight-delay", actor: str = "ada") -> AuditDraft:
    """Return an audit entry to be."""
    return AuditDraft(at=11, actor=actor, action=action, subject=subject)


def move(one: ModelVersion, source: Stage, target: Stage, mark: str = "") -> StageMove:
    """Return the move of a version from a stage to another."""
    return StageMove(one.id, source, target, mark)


def deployment(
    model: str = "flight-delay", production: str = "v1", weight: int = 0, at: int = 1
) -> Deployment:
    """Return a deployment without a revision."""
    return Deployment(
        model=model, production=production, canary="v2" if weight else None, weight=weight,
        salt="s", at=at, reason="because",
    )  # fmt: skip


def rollout(
    model: str = "flight-delay", phase: RolloutPhase = "shadow", started: int = 1
) -> Rollout:
    """Return a rollout without a number."""
    policy = RolloutPolicy(pairs=100, steps=(10, 50, 100), hold=5, min_units=9, margin=0.05)
    guard = Guard(
        name="errors", status="cannot_tell", sentence="too few", candidate=3, control=4,
        measured=0.1, low=-0.2, high=0.4,
    )  # fmt: skip
    return Rollout(
        id=new_id(), model=model, candidate="v2", control="v1", policy=policy, phase=phase,
        started=started, since=started, guards=(guard,),
    )  # fmt: skip


def alarm(model: str = "flight-delay", at: int = 5) -> Alarm:
    """Return an alarm without a number."""
    return Alarm(
        id=new_id(), model=model, monitor="drift", kind="drift", subject="distance", version="v1",
        since=at - 1, at=at, sentence="the distances are longer", measured=0.4, limit=0.2, p=1e-6,
    )  # fmt: skip


def hour(at: int, model: str = "flight-delay", version: str = "v1", rows: int = 7) -> HourCounts:
    """Return what one version answered within an hour."""
    return HourCounts(
        model=model, version=version, hour=at, rows=rows, bins={"score": (rows, 0, 0)},
        unseen={"carrier": 1},
    )  # fmt: skip


def day(at: int, model: str = "flight-delay", labelled: int = 3) -> DayPerformance:
    """Return how good a day's answers were."""
    return DayPerformance(
        model=model, day=at, rows=9, labelled=labelled, base_rate=0.3, mean_score=0.4,
        metrics=(Metric(name="log_loss", value=0.5),),
    )  # fmt: skip


def declared(name: str = "plane", *, loop: str = "flight-delay", window: str = "7d") -> Declared:
    """Return one version of a view, as a loop declares it."""
    return Declared(
        digest=digest(name + window), name=name, kind="view", features=(f"{name}_n",),
        table="arrivals", by=("tailnum",), owner="ada", loop=loop, declared=5, said=5,
    )  # fmt: skip


def freshness(name: str = "plane", *, loop: str = "flight-delay", noted: int = 9) -> ViewFreshness:
    """Return what is online of a view."""
    return ViewFreshness(
        loop=loop, digest=digest(f"{name}7d"), view=name, table="arrivals", by=("tailnum",),
        entities=3, rows=12, watermark=noted, latest=noted, floor=0, noted=noted,
    )  # fmt: skip


def verification(model: str = "flight-delay", at: int = 8) -> Verification:
    """Return what verifying ten vectors found, all equal."""
    return Verification(id=new_id(), model=model, at=at, rows=10, equal=10)
