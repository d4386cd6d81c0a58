"""Monitors as the page declares them."""

import json
import subprocess
import sys

import pytest

from lapwise import monitors
from lapwise.core.errors import DeclarationError


def test_a_page_s_monitors_are_values_with_names_and_kinds() -> None:
    assert monitors.Drift() == monitors.Drift(least=0.1)
    assert [monitor.kind for monitor in (monitors.Drift(), monitors.PredictionDrift())] == [
        "drift"
    ] * 2
    assert [monitors.Performance("brier").kind, monitors.Calibration().kind] == ["harm"] * 2
    assert monitors.Performance("roc_auc", drop=0.05).name == "Performance(roc_auc, drop=0.05)"
    assert monitors.Calibration(window="28d").name == "Calibration(window=28d)"


@pytest.mark.parametrize("metric", ["accuracy", "precision", "auc"])
def test_what_follows_the_base_rate_is_refused(metric: str) -> None:
    with pytest.raises(DeclarationError, match="base rate"):
        monitors.Performance(metric)


def test_numbers_out_of_range_are_refused() -> None:
    for wrong in (
        lambda: monitors.Drift(least=0),
        lambda: monitors.Drift(once_in="12h"),
        lambda: monitors.PredictionDrift(least=1.5),
        lambda: monitors.Performance("roc_auc", drop=0),
        lambda: monitors.Performance("roc_auc", confidence=1),
        lambda: monitors.Calibration(tolerance=1),
        lambda: monitors.Calibration(window="a fortnight"),
    ):
        with pytest.raises(DeclarationError):
            wrong()


def test_declaring_loads_nothing_that_computes() -> None:
    code = (
        "import sys, json; from lapwise import monitors, triggers;"
        "monitors.Drift(), monitors.PredictionDrift(), monitors.Calibration();"
        "monitors.Performance('roc_auc'), triggers.Code(), triggers.OnAlarm();"
        "triggers.Schedule('0 3 1 * *'); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "polars", "scipy", "sklearn", "croniter", "sqlalchemy"}
    assert not heavy & set(json.loads(done.stdout))
