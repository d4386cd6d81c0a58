"""Real flights of January to April with features as of each prediction, and scores.

``score`` is of a model that was fitted until 9 March, as a first lap would; ``cross`` of models that
had not seen the row's day (January to March).
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

import lapwise as lw
from lapwise.core.clock import parse_time
from lapwise.core.prediction import Answer, Answered, Feedback, LogEntry, Outcome
from lapwise.features import compute
from lapwise.features.frame import feature_names
from lapwise.loop.page import load_page

DAY = 86_400_000_000
HOUR = DAY // 24
APRIL = parse_time("2013-04-01")
TEST = APRIL - 14 * DAY
CLASSES = ("False", "True")

_FITTED_UNTIL = TEST - 8 * DAY
_FOLDS = 5


@cache
def flights() -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return one row a flight until the end of April, sorted by time, and the features' names."""
    folder = Path(lw.__file__).parent / "examples" / "flights"
    page = load_page("page.py", folder)
    raw = sys.modules["page"].RAW
    tables = sys.modules["tables"]
    files = [raw / "flights.csv.zip", raw / "airports.csv"]
    scheduled, landed = tables.flights(files), tables.arrivals(files)
    sky = tables.weather([raw / "weather.csv"])
    asked = (
        scheduled.filter(pl.col("predict_at").dt.epoch("us") < APRIL + 30 * DAY)
        .unique("flight_id", keep="first", maintain_order=True)
        .join(landed.select("flight_id", "late", "arrived_at"), on="flight_id", how="left")
        .sort("predict_at", "flight_id")
    )
    read = {"flights": scheduled.lazy(), "arrivals": landed.lazy(), "weather": sky.lazy()}
    wide = compute(asked, page.features, time="predict_at", tables=read)
    names = feature_names(page.features)
    frame = wide.select(
        "flight_id",
        *names,
        time=pl.col("predict_at").dt.epoch("us"),
        known=pl.col("arrived_at").dt.epoch("us"),
        label="late",
    ).with_columns(day=pl.col("time") // DAY)
    return _with_scores(frame, names), names


def _with_scores(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    codes = [
        pl.col(name).cast(pl.Categorical).to_physical().cast(pl.Float32)
        if frame.schema[name] == pl.String
        else pl.col(name).cast(pl.Float32)
        for name in names
    ]
    inputs = frame.select(codes).to_numpy()
    late, time = frame["label"], frame["time"].to_numpy()
    labelled = late.is_not_null().to_numpy()
    labels = late.fill_null(value=False).to_numpy()
    score = _fit_and_score(inputs, labels, labelled & (time < _FITTED_UNTIL), inputs)
    cross = np.full(len(time), np.nan)
    days = np.unique(frame["day"].to_numpy()[time < APRIL])
    fold_of = dict(zip(days, np.random.default_rng(0).permutation(len(days)) % _FOLDS, strict=True))
    fold = np.array([fold_of.get(day, -1) for day in frame["day"]])
    for number in range(_FOLDS):
        train = labelled & (fold >= 0) & (fold != number)
        cross[fold == number] = _fit_and_score(inputs, labels, train, inputs[fold == number])
    return frame.with_columns(score=pl.Series(score), cross=pl.Series(cross))


def _fit_and_score(
    inputs: NDArray[np.float32],
    labels: NDArray[np.bool_],
    train: NDArray[np.bool_],
    asked: NDArray[np.float32],
) -> NDArray[np.float64]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        random_state=7, learning_rate=0.05, max_iter=150, min_samples_leaf=200, max_leaf_nodes=15
    )
    model.fit(inputs[train], labels[train])
    scores: NDArray[np.float64] = model.predict_proba(asked)[:, 1]
    return scores


def log(frame: pl.DataFrame, names: tuple[str, ...]) -> list[LogEntry]:
    """Return the prediction log: one request an hour, labels in the hour after they were known."""
    entries: list[LogEntry] = []
    for (at,), rows in frame.group_by("time", maintain_order=True):
        assert isinstance(at, int)
        answer = Answer(
            version="v1",
            arm="production",
            places=tuple(range(rows.height)),
            features={name: rows[name].to_list() for name in names},
            scores=rows["score"].to_list(),
        )
        entries.append(
            Answered(
                request=f"r{at}",
                at=at,
                revision=1,
                rows=tuple(rows["flight_id"]),
                units=(),
                inputs={},
                answers=(answer,),
            )
        )
    landed = frame.filter(pl.col("label").is_not_null())
    for (at,), rows in landed.group_by(pl.col("known") // HOUR * HOUR + HOUR):
        assert isinstance(at, int)
        outcomes = rows.select("flight_id", "label").rows()
        entries.append(
            Feedback(at=at, outcomes=tuple(Outcome(row=row, label=late) for row, late in outcomes))
        )
    return sorted(entries, key=lambda entry: entry.at)
