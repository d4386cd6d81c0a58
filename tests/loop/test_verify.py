"""What production answered on is what training would have computed, and an error is found."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lapwise.core.clock import format_time
from lapwise.core.errors import NotFoundError
from lapwise.core.prediction import Feedback
from lapwise.features import OnlineStore
from lapwise.loop.deploy import folder_of
from lapwise.loop.verify import (
    damaged_bytes,
    read_predictions,
    verify_features,
    verify_model,
)
from lapwise.serving import PredictionLog, log_folder
from tests.loop.answered import Asked, ask
from tests.loop.twice import MODEL, NOW


def test_every_vector_is_equal_to_the_bit(answered: Asked) -> None:
    with answered.world.workshop(format_time(NOW)) as opened:
        logged = read_predictions(opened.project.live, MODEL)
        parity = verify_features(opened.store, logged)
    assert (parity.rows, parity.equal, parity.share) == (answered.rows, answered.rows, 1.0)
    assert parity.differences == ()
    assert logged["looked_up"].all()
    assert logged.height == answered.rows
    assert sorted(logged["row"]) == sorted(answered.history.examples["order_id"])


def test_one_value_that_was_served_otherwise_is_found_and_named(answered: Asked) -> None:
    with answered.world.workshop(format_time(NOW)) as opened:
        logged = read_predictions(opened.project.live, MODEL)
        place = logged.with_row_index().filter(pl.col("feature:customer_count") > 0)["index"][7]
        name = "feature:customer_value"
        other = pl.when(pl.int_range(pl.len()) == place).then(pl.col(name) * (1 + 2**-52))
        parity = verify_features(
            opened.store, logged.with_columns(other.otherwise(pl.col(name)).alias(name))
        )
    assert parity.rows - parity.equal == 1
    (found,) = parity.differences
    assert found.feature == "customer_value"
    assert found.row == logged["row"][place]
    assert found.entity["customer"] == logged["input:customer"][place]
    assert found.logged != found.offline


def test_one_event_that_is_shifted_online_is_found(answered: Asked) -> None:
    """The online store itself is spoilt, one event of one customer; then it is asked again."""
    row = spoil(answered)
    world = answered.world
    loop = world.loop()
    customer = answered.history.examples.tail(1)["customer"][0]
    with world.workshop(format_time(NOW)) as opened:
        logged = read_predictions(opened.project.live, MODEL)
        parity = verify_features(opened.store, logged)
    assert logged.height == 2 * answered.rows
    assert 0 < parity.rows - parity.equal < 20
    assert {one.entity["customer"] for one in parity.differences} == {customer}
    assert row in {one.row for one in parity.differences}
    assert {one.feature for one in parity.differences} <= set(loop.views[0].names)


def test_what_was_found_is_kept_in_the_store(answered: Asked) -> None:
    """Equal first; then an event is displaced, and each difference has its cause."""
    with answered.world.workshop(format_time(NOW)) as opened:
        proof = verify_model(opened, MODEL)
        assert opened.store.features.proofs(MODEL) == [proof]
    assert proof.passed
    assert (proof.number, proof.rows, proof.left_out, proof.at) == (1, answered.rows, 0, NOW)
    assert {one.rows for one in proof.by_feature} == {0}
    assert {"customer_rate", "hour"} <= {one.feature for one in proof.by_feature}
    assert {one.name for one in proof.views} == {"customer", "calendar"}
    assert proof.start is not None
    assert proof.start < (proof.end or 0) <= NOW
    spoil(answered)
    with answered.world.workshop(format_time(NOW)) as opened:
        again = verify_model(opened, MODEL)
        assert opened.store.features.proofs(MODEL) == [again, proof]
    assert not again.passed
    assert (again.number, again.rows) == (2, 2 * answered.rows)
    assert 0 < again.rows - again.equal < 20
    assert again.differences
    for one in again.differences:
        assert "order_id=" in one.cause
        assert one.kind in ("otherwise", "never_pushed")
        assert list(one.entity) == ["customer"]


def spoil(answered: Asked) -> str:
    """Displace one event of one customer in the online store, and ask again; return the row."""
    world = answered.world
    late = answered.history.examples.tail(1)
    customer, row = late["customer"][0], late["order_id"][0]
    with OnlineStore.open(world.root / ".lapwise" / "live" / "features") as online:
        online.displace(world.loop().views[0], [customer], by=-70 * 86_400_000_000)
    ask(world, answered.history, salt="again-")
    return str(row)


def test_damage_of_the_log_is_a_failure_though_all_that_is_left_is_equal(answered: Asked) -> None:
    with answered.world.workshop(format_time(NOW)) as opened:
        path = next(log_folder(folder_of(opened.project.live, MODEL)).iterdir())
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        proof = verify_model(opened, MODEL)
    assert proof.damaged > 0
    assert (proof.share, proof.passed) == (1.0, False)


def test_damaged_bytes_of_the_log_are_counted(tmp_path: Path) -> None:
    log = PredictionLog(log_folder(folder_of(tmp_path, "returns")))
    assert damaged_bytes(tmp_path, "returns") == 0
    for at in range(3):
        log.append(Feedback(at=at, outcomes=(), request="labels"))
    (path,) = log_folder(folder_of(tmp_path, "returns")).iterdir()
    content = bytearray(path.read_bytes())
    assert damaged_bytes(tmp_path, "returns") == 0
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert damaged_bytes(tmp_path, "returns") == len(content) // 3


def test_nothing_was_predicted_yet(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nothing was predicted yet") as caught:
        read_predictions(tmp_path, "returns")
    assert caught.value.fix.startswith("lapwise serve returns")
