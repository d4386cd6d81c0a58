"""The baseline that a candidate must beat: a linear model on the request's own fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from lapwise.loop.model import Frame

__all__ = ["linear_baseline"]

_FEWEST = 20
"""Categories in fewer rows than this are pooled."""


def linear_baseline(train: Frame, seed: int) -> Any:
    """Fit a logistic regression (binary, multiclass) or a ridge regression on the inputs.

    Text is one-hot encoded (categories in fewer than 20 rows are pooled), numbers are imputed by
    the median and scaled.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    text = [name for name, kind in train.features.schema.items() if kind == pl.String]
    numbers = [name for name in train.features.columns if name not in text]
    # Numbered by Polars first: scikit-learn would count each text as a Python object.
    known = {name: _frequent(train.features[name]) for name in text}
    number = FunctionTransformer(_numbered, kw_args={"known": known})
    places = [range(len(values) + 1) for values in known.values()]
    encode = Pipeline([("number", number), ("one", OneHotEncoder(categories=places))])
    scale = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    linear = (
        Ridge(random_state=seed)
        if train.label.dtype.is_numeric()
        else LogisticRegression(max_iter=300, random_state=seed)
    )
    columns = ColumnTransformer([("text", encode, text), ("numbers", scale, numbers)])
    model = Pipeline([("columns", columns), ("linear", linear)])
    return model.fit(train.features, train.label.to_numpy())


def _frequent(values: pl.Series) -> list[str]:
    """Return the categories that are in enough rows, in order."""
    counts = values.value_counts(name="rows")
    return counts.filter(pl.col("rows") >= _FEWEST)[values.name].sort().to_list()


def _numbered(rows: pl.DataFrame, known: dict[str, list[str]]) -> Any:
    """Return the place of each text among the known ones; what is rare or unseen comes last."""
    return rows.select(
        pl.col(name).replace_strict(
            values, range(len(values)), default=len(values), return_dtype=pl.Int32
        )
        if values
        else pl.repeat(0, pl.len(), dtype=pl.Int32).alias(name)
        for name, values in known.items()
    ).to_numpy()
