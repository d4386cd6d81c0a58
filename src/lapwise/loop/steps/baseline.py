"""The baseline that a candidate must beat: a linear model on the request's own fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from lapwise.loop.model import Frame

__all__ = ["linear_baseline"]


def linear_baseline(train: Frame, seed: int) -> Any:
    """Fit a logistic regression (binary, multiclass) or a ridge regression on the inputs.

    Text is one-hot encoded (categories in fewer than 20 rows are pooled), numbers are imputed by
    the median and scaled.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    text = [name for name, kind in train.features.schema.items() if kind == pl.String]
    numbers = [name for name in train.features.columns if name not in text]
    encode = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20)
    scale = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    linear = (
        Ridge(random_state=seed)
        if train.label.dtype.is_numeric()
        else LogisticRegression(max_iter=300, random_state=seed)
    )
    columns = ColumnTransformer([("text", encode, text), ("numbers", scale, numbers)])
    model = Pipeline([("columns", columns), ("linear", linear)])
    return model.fit(train.features, train.label.to_numpy())
