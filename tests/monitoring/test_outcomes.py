import msgspec
import polars as pl
import pytest

from lapwise.core.prediction import Answered, Feedback, Outcome, prediction_id
from lapwise.monitoring import Outcomes, Reference
from tests.monitoring.worlds import DAY, HOUR, START, days, log, reference, request

ROWS = days(1).head(4).with_columns(time=pl.lit(START))


def outcomes(reference_of: Reference | None = None) -> Outcomes:
    return Outcomes("m", lambda _version: reference_of or reference())


def fed(*labels: tuple[str, object], at: int = START + HOUR) -> Feedback:
    named = [
        Outcome(prediction=name, label=label)  # type: ignore[arg-type]
        if "." in name
        else Outcome(row=name, label=label)  # type: ignore[arg-type]
        for name, label in labels
    ]
    return Feedback(at=at, outcomes=tuple(named))


def test_labels_are_joined_by_prediction_and_by_row() -> None:
    found = outcomes()
    found.answered(request(ROWS, START))
    found.feedback(fed((prediction_id(f"v1-{START}", 2), True), (ROWS["row"][0], False)))
    read = found.read(START, "v1", START + DAY)
    assert read.rows == 4
    assert read.labelled.label.tolist() == [0.0, 1.0]
    assert read.labelled.score.tolist() == [ROWS["score"][0], ROWS["score"][2]]


def test_a_label_counts_from_the_instant_it_came() -> None:
    found = outcomes()
    found.answered(request(ROWS, START))
    found.feedback(fed((ROWS["row"][0], True), at=START + 5 * HOUR))
    assert len(found.read(START, None, START + 5 * HOUR).labelled.label) == 0
    assert len(found.read(START, None, START + 5 * HOUR + 1).labelled.label) == 1


def test_the_first_label_counts_even_if_the_log_has_it_later() -> None:
    found = outcomes()
    found.answered(request(ROWS, START))
    row = ROWS["row"][0]
    found.feedback(fed((row, True), at=START + 2 * HOUR))
    found.feedback(fed((row, False), at=START + 3 * HOUR))
    assert found.read(START, None, START + DAY).labelled.label.tolist() == [1.0]
    found.feedback(fed((row, False), at=START + HOUR))
    assert found.read(START, None, START + DAY).labelled.label.tolist() == [0.0]
    assert found.uncounted == {"not the first": 1}


def test_a_row_that_was_predicted_twice_has_one_label_for_both() -> None:
    found = outcomes()
    found.answered(request(ROWS, START))
    again = msgspec.structs.replace(request(ROWS, START + DAY), request="again")
    found.answered(again)
    found.feedback(fed((ROWS["row"][0], True), at=START + DAY + HOUR))
    for day in (START, START + DAY):
        assert len(found.read(day, None, START + 2 * DAY).labelled.label) == 1


def test_what_cannot_be_used_is_counted() -> None:
    found = Outcomes("m", lambda _version: reference(), horizon=2 * DAY)
    found.answered(request(ROWS, START))
    found.feedback(fed(("nobody", True), ("gone.7", True), (f"v1-{START}.x", True)))
    found.feedback(fed((ROWS["row"][0], "perhaps"), (ROWS["row"][1], None)))
    found.feedback(fed((ROWS["row"][2], True), at=START + 2 * DAY))
    assert found.uncounted == {"unknown prediction": 3, "not a class": 2, "too late": 1}


def test_versions_are_told_apart_and_days_are_of_the_model() -> None:
    found = outcomes()
    found.answered(request(ROWS, START))
    found.answered(request(ROWS.head(1), START + HOUR, "v2", "canary"))
    assert found.read(START, "v2", START + DAY).rows == 1
    assert found.read(START, "v3", START + DAY).rows == 0
    (day,) = found.changed(START + DAY)
    assert (day.rows, day.labelled, day.metrics) == (5, 0, ())


def test_a_day_is_told_when_it_has_changed_with_what_is_known_of_it() -> None:
    found = outcomes()
    frame = days(1)
    for entry in log(frame):
        if isinstance(entry, Answered):
            found.answered(entry)
        elif isinstance(entry, Feedback):
            found.feedback(entry)
    (day,) = found.changed(START + DAY)
    known = frame.filter(pl.col("time") + 3 * HOUR < START + DAY)
    assert (day.rows, day.labelled) == (300, known.height)
    assert day.base_rate == pytest.approx(known["label"].mean())
    assert day.mean_score == pytest.approx(known["score"].mean())
    assert {one.name for one in day.metrics} == {"roc_auc", "log_loss", "brier", "skill"}
    assert found.changed(START + DAY) == ()
    assert [one.labelled for one in found.changed(START + 2 * DAY)] == [300]


def test_what_is_forgotten_leaves_nothing_behind() -> None:
    found = outcomes()
    found.answered(request(ROWS, START))
    found.answered(msgspec.structs.replace(request(ROWS, START + DAY), request="again"))
    found.forget(START + DAY)
    assert found.days() == [START + DAY]
    found.feedback(fed((ROWS["row"][0], True), (f"v1-{START}.1", True), at=START + DAY))
    assert found.uncounted == {"unknown prediction": 1}
    found.forget(START + 2 * DAY)
    assert (found._rows, found._requests, found._told) == ({}, {}, {})


def test_a_score_that_is_no_number_spoils_nothing() -> None:
    found = outcomes()
    entry = request(ROWS, START)
    answer = msgspec.structs.replace(entry.answers[0], scores=[float("nan"), 0.1, 0.2, 0.3])
    found.answered(msgspec.structs.replace(entry, answers=(answer,)))
    found.feedback(fed(*((row, True) for row in ROWS["row"])))
    assert found.read(START, None, START + DAY).labelled.score.tolist() == [0.1, 0.2, 0.3]


def test_models_of_more_or_no_classes_are_left_out() -> None:
    for classes in (("a", "b", "c"), ()):
        found = outcomes(msgspec.structs.replace(reference(), classes=classes))
        found.answered(request(ROWS, START))
        assert found.changed(START + DAY) == ()
