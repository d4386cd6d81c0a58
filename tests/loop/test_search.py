"""Searching, comparing and autologging from a notebook: the project around it is found by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from lapwise.core.errors import DeclarationError, NotFoundError, TrackingError
from lapwise.loop.autologging import autolog
from lapwise.loop.notebook import start_run
from lapwise.loop.search import compare, search_runs

X: Any = np.arange(20.0).reshape(10, 2)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".lapwise").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


def test_what_a_notebook_logged_it_finds_again(project: Path) -> None:
    for lr in (0.1, 0.2):
        with start_run("churn", params={"lr": lr}, seed=7, system_metrics=False) as run:
            run.log_metric("auc", 0.7 + lr)
    found = search_runs("metrics.auc > 0.85", order="metrics.auc DESC")
    assert [row.number for row in found] == [2]
    assert [row.number for row in search_runs(order=["params.lr"], experiments="churn")] == [1, 2]
    first, second = search_runs(limit=1).pages()
    assert (first[0].number, second[0].number) == (2, 1)
    both = compare(1, found[0])
    assert [one.name for one in both.different] == ["lr", "auc"]
    assert compare("1", 2).different == both.different
    with pytest.raises(DeclarationError, match="column"):
        search_runs("metrics.auc >")
    with pytest.raises(NotFoundError):
        compare(1, 99)
    with pytest.raises(TrackingError, match="nothing to compare"):
        compare()


def test_a_fit_outside_any_run_is_one_and_inside_one_is_its_part(project: Path) -> None:
    plain = Ridge.fit
    autolog(experiment="fits")
    try:
        Ridge(alpha=2.0).fit(X, X[:, 0])
        with start_run("mine", system_metrics=False) as run:
            Ridge(alpha=3.0).fit(X, X[:, 0])
    finally:
        autolog(False)
    assert Ridge.fit is plain
    Ridge().fit(X, X[:, 0])
    mine, own = search_runs("params.alpha >= 2")
    assert (own.experiment, mine.experiment, mine.number) == ("fits", "mine", run.number)
    assert len(search_runs()) == 2


def test_a_with_block_ends_it_and_off_may_be_one_too(project: Path) -> None:
    plain = Ridge.fit
    with autolog(libraries=["sklearn"]):
        assert Ridge.fit is not plain
        with start_run("named", system_metrics=False) as run, autolog(run):
            Ridge().fit(X, X[:, 0])
    assert Ridge.fit is plain
    with autolog(False):
        Ridge().fit(X, X[:, 0])
    assert [row.experiment for row in search_runs()] == ["named"]
    with pytest.raises(TrackingError, match="no autologging"):
        autolog(libraries=["torch"])
