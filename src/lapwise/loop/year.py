"""What a replay came to: the ledger, the months, and whether features were the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from lapwise.core.model import Record
from lapwise.loop.ledger import LedgerLine, ledger
from lapwise.loop.months import Month, by_month
from lapwise.loop.verify import read_predictions, verify_model

if TYPE_CHECKING:
    from lapwise.loop.replay import Replay
    from lapwise.loop.world import World

__all__ = ["Year", "sum_up"]

_ALL = 10_000


class Told(Record, frozen=True, kw_only=True):
    """A replay in numbers, as ``--json`` tells it."""

    laps: int
    alarms: int
    promotions: int
    rollbacks: int
    predictions: int
    failed_requests: int
    features_equal: float
    months: tuple[Month, ...]
    seconds: float


class Year(Record, frozen=True, kw_only=True):
    """A replay in numbers, and the ledger's lines, newest first."""

    told: Told
    ledger: tuple[LedgerLine, ...]

    @property
    def months(self) -> tuple[Month, ...]:
        """The months, in order."""
        return self.told.months


def sum_up(replay: Replay, world: World, *, seconds: float) -> Year:
    """Sum up from the log and the store, whoever wrote them.

    Args:
        replay: one that ran.
        world: the world that it read.
        seconds: how long it took.
    """
    workshop, name = replay.workshop, replay.loop.name
    store = workshop.store
    logged = read_predictions(workshop.project.live, name)
    proof = verify_model(workshop, name, at=replay.end, versions=world.versions, logged=logged)
    rollouts = store.rollouts.list(name, limit=_ALL)
    first = min(store.models.list(name, limit=_ALL), key=lambda one: one.number)
    labels = world.examples.select(pl.col(replay.loop.examples.row).alias("row"), "label")
    return Year(
        ledger=tuple(one for one in ledger(store, limit=_ALL) if one.loop == name),
        told=Told(
            laps=len(store.laps.list(name, limit=_ALL)),
            alarms=len(store.alarms.list(name, limit=_ALL)),
            promotions=sum(one.phase == "promoted" for one in rollouts),
            rollbacks=sum(one.phase == "rolled_back" for one in rollouts),
            predictions=logged.height,
            failed_requests=replay.failed,
            features_equal=proof.share,
            months=by_month(logged, labels, first, store.blobs),
            seconds=seconds,
        ),
    )
