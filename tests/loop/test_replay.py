from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lapwise.core.clock import parse_time
from lapwise.core.errors import LapwiseError
from lapwise.loop.happening import Happened
from lapwise.loop.verify import read_predictions, verify_features
from lapwise.loop.year import sum_up
from tests.loop.replays import FROM, TO, Replayed, ledger, make_product, predictions, replay
from tests.loop.worlds import World


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    return replay(make_product(tmp_path_factory.mktemp("replay") / "a product"))


def test_every_row_is_predicted_once_on_the_features_of_its_time(turned: Replayed) -> None:
    rows = turned.history.examples["order_id"].to_list()
    with turned.world.workshop() as opened:
        logged = read_predictions(opened.project.live, "returns")
        parity = verify_features(opened.store, logged, versions=turned.history.versions)
    assert turned.replay.failed == 0
    assert sorted(logged["row"].to_list()) == sorted(rows)
    assert (parity.rows, parity.equal) == (len(rows), len(rows))


def test_later_versions_reach_production_by_shadow_and_canary_alone(turned: Replayed) -> None:
    with turned.world.workshop() as opened:
        store = opened.store
        versions = sorted(store.models.list("returns"), key=lambda one: one.number)
        rollouts = {one.candidate: one for one in store.rollouts.list("returns")}
        reached = [
            one
            for one in versions
            if "bootstrap" not in one.marks and one.stage in ("production", "archived")
        ]
        production = store.models.production("returns")
    assert "bootstrap" in versions[0].marks
    assert reached, "no later version was promoted, so nothing is proven"
    for version in reached:
        actions = [event.action for event in rollouts[version.id].history]
        assert actions[0] == "started"
        assert actions.index("compared") < actions.index("raised") < actions.index("promoted")
    assert production is not None
    assert production.id == reached[-1].id


def test_a_canary_answers_its_units_and_nobody_else(turned: Replayed) -> None:
    with turned.world.workshop() as opened:
        logged = read_predictions(opened.project.live, "returns")
    arms = logged.group_by("arm").len()
    assert set(arms["arm"]) == {"production", "canary"}
    both = logged.group_by("revision", "unit").agg(pl.col("arm").n_unique().alias("arms"))
    assert both["arms"].max() == 1


def test_a_replay_is_summed_up(turned: Replayed) -> None:
    with turned.world.workshop() as opened:
        turned.replay.workshop = opened
        year = sum_up(turned.replay, turned.history, seconds=1.0)
    assert year.told.failed_requests == 0
    assert year.told.features_equal == 1.0
    assert year.told.predictions == turned.history.examples.height
    assert year.told.promotions >= 1
    (month,) = year.months
    assert month.month == "2024-02"
    assert 0.5 < month.auc < 1
    assert len(year.ledger) == year.told.laps >= 2
    happened = [one for one in turned.heard if isinstance(one, Happened)]
    assert {"lap", "approved", "rollout"} <= {one.kind for one in happened}
    assert not [one for one in happened if one.kind == "trouble"]


@pytest.mark.prove
def test_two_replays_are_the_same(turned: Replayed, tmp_path: Path) -> None:
    """What a stopped one proves as well, which `make test` runs."""
    again = make_product(tmp_path / "again")
    replay(again)
    assert ledger(again) == ledger(turned.world)
    assert predictions(again).equals(predictions(turned.world))


def test_what_is_known_later_changes_nothing_before(turned: Replayed, tmp_path: Path) -> None:
    """All that was known on or after a day is removed: until then everything is the same."""
    day = "2024-02-14"
    end = parse_time(day)
    short = make_product(tmp_path / "short")
    forget_after(short, end)
    replay(short, FROM, day)
    laps, rollouts, alarms = ledger(short)
    all_laps, all_rollouts, all_alarms = ledger(turned.world)
    assert laps == [one for one in all_laps if one[0] <= end]
    assert alarms == [one for one in all_alarms if one[0] <= end]
    for mine, other in zip(reversed(rollouts), reversed(all_rollouts), strict=False):
        assert mine[:2] == other[:2]
        assert mine[3] == tuple(event for event in other[3] if event.at <= end)
    before = predictions(turned.world).filter(pl.col("at") < end)
    assert predictions(short).equals(before)


def test_a_stopped_replay_goes_on_where_its_log_ends(turned: Replayed, tmp_path: Path) -> None:
    world = make_product(tmp_path / "stopped")

    def stop(one: object) -> None:
        if getattr(one, "at", 0) >= parse_time("2024-02-10"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(world, hear=stop)
    replay(world)
    assert predictions(world).equals(predictions(turned.world))
    assert ledger(world) == ledger(turned.world)


def test_without_an_approver_a_replay_says_that_nobody_answers(tmp_path: Path) -> None:
    from lapwise.loop.replay import Replay

    world = make_product(tmp_path / "nobody")
    with world.workshop() as opened:
        turned = Replay(opened, world.loop(), start=parse_time(FROM), end=parse_time(TO))
        with pytest.raises(LapwiseError, match="nobody"):
            turned.run()


def forget_after(world: World, end: int) -> None:
    """Remove every row of the raw files that was known at or after an instant."""
    for name, known in (("orders", "published_at"), ("outcomes", "settled_at")):
        path = world.root / "data" / f"{name}.parquet"
        rows = pl.read_parquet(path)
        rows.filter(pl.col(known).dt.epoch("us") < end).write_parquet(path)
