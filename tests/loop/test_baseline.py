"""The baseline is the textbook's linear model, however fast it counts categories."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from lapwise.loop.model import Frame
from lapwise.loop.steps.baseline import linear_baseline


def frame(rows: int, seed: int, *, kind: str = "binary") -> Frame:
    """Return rows with two texts, one of them with rare values, and a number that is missing at times."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, 12, rows)
    rare = np.where(rng.random(rows) < 0.01, rng.integers(100, 140, rows), rng.integers(0, 5, rows))
    size = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)).astype(np.float32)
    score = place / 6 + np.nan_to_num(size) + rng.normal(size=rows)
    label = pl.Series(score > 1) if kind == "binary" else pl.Series(score)
    features = pl.DataFrame(
        {"place": [f"p{one}" for one in place], "rare": [f"r{one}" for one in rare], "size": size}
    )
    names = pl.Series(range(rows))
    return Frame(features=features, label=label, rows=names, times=names)


def test_it_is_one_hot_and_logistic() -> None:
    """Scores are scikit-learn's own one-hot encoder's, unseen and rare categories included."""
    train, test = frame(5_000, 1), frame(1_000, 2)
    unseen = test.features.with_columns(place=pl.lit("elsewhere"))
    encode = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20)
    scale = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    plain = Pipeline(
        [
            (
                "columns",
                ColumnTransformer(
                    [("text", encode, ["place", "rare"]), ("numbers", scale, ["size"])]
                ),
            ),
            ("linear", LogisticRegression(max_iter=300, random_state=7)),
        ]
    ).fit(train.features, train.label.to_numpy())
    ours = linear_baseline(train, 7)
    for rows in (test.features, unseen):
        apart = np.abs(ours.predict_proba(rows) - plain.predict_proba(rows)).max()
        assert apart < 1e-3


@pytest.mark.parametrize("columns", [["size"], ["place"], ["rare", "size"]])
def test_any_kind_of_columns_will_do(columns: list[str]) -> None:
    """Only texts, only numbers, and a number to foretell."""
    train = frame(400, 3, kind="regression")
    chosen = Frame(
        features=train.features.select(columns),
        label=train.label,
        rows=train.rows,
        times=train.times,
    )
    model = linear_baseline(chosen, 7)
    assert np.isfinite(model.predict(chosen.features)).all()


def test_a_text_of_rare_values_only_tells_nothing() -> None:
    """Where every category is rare, all are one."""
    train = frame(200, 4)
    names = pl.Series([f"n{place}" for place in range(200)])
    only = Frame(
        features=train.features.with_columns(place=names),
        label=train.label,
        rows=train.rows,
        times=train.times,
    )
    assert np.isfinite(linear_baseline(only, 7).predict_proba(only.features)).all()
