"""Parity of what answers requests with what was trained, on real flights."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import ModelError, UntrustedTypeError
from lapwise.registry import load, load_native, package
from lapwise.store.model import Store
from tests.registry.examples import (
    boosted_pipeline,
    linear_pipeline,
    registered,
    small_labels,
    small_model,
    small_rows,
    texts_and_numbers,
)

Flights = tuple[pl.DataFrame, Any]


class TestFlights:
    """Real rows: unseen tail numbers, missing numbers, missing texts."""

    def test_the_flights_pipeline_is_served_by_onnx(
        self, flights: Flights, flight_model: Any, store: Store
    ) -> None:
        """Ordinals, unknown as NaN, boosting: ONNX agrees on validation rows and hard cases."""
        rows, _ = flights
        packaged = package(
            flight_model, inputs=rows[15000:], task="binary", store=store, threshold=0.3
        )
        assert packaged.serving == "onnx", packaged.parity
        assert packaged.largest_difference is not None
        assert packaged.largest_difference < 2e-6
        assert "0 decisions differ" in packaged.parity
        version = registered(store, packaged)
        compiled, native = load(version, store.blobs), load_native(version, store.blobs)
        later = rows.tail(3000).sample(3000, shuffle=True, seed=3)
        assert np.abs(compiled.predict(later) - native.predict(later)).max() < 2e-6

    @pytest.mark.parametrize("unknown", [-1, np.nan])
    def test_either_code_for_the_unknown_keeps_parity(
        self, flights: Flights, store: Store, unknown: float
    ) -> None:
        """OrdinalEncoder converts rightly whether the unknown is -1 or NaN."""
        rows, late = flights
        model = boosted_pipeline(rows, unknown=unknown, trees=20).fit(rows[:5000], late[:5000])
        packaged = package(model, inputs=rows[5000:6000], task="binary", store=store)
        assert packaged.serving == "onnx", packaged.parity

    def test_the_baseline_is_served_by_onnx(self, flights: Flights, store: Store) -> None:
        """One column a category, filled and scaled numbers, logistic regression."""
        rows, late = flights
        model = linear_pipeline(rows).fit(rows[:5000], late[:5000])
        packaged = package(model, inputs=rows[5000:7000], task="binary", store=store)
        assert packaged.serving == "onnx", packaged.parity

    def test_a_calibrated_model_is_served_by_onnx(self, flights: Flights, store: Store) -> None:
        """Calibration after the columns were encoded keeps parity (around the pipeline it cannot)."""
        rows, late = flights
        inner = HistGradientBoostingClassifier(max_iter=10, random_state=7)
        calibrated = CalibratedClassifierCV(inner, method="sigmoid", cv=2)
        model = boosted_pipeline(rows, model=calibrated).fit(rows[:4000], late[:4000])
        packaged = package(model, inputs=rows[5000:6000], task="binary", store=store)
        assert packaged.serving == "onnx", packaged.parity

    @pytest.mark.prove
    def test_a_model_of_the_real_size_packages_in_five_seconds(
        self, flights: Flights, store: Store
    ) -> None:
        """200 trees of 31 leaves, 5,000 rows: at most 5 s once the libraries are loaded; load 0.2 s."""
        rows, late = flights
        model = boosted_pipeline(rows, trees=200)
        model[-1].set_params(early_stopping=False)
        model.fit(rows[:15000], late[:15000])
        package(small_model(), inputs=small_rows(), task="binary", store=store)
        started = time.perf_counter()
        packaged = package(model, inputs=rows[15000:], task="binary", store=store)
        assert time.perf_counter() - started < 5
        assert packaged.serving == "onnx", packaged.parity
        version = registered(store, packaged)
        started = time.perf_counter()
        load(version, store.blobs)
        assert time.perf_counter() - started < 0.2


class TestParityCatches:
    def test_categorical_boosting_is_caught(self, flights: Flights, store: Store) -> None:
        """skl2onnx miscompiles `categorical_features` silently; the archive serves, with numbers."""
        rows, late = flights
        texts, numbers = texts_and_numbers(rows)
        texts.remove("tailnum")  # more than 255 categories
        model = boosted_pipeline(rows[texts + numbers], trees=20)
        model[-1].set_params(categorical_features=list(range(len(texts))))
        model.fit(rows[texts + numbers][:5000], late[:5000])
        packaged = package(
            model, inputs=rows[texts + numbers][5000:6000], task="binary", store=store
        )
        assert packaged.serving == "skops"
        assert "scikit-learn answers, not ONNX" in packaged.parity
        assert "model.onnx" not in {part.name for part in packaged.artifacts}
        version = registered(store, packaged)
        later = rows[texts + numbers][6000:7000]
        assert np.array_equal(
            load(version, store.blobs).predict(later), model.predict_proba(later)[:, 1]
        )

    def test_trees_behind_a_scaler_are_caught(self, store: Store) -> None:
        """A scaler rounds to Float32 in ONNX and to Float64 natively: rows at a split go elsewhere."""
        rows = small_rows()
        model = HistGradientBoostingRegressor(max_iter=30)
        fitted = linear_pipeline(rows, model).fit(rows, rows["a"].to_numpy() * 100 + 1000)
        packaged = package(fitted, inputs=rows, task="regression", store=store)
        assert packaged.serving == "skops"
        assert "validation rows" in packaged.parity

    def test_a_forest_that_meets_missing_numbers_is_caught(self, store: Store) -> None:
        """Compiled, a forest sends NaN to other leaves than scikit-learn does."""
        rows = small_rows()
        forest = RandomForestClassifier(10, random_state=0)
        fitted = boosted_pipeline(rows, model=forest).fit(rows, small_labels())
        packaged = package(fitted, inputs=rows, task="binary", store=store)
        assert packaged.serving == "skops"
        assert "missing" in packaged.parity

    def test_a_model_that_skl2onnx_cannot_convert_says_so(self, store: Store) -> None:
        """A conversion that fails is a reason, not an error."""
        rows = small_rows()["a", "b"]
        model = make_pipeline(FunctionTransformer(np.cbrt), LogisticRegression()).fit(
            rows, small_labels()
        )
        packaged = package(model, inputs=rows, task="binary", store=store)
        assert packaged.serving == "skops"
        assert packaged.largest_difference is None
        assert "skl2onnx cannot convert" in packaged.parity

    def test_refusals_of_both_forms_are_alike(self, store: Store) -> None:
        """A linear model without imputer refuses NaN natively; compiled, it must refuse too."""
        rows = small_rows()["a", "b"]
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, small_labels())
        packaged = package(model, inputs=rows, task="binary", store=store)
        assert packaged.serving == "onnx", packaged.parity
        predictor = load(registered(store, packaged), store.blobs)
        with pytest.raises(ModelError, match="not numbers"):
            predictor.predict(pl.DataFrame({"a": [None], "b": [1.0]}))


class TestTasks:
    @pytest.mark.parametrize(
        "model",
        [
            LogisticRegression(),
            HistGradientBoostingClassifier(max_iter=10),
        ],
        ids=lambda model: type(model).__name__,
    )
    def test_multiclass_gives_one_column_a_class(self, model: Any, store: Store) -> None:
        """Scores are (rows, classes), rows sum to one, columns as `classes`."""
        rows = small_rows()
        kind = np.where(rows["a"] > 0.5, "high", np.where(rows["a"] < -0.5, "low", "mid"))
        pipeline = linear_pipeline if isinstance(model, LogisticRegression) else boosted_pipeline
        fitted = pipeline(rows, model=model).fit(rows, kind)
        packaged = package(
            fitted, inputs=rows, task="multiclass", store=store, classes=("high", "low", "mid")
        )
        assert packaged.serving == "onnx", packaged.parity
        assert [one.name for one in packaged.signature.outputs] == [
            "score high",
            "score low",
            "score mid",
        ]
        version = registered(store, packaged)
        scores = load(version, store.blobs).predict(rows)
        assert scores.shape == (300, 3)
        assert scores.dtype == np.float64
        assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
        assert np.abs(scores - fitted.predict_proba(rows)).max() < 1e-5
        assert load(version, store.blobs).predict(rows.head(0)).shape == (0, 3)

    @pytest.mark.parametrize(
        "model",
        [
            Ridge(),
            PoissonRegressor(),
            HistGradientBoostingRegressor(max_iter=10),
            RandomForestRegressor(10, random_state=0),
        ],
        ids=lambda model: type(model).__name__,
    )
    def test_regression_gives_one_value_a_row(self, model: Any, store: Store) -> None:
        """Scores are (rows,), within 1e-5 of their size, compiled or native."""
        rows = small_rows()
        target = np.exp(rows["a"].to_numpy()) * 100
        fitted = linear_pipeline(rows, model).fit(rows, target)
        packaged = package(fitted, inputs=rows, task="regression", store=store)
        version = registered(store, packaged)
        scores = load(version, store.blobs).predict(rows)
        assert scores.shape == (300,)
        assert np.abs(scores - fitted.predict(rows)).max() <= 1e-5 * np.ptp(fitted.predict(rows))
        assert packaged.classes == ()

    def test_boosted_and_linear_regression_are_served_by_onnx(self, store: Store) -> None:
        """The usual regressions compile within the limit."""
        rows = small_rows()
        target = rows["a"].to_numpy() * 100 + 1000
        for pipeline, model in (
            (linear_pipeline, Ridge()),
            (boosted_pipeline, HistGradientBoostingRegressor(max_iter=30)),
        ):
            fitted = pipeline(rows, model=model).fit(rows, target)
            packaged = package(fitted, inputs=rows, task="regression", store=store)
            assert packaged.serving == "onnx", packaged.parity

    def test_a_model_fitted_on_a_bare_matrix_is_packaged(self, store: Store) -> None:
        """Without names the columns are taken in order, and nothing warns."""
        rows = small_rows()["a", "b"]
        model = make_pipeline(PolynomialFeatures(2), LogisticRegression())
        model.fit(rows.to_numpy(), small_labels())
        packaged = package(model, inputs=rows, task="binary", store=store)
        assert packaged.serving == "onnx", packaged.parity


class TestBadModels:
    def test_packaging_twice_gives_the_same_files(self, store: Store) -> None:
        """Every artifact is deterministic; the digest is that of the archive."""
        first, second = (
            package(small_model(), inputs=small_rows(), task="binary", store=store)
            for _ in range(2)
        )
        assert first == second
        archive = next(part for part in first.artifacts if part.name == "model.skops")
        assert first.digest == archive.digest == digest_bytes(store.blobs.get(archive.digest))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"inputs": small_rows().head(0)}, "there are none"),
            ({"inputs": small_rows()["b", "a", "kind"]}, "fitted on other columns"),
            ({"inputs": small_rows()["a", "b"]}, "fitted on other columns"),
            ({"task": "multiclass"}, "wrong number of classes"),
            ({"classes": ("no", "yes")}, "not those of the page"),
        ],
    )
    def test_a_model_that_does_not_fit_is_refused(
        self, change: dict[str, Any], message: str, store: Store
    ) -> None:
        """No rows, other columns, another task or other classes: one clear error, no file kept."""
        given: dict[str, Any] = {"inputs": small_rows(), "task": "binary", "store": store} | change
        with pytest.raises(ModelError, match=message):
            package(small_model(), **given)
        assert list(store.blobs.digests()) == []

    def test_a_classifier_without_probabilities_is_refused(self, store: Store) -> None:
        """Scores are probabilities; the error says how to get them."""
        rows = small_rows()["a", "b"]
        with pytest.raises(ModelError, match="gives no probabilities"):
            package(LinearSVC().fit(rows, small_labels()), inputs=rows, task="binary", store=store)

    def test_a_model_that_cannot_score_its_validation_rows_is_refused(self, store: Store) -> None:
        """A linear model given NaN says so at packaging."""
        rows = small_rows()["a", "b"]
        model = LogisticRegression().fit(rows, small_labels())
        holes = rows.with_columns(a=pl.lit(float("nan"), dtype=pl.Float32))
        with pytest.raises(ModelError, match="cannot score the rows"):
            package(model, inputs=holes, task="binary", store=store)

    def test_an_unreviewed_type_is_refused_unless_the_page_trusts_it(self, store: Store) -> None:
        """`trusted=` is kept in the package, and loading honours it."""
        rows = small_rows()["a", "b"]
        model = make_pipeline(FunctionTransformer(np.tanh), LogisticRegression())
        model.fit(rows.to_numpy(), small_labels())
        with pytest.raises(UntrustedTypeError, match=r"numpy\.tanh"):
            package(model, inputs=rows, task="binary", store=store)
        packaged = package(model, inputs=rows, task="binary", store=store, trusted=["numpy.tanh"])
        assert packaged.trusted == ("numpy.tanh",)
        version = registered(store, packaged)
        assert version.trusted == ("numpy.tanh",)
        assert load_native(version, store.blobs).predict(rows).shape == (300,)
        entry = store.audit.entries()[0]
        assert {one.name: one.value for one in entry.details}["trusted"] == "numpy.tanh"
