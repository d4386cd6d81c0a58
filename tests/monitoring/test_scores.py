import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from lapwise.monitoring.scores import DayRows, judge_metric, measure_day


def days(count: int = 14, seed: int = 0) -> list[DayRows]:
    random = np.random.default_rng(seed)
    found = []
    for rows in random.integers(50, 300, count):
        score = np.round(random.random(rows), 2)
        found.append(DayRows(score, (random.random(rows) < score / 2).astype(np.float64)))
    return found


def together(some: list[DayRows]) -> DayRows:
    return DayRows(
        np.concatenate([day.score for day in some]), np.concatenate([day.label for day in some])
    )


def test_a_day_s_metrics_are_scikit_learn_s() -> None:
    score, label = days(1)[0]
    score = np.clip(score, 0.01, 0.99)
    found = measure_day(score, label)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(label, score))
    assert found["log_loss"] == pytest.approx(log_loss(label, score))
    assert found["brier"] == pytest.approx(brier_score_loss(label, score))
    always = np.full(len(label), label.mean())
    assert found["skill"] == pytest.approx(1 - log_loss(label, score) / log_loss(label, always))


def test_a_day_of_one_class_has_losses_only_and_an_empty_one_nothing() -> None:
    assert set(measure_day(np.array([0.2]), np.array([0.0]))) == {"log_loss", "brier"}
    assert measure_day(np.empty(0), np.empty(0)) == {}


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "brier"])
def test_the_error_is_the_jackknife_over_days(metric: str) -> None:
    some = days()

    def value(rows: DayRows) -> float:
        score, label = np.clip(rows.score, 1e-7, 1), rows.label
        always = np.full(len(label), label.mean())
        if metric == "roc_auc":
            return float(roc_auc_score(label, score))
        loss = log_loss if metric == "log_loss" else brier_score_loss
        return float(1 - loss(label, np.minimum(score, 1 - 1e-7)) / loss(label, always))

    found = judge_metric(metric, some)
    without = np.array(
        [value(together(some[:place] + some[place + 1 :])) for place in range(len(some))]
    )
    assert found is not None
    assert found.value == pytest.approx(value(together(some)), abs=1e-6)
    spread = ((without - without.mean()) ** 2).sum() * (len(some) - 1) / len(some)
    assert found.error == pytest.approx(spread**0.5, rel=1e-4)
    assert (found.days, found.rows) == (14, sum(len(day.label) for day in some))


def test_too_few_days_or_positives_are_not_judged() -> None:
    assert judge_metric("roc_auc", days(4)) is None
    rare = [DayRows(day.score, np.zeros_like(day.label)) for day in days()]
    assert judge_metric("roc_auc", rare) is None
    assert judge_metric("roc_auc", []) is None
