"""What scikit-learn fits is logged once, and is otherwise as if nobody looked."""

from __future__ import annotations

import copy
import csv
import inspect
import io
import logging
import pickle
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config  # type: ignore[import-untyped]
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lapwise.core.errors import StoreError, TrackingError
from lapwise.store.model import Store
from lapwise.tracking import start_run
from lapwise.tracking.autolog import Starter, switch_off, switch_on
from tests.tracking.autolog.conftest import Logged, fresh

RNG = np.random.default_rng(7)
X = RNG.normal(size=(200, 4))
Y = (X[:, 0] + 0.3 * RNG.normal(size=200) > 0).astype(int)

Look = Callable[[], list[Logged]]


def test_a_fit_is_a_run_with_what_went_in_and_what_came_out(start: Starter, logged: Look) -> None:
    switch_on(start)
    model = LogisticRegression(C=0.5).fit(X, Y)
    (one,) = logged()
    assert one.run.status == "finished"
    assert one.params["C"] == 0.5
    assert (one.params["data.rows"], one.params["data.columns"]) == (200, 4)
    assert one.tags["model.class"].endswith("LogisticRegression")
    assert one.metrics["training_score"] == model.score(X, Y)
    assert one.metrics["fit_seconds"] > 0


def test_a_search_is_one_run_with_its_candidates_as_a_table(start: Starter, logged: Look) -> None:
    switch_on(start)
    grid = {"logisticregression__C": [0.01, 0.1, 1.0], "standardscaler__with_mean": [True, False]}
    search = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), grid, cv=3)
    search.fit(X, Y)
    (one,) = logged()
    assert one.params["best.logisticregression__C"] == search.best_params_["logisticregression__C"]
    assert one.metrics["best_score"] == search.best_score_
    assert one.metrics["candidates"] == 6
    table = list(csv.DictReader(io.StringIO(one.files["cv_results.csv"])))
    assert len(table) == 6
    scores = [float(row["mean_test_score"]) for row in table]
    assert scores == pytest.approx(list(search.cv_results_["mean_test_score"]))


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_of_a_search_or_an_ensemble_log_nothing_of_their_own(
    start: Starter, logged: Look, backend: str
) -> None:
    switch_on(start)
    with parallel_config(backend=backend, n_jobs=2):
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=2).fit(X, Y)
        models = [("a", LogisticRegression()), ("b", RandomForestClassifier(5)), ("c", KMeans(2))]
        VotingClassifier(models[:2]).fit(X, Y)
    assert len(logged()) == 2


def test_folds_of_a_cross_validation_and_bare_transformers_are_no_models(
    start: Starter, logged: Look
) -> None:
    switch_on(start)
    cross_val_score(LogisticRegression(), X, Y, cv=4)
    StandardScaler().fit_transform(X)
    assert logged() == []


def test_a_fit_inside_a_run_belongs_to_it_and_a_second_keeps_the_first_ones_parameters(
    start: Starter, logged: Look, store: Store, root: Path
) -> None:
    switch_on(start)
    with start_run("mine", store=store, root=root, params={"C": "mine"}):
        LogisticRegression(C=0.5).fit(X, Y)
        LogisticRegression(C=2.0).fit(X, Y)
    (one,) = logged()
    assert one.run.experiment == "mine"
    assert one.params["C"] == "mine"
    assert one.params["solver"] == "lbfgs"
    assert one.params["fit_2.C"] == 2.0
    assert "fit_2.training_score" in one.metrics


def test_a_run_that_was_named_has_it_all(
    start: Starter, logged: Look, store: Store, root: Path
) -> None:
    run = start_run("named", store=store, root=root)
    with switch_on(start, run=run):
        Ridge(alpha=3.0).fit(X, Y)
    run.end()
    assert [(one.run.experiment, one.params["alpha"]) for one in logged()] == [("named", 3.0)]


