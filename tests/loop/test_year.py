"""What a replay comes to, from log and store alone."""

from __future__ import annotations

import math

import polars as pl
import pytest

from lapwise.core.clock import format_time
from lapwise.loop.months import by_month
from lapwise.loop.replay import Replay
from lapwise.loop.verify import read_predictions
from lapwise.loop.year import sum_up
from tests.loop.answered import FROM, Asked
from tests.loop.twice import MODEL, NOW


def test_numbers_are_those_of_log_and_store(answered: Asked) -> None:
    with answered.world.workshop(format_time(NOW)) as opened:
        replay = Replay(opened, answered.world.loop(), start=FROM, end=NOW)
        replay.failed = 3
        year = sum_up(replay, answered.history, seconds=12.5)
    told = year.told
    assert (told.laps, told.alarms, told.promotions, told.rollbacks) == (3, 0, 0, 0)
    assert (told.predictions, told.failed_requests) == (answered.rows, 3)
    assert (told.features_equal, told.seconds) == (1.0, 12.5)
    assert [one.number for one in year.ledger] == [3, 2, 1]
    (month,) = year.months
    assert (month.month, month.rows) == ("2024-02", answered.rows)


def test_a_month_is_measured_over_the_labels_that_are_known(answered: Asked) -> None:
    """The areas and losses are those that scikit-learn finds for the same rows."""
    from sklearn.metrics import log_loss, roc_auc_score

    with answered.world.workshop(format_time(NOW)) as opened:
        logged = read_predictions(opened.project.live, MODEL)
        first = opened.store.models.get("returns@v1")
        labels = answered.history.examples.select(pl.col("order_id").alias("row"), "label")
        (month,) = by_month(logged, labels, first, opened.store.blobs)
    known = logged.join(labels.drop_nulls(), on="row")
    assert 0 < known.height < answered.rows
    assert month.labelled == known.height
    assert month.base_rate == pytest.approx(known["label"].mean())
    assert month.auc == pytest.approx(roc_auc_score(known["label"], known["score"]))
    assert month.log_loss == pytest.approx(log_loss(known["label"], known["score"]))
    # Production was the first model itself, so left alone it does the same.
    assert month.auc_first_model == month.auc
    assert month.log_loss_first_model == pytest.approx(month.log_loss)


def test_another_model_is_measured_on_the_same_vectors(answered: Asked) -> None:
    with answered.world.workshop(format_time(NOW)) as opened:
        logged = read_predictions(opened.project.live, MODEL)
        other = opened.store.models.get("returns@v3")
        labels = answered.history.examples.select(pl.col("order_id").alias("row"), "label")
        (month,) = by_month(logged, labels, other, opened.store.blobs)
    assert month.auc != month.auc_first_model
    assert 0.5 < month.auc_first_model <= 1


def test_months_without_a_label_are_told_and_measured_as_nothing(answered: Asked) -> None:
    with answered.world.workshop(format_time(NOW)) as opened:
        logged = read_predictions(opened.project.live, MODEL)
        first = opened.store.models.get("returns@v1")
        none = answered.history.examples.select(
            pl.col("order_id").alias("row"), label=pl.lit(None, pl.Boolean)
        )
        shifted = pl.concat([logged, logged.with_columns(at=pl.col("at") + 30 * 86_400_000_000)])
        months = by_month(shifted, none, first, opened.store.blobs)
    assert [one.month for one in months] == ["2024-02", "2024-03"]
    assert all((one.rows, one.labelled) == (answered.rows, 0) for one in months)
    assert all(math.isnan(one.auc) and math.isnan(one.log_loss) for one in months)
