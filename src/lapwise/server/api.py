"""The REST API, read side: the records of the store, as they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from litestar import Controller, get
from litestar.params import FromPath, FromQuery, Parameter

from lapwise.core.deployment import Deployment
from lapwise.core.lap import Lap
from lapwise.core.model import Approval, AuditEntry, Metric, ModelVersion, Record, Verdict
from lapwise.core.observation import Alarm, DayPerformance, HourCounts
from lapwise.core.rollout import Rollout
from lapwise.loop.ledger import LedgerLine, last_verdicts, ledger
from lapwise.registry import TraceLine, trace_version
from lapwise.server.asked import After, FromStore, Limit, Moment, Number, instant
from lapwise.server.catalogue import find_version, names
from lapwise.server.feature_api import FeatureApi
from lapwise.server.run_api import RunApi
from lapwise.store.model import Store

__all__ = ["RECORDS", "AuditApi", "LoopApi", "ModelApi", "Product"]


class Product(Record, frozen=True, kw_only=True):
    """A loop or a model by name, with what stands there now; versions are ids."""

    name: str
    laps: int = 0
    versions: int = 0
    deployment: Deployment | None = None
    rollout: Rollout | None = None


class LoopApi(Controller):
    """Loops and their laps."""

    tags = ("loops",)

    @get("/loops", sync_to_thread=True)
    def loops(self, store: FromStore) -> list[Product]:
        """Return every loop that has gone a lap, and every model, by name."""
        return [_product(store, name) for name in names(store)]

    @get("/ledger", sync_to_thread=True)
    def ledger(
        self, store: FromStore, limit: Limit = 20, after: After = ""
    ) -> Sequence[LedgerLine]:
        """Return one line a lap with what became of its version, newest first."""
        return ledger(store, limit=limit, after=after)

    @get("/laps", sync_to_thread=True)
    def laps(
        self,
        store: FromStore,
        loop: FromQuery[str | None] = None,
        limit: Limit = 100,
        after: After = "",
    ) -> Sequence[Lap]:
        """Return laps with steps, verdicts and metrics, newest first."""
        return store.laps.list(loop, limit=limit, after=after)

    @get("/loops/{loop:str}/laps/{number:int}", sync_to_thread=True)
    def lap(self, store: FromStore, loop: FromPath[str], number: Number) -> Lap:
        """Return one lap by its number in its loop."""
        return store.laps.get(str(number), loop)


class ModelApi(Controller):
    """Versions of models, and what is seen of them in use."""

    tags = ("models",)

    @get("/versions", sync_to_thread=True)
    def all_versions(
        self, store: FromStore, limit: Limit = 100, after: After = ""
    ) -> Sequence[ModelVersion]:
        """Return versions of all models, newest first."""
        return store.models.list(limit=limit, after=after)

    @get("/models/{model:str}/versions", sync_to_thread=True)
    def versions(
        self, store: FromStore, model: FromPath[str], limit: Limit = 100, after: After = ""
    ) -> Sequence[ModelVersion]:
        """Return a model's versions, newest first."""
        return store.models.list(model, limit=limit, after=after)

    @get("/models/{model:str}/versions/{number:int}", sync_to_thread=True)
    def version(self, store: FromStore, model: FromPath[str], number: Number) -> ModelVersion:
        """Return one version by its number."""
        return find_version(store, model, number)

    @get("/models/{model:str}/versions/{number:int}/lineage", sync_to_thread=True)
    def lineage(
        self, store: FromStore, model: FromPath[str], number: Number
    ) -> Sequence[TraceLine]:
        """Return the walk back from a version to all that it was made from."""
        return trace_version(store, find_version(store, model, number))

    @get("/models/{model:str}/versions/{number:int}/verdicts", sync_to_thread=True)
    def verdicts(self, store: FromStore, model: FromPath[str], number: Number) -> Sequence[Verdict]:
        """Return what the gates found in the newest lap that judged the version."""
        return last_verdicts(store, find_version(store, model, number))

    @get("/models/{model:str}/versions/{number:int}/approvals", sync_to_thread=True)
    def approvals(
        self, store: FromStore, model: FromPath[str], number: Number
    ) -> Sequence[Approval]:
        """Return the decisions about a version, oldest first."""
        return store.models.approvals(find_version(store, model, number).id)

    @get("/models/{model:str}/versions/{number:int}/metrics", sync_to_thread=True)
    def metrics(self, store: FromStore, model: FromPath[str], number: Number) -> Sequence[Metric]:
        """Return the last value of each metric of the run that trained a version."""
        run = find_version(store, model, number).lineage.run
        return store.runs.metrics([run]).get(run, ()) if run else ()

    @get("/models/{model:str}/deployments", sync_to_thread=True)
    def deployments(
        self,
        store: FromStore,
        model: FromPath[str],
        limit: Limit = 100,
        below: FromQuery[int | None] = None,
    ) -> Sequence[Deployment]:
        """Return which versions answered, newest first; the first of all is in force.

        With ``below``, those whose revision is smaller.
        """
        return store.deployments.list(model, limit=limit, below=below)

    @get("/models/{model:str}/rollouts", sync_to_thread=True)
    def rollouts(
        self, store: FromStore, model: FromPath[str], limit: Limit = 100, after: After = ""
    ) -> Sequence[Rollout]:
        """Return a model's rollouts with guards and history, newest first."""
        return store.rollouts.list(model, limit=limit, after=after)

    @get("/models/{model:str}/rollouts/{number:int}", sync_to_thread=True)
    def rollout(self, store: FromStore, model: FromPath[str], number: Number) -> Rollout:
        """Return one rollout with its guards and its history."""
        return store.rollouts.get(str(number), model)

    @get("/models/{model:str}/alarms", sync_to_thread=True)
    def alarms(
        self,
        store: FromStore,
        model: FromPath[str],
        since: Moment = None,
        limit: Limit = 100,
        after: After = "",
    ) -> Sequence[Alarm]:
        """Return alarms raised at or after ``since``, newest first."""
        return store.alarms.list(model, since=instant(since), limit=limit, after=after)

    @get("/models/{model:str}/hours", sync_to_thread=True)
    def hours(
        self,
        store: FromStore,
        model: FromPath[str],
        since: Moment = None,
        until: Moment = None,
        limit: Limit = 1000,
    ) -> Sequence[HourCounts]:
        """Return exact counts by version and hour with ``since <= hour < until``, oldest first.

        At most ``limit``, and the rest of the last hour; ask on from the hour after it.
        """
        found = store.observations.hours(model, since=instant(since), until=instant(until))
        if len(found) <= limit:
            return found
        last = found[limit - 1].hour
        return [one for one in found if one.hour <= last]

    @get("/models/{model:str}/days", sync_to_thread=True)
    def days(
        self,
        store: FromStore,
        model: FromPath[str],
        since: Moment = None,
        until: Moment = None,
        limit: Limit = 1000,
    ) -> Sequence[DayPerformance]:
        """Return performance by day with ``since <= day < until``, oldest first, at most ``limit``."""
        return store.observations.days(model, since=instant(since), until=instant(until))[:limit]


class AuditApi(Controller):
    """The chained log of acts."""

    tags = ("audit",)

    @get("/audit", sync_to_thread=True)
    def audit(
        self,
        store: FromStore,
        after: Annotated[int, Parameter(ge=0, le=2**62, description="A sequence number.")] = 0,
        limit: Limit = 1000,
    ) -> Sequence[AuditEntry]:
        """Return audit entries with ``sequence > after``, oldest first."""
        return store.audit.entries(after=after, limit=limit)


RECORDS = (LoopApi, ModelApi, RunApi, FeatureApi, AuditApi)
"""Every part of the API that gives records."""


def _product(store: Store, name: str) -> Product:
    laps = store.laps.list(name, limit=1)
    versions = store.models.list(name, limit=1)
    return Product(
        name=name,
        laps=laps[0].number if laps else 0,
        versions=versions[0].number if versions else 0,
        deployment=store.deployments.newest(name),
        rollout=store.rollouts.open(name),
    )