def test_the_course_of_a_training_that_an_estimator_remembers_is_logged(
    start: Starter, logged: Look
) -> None:
    switch_on(start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MLPClassifier((4,), max_iter=12, random_state=1).fit(X, Y)
    (one,) = logged()
    assert one.steps["loss"] == len(model.loss_curve_) - 1
    assert one.metrics["loss"] == pytest.approx(model.loss_curve_[-1])


class Broken(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator that does everything to break whoever looks at it."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def fit(self, X: Any, y: Any = None) -> Broken:  # noqa: N803
        """Fit by nothing."""
        if self.fails:
            raise ZeroDivisionError("of the user")
        self.classes_ = [0, 1]
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        raise RuntimeError("no parameters")

    def predict(self, X: Any) -> Any:  # noqa: N803
        raise RuntimeError("no predictions")


def test_nothing_that_goes_wrong_in_looking_reaches_the_training(
    start: Starter, logged: Look, caplog: pytest.LogCaptureFixture
) -> None:
    switch_on(start)
    with caplog.at_level(logging.WARNING):
        model = Broken()
        assert model.fit(X, Y) is model
    (one,) = logged()
    assert one.run.status == "finished"
    assert "no parameters" in caplog.text


def test_an_error_of_the_fit_is_the_users_and_the_run_has_failed(
    start: Starter, logged: Look
) -> None:
    switch_on(start)
    with pytest.raises(ZeroDivisionError, match="of the user"):
        Broken(fails=True).fit(X, Y)
    (one,) = logged()
    assert one.run.status == "failed"
    assert "of the user" in one.tags["error"]
    LogisticRegression().fit(X, Y)  # and the next fit is recorded again
    assert len(logged()) == 2


def test_whoever_stops_a_fit_by_hand_can_go_on(start: Starter, logged: Look) -> None:
    class Stopped(LogisticRegression):  # type: ignore[misc]
        """Somebody presses Ctrl-C while its score is taken."""

        def predict(self, rows: Any) -> Any:
            raise KeyboardInterrupt

    switch_on(start)
    with pytest.raises(KeyboardInterrupt):
        Stopped().fit(X, Y)
    LogisticRegression().fit(X, Y)
    assert [one.run.status for one in logged()] == ["killed", "finished"]


def test_a_store_that_is_away_keeps_nobody_from_training(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def nowhere() -> Any:
        raise StoreError("the disk is gone")

    with switch_on(nowhere), caplog.at_level(logging.WARNING):
        assert LogisticRegression().fit(X, Y).coef_.shape == (1, 4)
    assert "the disk is gone" in caplog.text


def test_results_signatures_pickles_and_clones_are_as_if_nobody_looked(start: Starter) -> None:
    def trained() -> Any:
        np.random.seed(3)  # noqa: NPY002
        model = RandomForestClassifier(5).fit(X, Y)
        return model.predict_proba(X), np.random.random()  # noqa: NPY002

    before = inspect.signature(LogisticRegression.fit), trained()
    with switch_on(start):
        during = inspect.signature(LogisticRegression.fit), trained()
        model = LogisticRegression().fit(X, Y)
        again = pickle.loads(pickle.dumps(model))
        assert np.array_equal(again.predict(X), model.predict(X))
        assert clone(model).fit(X, Y) is not model
        assert copy.deepcopy(model).fit(X, Y, sample_weight=np.ones(200)) is not None
        assert LogisticRegression.fit.__doc__ == inspect.unwrap(LogisticRegression.fit).__doc__
    assert before[0] == during[0]
    assert np.array_equal(before[1][0], during[1][0])
    assert before[1][1] == during[1][1], "NumPy's global generator went on as without"


def test_all_is_put_back_exactly(start: Starter) -> None:
    watched = [LogisticRegression, GridSearchCV, Broken, KMeans, BaseEstimator]
    before = [dict(vars(cls)) for cls in watched]
    with switch_on(start):
        with switch_on(start):
            assert LogisticRegression.fit is not before[0]["fit"]
        assert LogisticRegression.fit is not before[0]["fit"], "the outer one is still on"

        class Later(LogisticRegression):  # type: ignore[misc]
            """Defined while autologging is on."""

            def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Later:  # noqa: N803
                super().fit(X, y, sample_weight)
                return self

        assert hasattr(Later.fit, "__wrapped__")
    assert [dict(vars(cls)) for cls in watched] == before
    assert not hasattr(Later.fit, "__wrapped__")
    switch_off()


def test_threads_that_fit_have_runs_of_their_own(start: Starter, logged: Look) -> None:
    switch_on(start)
    barrier = threading.Barrier(3)

    def fit(strength: float) -> None:
        barrier.wait()
        LogisticRegression(C=strength).fit(X, Y)

    threads = [threading.Thread(target=fit, args=(one,)) for one in (0.1, 0.2, 0.3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.params["C"] for one in logged()) == [0.1, 0.2, 0.3]  # type: ignore[type-var]


def test_an_unknown_library_is_refused(start: Starter) -> None:
    with pytest.raises(TrackingError, match="no autologging"):
        switch_on(start, libraries=["keras"])


LATE = """
import sys
from contextlib import contextmanager
from lapwise.tracking.autolog import switch_on, switch_off

started = []

@contextmanager
def start():
    raise RuntimeError(f"started after {sorted(m for m in ('sklearn',) if m in sys.modules)}")
    yield

switch_on(start)
assert not {"sklearn", "lightgbm", "xgboost", "numpy"} & set(sys.modules), "nothing is imported"
import sklearn.base
assert sklearn.base.__spec__.loader is sklearn.base.__loader__
assert type(sklearn.base.__loader__).__module__ != "lapwise.tracking.autolog.imports"
from sklearn.linear_model import LogisticRegression
assert hasattr(LogisticRegression.fit, "__wrapped__")
import lightgbm, xgboost
assert hasattr(lightgbm.train, "__wrapped__") and hasattr(xgboost.sklearn.train, "__wrapped__")
switch_off()
for function in (LogisticRegression.fit, lightgbm.train, lightgbm.sklearn.train, xgboost.train,
                 lightgbm.engine.train, xgboost.training.train, xgboost.sklearn.train):
    assert not hasattr(function, "_lapwise"), function
assert "__init_subclass__" not in vars(sklearn.base.BaseEstimator)
assert not any(type(one).__name__ == "ImportWatch" for one in sys.meta_path)
print("well")
"""


def test_libraries_that_are_imported_later_are_watched_and_none_is_imported(root: Path) -> None:
    assert fresh(LATE, root).strip() == "well"
