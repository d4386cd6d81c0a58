import msgspec
import numpy as np
import polars as pl
import pytest

from lapwise.core.errors import DataError
from lapwise.monitoring import Reference, make_reference
from lapwise.monitoring.scores import DayRows, judge_metric
from tests.monitoring.worlds import CLASSES, DAY, FEATURES, START, days, reference


def test_a_reference_survives_its_encoding() -> None:
    encoded = msgspec.json.encode(reference())
    assert msgspec.json.decode(encoded, type=Reference) == reference()


def test_every_row_of_every_day_is_counted_once_in_each_column() -> None:
    for counted in reference().counted:
        assert len(counted.blocks) == 60
        assert counted.blocks[-1] == START - DAY
        assert [sum(row) for row in counted.counts] == [300] * 60


def test_performance_is_of_unseen_rows_alone() -> None:
    frame = days(60, seed=1, first=-60).filter(pl.col("time") >= START - 20 * DAY)
    by_day = [
        DayRows(rows["score"].to_numpy(), rows["label"].cast(pl.Float64).to_numpy())
        for rows in frame.with_columns(day=pl.col("time") // DAY).partition_by("day")
    ]
    expected = judge_metric("roc_auc", by_day)
    held = {one.name: one for one in reference().held}
    assert expected is not None
    assert held["roc_auc"].value == expected.value
    assert held["roc_auc"].blocks == len(reference().outcomes) == 20
    assert set(held) == {"roc_auc", "log_loss", "brier"}


def test_only_the_latest_days_count() -> None:
    frame = days(30, first=-30)
    found = make_reference(frame, FEATURES, time="time", latest="10d")
    assert len(found.features[0].blocks) in (10, 11)
    assert found.score is None
    assert found.held == ()


def test_times_and_words_of_other_types_give_the_same() -> None:
    frame = days(30, first=-30)
    other = frame.with_columns(
        pl.from_epoch("time", time_unit="us").dt.replace_time_zone("UTC"),
        pl.col("shop").cast(pl.Categorical),
        label=pl.when("label").then(pl.lit("true")).otherwise(pl.lit("false")),
        test=pl.lit(value=True),
    )
    asked = {"time": "time", "score": "score", "label": "label", "classes": CLASSES}
    plain = make_reference(
        frame,
        FEATURES,
        out_of_sample=pl.Series([True] * frame.height),
        **asked,  # type: ignore[arg-type]
    )
    assert make_reference(other, FEATURES, out_of_sample="test", **asked) == plain  # type: ignore[arg-type]


def test_several_classes_are_counted_by_the_most_likely_one() -> None:
    random = np.random.default_rng(0)
    frame = days(12, first=-12).with_columns(
        score=pl.Series(random.dirichlet([2, 1, 1], 12 * 300), dtype=pl.Array(pl.Float64, 3))
    )
    found = make_reference(
        frame, FEATURES, time="time", score="score", label="shop", classes=("a", "b", "c")
    )
    assert found.score is not None
    assert found.score.bins.categories == ("a", "b", "c")
    counts = np.sum(found.score.counts, axis=0)
    assert counts.sum() == frame.height
    assert counts[1] > counts[2] > 0
    assert found.held == ()


def test_rows_without_a_score_count_for_features_alone() -> None:
    frame = days(20, first=-20).with_columns(
        score=pl.when(pl.col("time") >= START - 5 * DAY).then("score")
    )
    found = make_reference(frame, FEATURES, time="time", score="score")
    assert found.score is not None
    assert len(found.score.blocks) == 5
    assert len(found.features[0].blocks) == 20


def test_what_cannot_be_a_reference_is_refused() -> None:
    frame = days(3)
    with pytest.raises(DataError, match="gone"):
        make_reference(frame, ["gone"], time="time")
    with pytest.raises(DataError, match="no rows"):
        make_reference(frame.clear(), FEATURES, time="time")
    with pytest.raises(DataError, match="rename"):
        make_reference(frame, ["score"], time="time")
