"""LightGBM and XGBoost: each iteration is a step, and training is otherwise as without."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lapwise.store.model import Store
from lapwise.tracking.autolog import Starter, switch_on
from tests.tracking.autolog.conftest import Logged

RNG = np.random.default_rng(7)
X = RNG.normal(size=(300, 4))
Y = (X[:, 0] + 0.5 * RNG.normal(size=300) > 0).astype(int)
GBM = {"objective": "binary", "metric": ["auc", "binary_logloss"], "verbose": -1, "num_threads": 1}
XGB = {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"], "nthread": 1}

Look = Callable[[], list[Logged]]


def train_lightgbm(**more: Any) -> Any:
    rows = lightgbm.Dataset(X[:200], Y[:200])
    valid = lightgbm.Dataset(X[200:], Y[200:], reference=rows)
    return lightgbm.train(GBM, rows, 30, valid_sets=[valid], valid_names=["valid"], **more)


def train_xgboost(**more: Any) -> Any:
    evals = [(xgboost.DMatrix(X[200:], Y[200:]), "valid")]
    rows = xgboost.DMatrix(X[:200], Y[:200])
    return xgboost.train(XGB, rows, 30, evals=evals, verbose_eval=False, **more)


def history(store: Store, one: Logged, metric: str) -> list[float]:
    return [point.value for point in store.runs.history(one.run.id, metric)]


def test_lightgbm_logs_each_iteration(start: Starter, logged: Look, store: Store) -> None:
    seen: dict[str, Any] = {}
    plain = train_lightgbm(callbacks=[lightgbm.record_evaluation(seen)]).model_to_string()
    expected = seen["valid"]["auc"]
    switch_on(start)
    booster = train_lightgbm()
    assert booster.model_to_string() == plain
    (one,) = logged()
    assert history(store, one, "valid_auc") == expected
    assert one.params | {"objective": "binary", "num_boost_round": 30} == one.params
    assert (one.params["data.rows"], one.params["data.columns"]) == (200, 4)
    assert one.metrics["trees"] == 30
    table = list(csv.DictReader(io.StringIO(one.files["feature_importance.csv"])))
    assert [row["feature"] for row in table] == booster.feature_name()


def test_lightgbm_stops_early_as_without(start: Starter, logged: Look) -> None:
    stop = lightgbm.early_stopping(3, verbose=False)
    plain = train_lightgbm(callbacks=[stop])
    switch_on(start)
    booster = train_lightgbm(callbacks=[lightgbm.early_stopping(3, verbose=False)])
    assert booster.best_iteration == plain.best_iteration
    (one,) = logged()
    assert one.metrics["best_iteration"] == booster.best_iteration
    assert one.metrics["best_valid_auc"] == booster.best_score["valid"]["auc"]


def test_xgboost_logs_each_iteration(start: Starter, logged: Look, store: Store) -> None:
    seen: dict[str, Any] = {}
    plain = train_xgboost(evals_result=seen).save_raw("json")
    switch_on(start)
    assert train_xgboost().save_raw("json") == plain
    (one,) = logged()
    assert history(store, one, "valid_logloss") == seen["valid"]["logloss"]
    assert one.params["num_boost_round"] == 30
    assert "feature_importance.csv" in one.files


def test_xgboost_stops_early_and_the_last_iteration_is_there(
    start: Starter, logged: Look, store: Store
) -> None:
    seen: dict[str, Any] = {}
    plain = train_xgboost(early_stopping_rounds=2, evals_result=seen)
    switch_on(start)
    booster = train_xgboost(early_stopping_rounds=2)
    assert booster.best_iteration == plain.best_iteration
    (one,) = logged()
    assert history(store, one, "valid_auc") == seen["valid"]["auc"]
    assert one.metrics["best_iteration"] == booster.best_iteration


@pytest.mark.parametrize(
    "model",
    [
        lambda: lightgbm.LGBMClassifier(n_estimators=7, verbose=-1, n_jobs=1),
        lambda: xgboost.XGBClassifier(n_estimators=7, n_jobs=1),
    ],
)
def test_a_scikit_learn_class_is_one_run_with_iterations(
    start: Starter, logged: Look, store: Store, model: Callable[[], Any]
) -> None:
    switch_on(start)
    given = (
        {"eval_set": [(X, Y)]}
        if isinstance(model(), xgboost.XGBModel)
        else {"eval_X": X, "eval_y": Y}
    )
    model().fit(X, Y, **given)
    (one,) = logged()
    assert one.params["n_estimators"] == 7
    (course,) = [name for name in one.metrics if name.endswith("logloss") and "best" not in name]
    assert len(history(store, one, course)) == 7
    assert one.metrics["trees"] == 7
    assert 0.5 < one.metrics["training_score"] <= 1


def test_inside_a_pipeline_it_is_the_pipelines_and_inside_a_search_nobodys(
    start: Starter, logged: Look
) -> None:
    switch_on(start)
    make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=4, n_jobs=1)).fit(X, Y)
    booster = lightgbm.LGBMClassifier(verbose=-1, n_jobs=1)
    GridSearchCV(booster, {"n_estimators": [2, 3]}, cv=2).fit(X, Y)
    piped, searched = logged()
    assert piped.metrics["trees"] == 4
    assert "trees" not in searched.metrics
    assert searched.metrics["candidates"] == 2


def test_a_wrong_call_fails_by_its_own_words(start: Starter) -> None:
    wrong: dict[str, Any] = {"nothing": 1}
    with pytest.raises(TypeError) as plain:
        lightgbm.train(**wrong)
    switch_on(start)
    with pytest.raises(TypeError) as watched:
        lightgbm.train(**wrong)
    assert str(watched.value) == str(plain.value)


def test_only_what_was_asked_for_is_watched(start: Starter, logged: Look) -> None:
    switch_on(start, libraries=["xgboost"])
    train_lightgbm()
    train_xgboost()
    assert [one.tags["model.class"] for one in logged()] == ["xgboost.Booster"]
