"""Performance and calibration on days whose truth is known."""

from __future__ import annotations

from typing import cast

import msgspec
import numpy as np
import pytest

from lapwise import monitors
from lapwise.monitoring.model import Finding, Monitor
from lapwise.monitoring.outcomes import DayRead, Outcomes
from lapwise.monitoring.reference import Held
from lapwise.monitoring.scores import DayRows
from lapwise.monitoring.window import Normal, Window
from tests.monitoring.worlds import DAY, START, logistic, reference

HELD = tuple(
    Held(name=name, value=value, error=0.01, blocks=14, rows=10_000)
    for name, value in (("roc_auc", 0.72), ("log_loss", 0.1), ("brier", 0.11))
)


class Days:
    """Outcomes that are given."""

    def __init__(self, days: list[DayRows]) -> None:
        self.days = days

    def read(self, day: int, version: str, as_of: int) -> DayRead:
        found = self.days[(day - START) // DAY]
        return DayRead(len(found.label), found)


def labelled(
    count: int, *, signal: float = 0.8, more: float = 1.0, level: float = 0.3, seed: int = 0
) -> list[DayRows]:
    """Return days whose scores carry ``signal`` and whose events are ``more`` times as many."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        x = random.normal(random.normal(0, level), 1, 400)
        score = logistic(-1.3 + 0.8 * x)
        truth = logistic(-1.3 + signal * x) * more
        found.append(DayRows(score, (random.random(400) < truth).astype(np.float64)))
    return found


def judge(monitor: Monitor, days: list[DayRows]) -> list[Finding]:
    normal = Normal(msgspec.structs.replace(reference(), held=HELD))
    boundary = START + len(days) * DAY
    every = [START + place * DAY for place in range(len(days))]
    window = Window("v1", normal, boundary, every, None, cast("Outcomes", Days(days)))  # type: ignore[arg-type]
    return monitor.judge(window)


def test_a_model_that_keeps_its_word_is_quiet() -> None:
    for monitor in (monitors.Calibration(), monitors.Performance("roc_auc", drop=0.05)):
        (found,) = judge(monitor, labelled(20))
        assert not found.loud


@pytest.mark.parametrize(("more", "side"), [(1.5, 1), (0.6, -1)])
def test_events_that_the_scores_did_not_expect_are_harm(more: float, side: int) -> None:
    (found,) = judge(monitors.Calibration(), labelled(20, more=more))
    assert found.loud
    assert found.size * side > 0
    assert found.measured == pytest.approx(more, rel=0.1)
    assert found.p < 0.01
    assert 1 < found.facts["surely"] ** side < found.measured**side


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "brier"])
def test_scores_that_tell_nothing_any_more_are_harm(metric: str) -> None:
    (found,) = judge(monitors.Performance(metric), labelled(20, signal=0.0))
    assert found.loud
    assert found.facts["surely"] > 0.03


def test_a_higher_base_rate_alone_is_no_loss_of_discrimination() -> None:
    (found,) = judge(monitors.Performance("roc_auc", drop=0.05), labelled(20, more=1.8))
    assert not found.loud


def test_the_window_is_the_last_days_that_are_mature() -> None:
    days = [*labelled(20, more=1.6), *labelled(15)]
    (found,) = judge(monitors.Calibration(), days)
    assert found.facts["days"] == 14
    assert found.since == START + 20 * DAY
    assert not found.loud
    (young,) = judge(monitors.Calibration(mature="10d"), days)
    assert young.since == START + 11 * DAY


def test_too_little_to_judge_is_no_finding() -> None:
    for monitor in (monitors.Calibration(), monitors.Performance("roc_auc")):
        assert judge(monitor, labelled(5)) == []
        assert judge(monitor, []) == []
        rare = [DayRows(day.score, np.zeros_like(day.label)) for day in labelled(20)]
        assert judge(monitor, rare) == []


def test_false_alarms_are_rarer_than_the_confidence_says() -> None:
    """A world at the very edge of what is tolerated: one look in a hundred may be loud."""
    loud = [
        finding.loud
        for seed in range(300)
        for finding in judge(monitors.Calibration(), labelled(15, more=1.1, seed=seed))
    ]
    assert len(loud) == 300
    assert np.mean(loud) <= 0.03


def test_sentences_say_what_since_when_and_how_sure() -> None:
    monitor = monitors.Calibration()
    (found,) = judge(monitor, labelled(20, more=0.6))
    sentence = monitor.say([found], cast("Window", None))
    for part in (
        "Harm: ",
        "% fewer",
        "2013-01-06",
        "99 % confidence",
        "0.90 is accepted",
        "at most",
    ):
        assert part in sentence
    performance = monitors.Performance("log_loss")
    (found,) = judge(performance, labelled(20, signal=0.0))
    for part in ("Harm: the skill of its log_loss", "0.03 is accepted", "14 days"):
        assert part in performance.say([found], cast("Window", None))
