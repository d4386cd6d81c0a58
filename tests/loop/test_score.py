"""Answers in batch, and the walk back from each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lapwise.core.clock import parse_time
from lapwise.core.errors import DataError, LapwiseError, NotFoundError, StorageFullError
from lapwise.core.model import ModelVersion
from lapwise.loop.score import Scoring, score, score_file
from lapwise.loop.steps.parts import in_parts
from lapwise.loop.trace import trace
from lapwise.pipeline.codecs.plain import PlainCodec
from lapwise.registry import approve, load, model_inputs
from tests.loop.worlds import AS_OF, World


def orders(world: World) -> pl.DataFrame:
    """Return the orders of February's last days."""
    rows = pl.read_parquet(world.root / "data" / "orders.parquet")
    return rows.filter(pl.col("ordered_at") > pl.datetime(2024, 2, 25, time_zone="UTC"))


def answer(world: World, asked: pl.DataFrame) -> tuple[pl.DataFrame, Scoring, ModelVersion]:
    with world.workshop() as opened:
        version = opened.store.models.get("returns")
        return *score(opened, version, asked, loop=world.loop()), version


def kept(world: World, scoring: Scoring) -> pl.DataFrame:
    """Return what the batch keeps: request, features and answers."""
    with world.workshop() as opened:
        return pl.read_parquet(opened.store.blobs.path(scoring.rows))


def test_features_of_training(world: World) -> None:
    """The rows of training, scored as requests, get the features and the scores of the lap."""
    with world.workshop() as opened:
        store, loop = opened.store, world.loop()
        version = store.models.get("returns")
        line = store.laps.get("1")
        steps = {step.name: store.steps.get(step.key) for step in line.steps}
        examples = pl.read_parquet(store.blobs.path(steps["examples"].outputs[0].digest))  # type: ignore[union-attr]
        lapped = pl.read_parquet(store.blobs.path(steps["evaluate"].outputs[0].digest))  # type: ignore[union-attr]
        frame = PlainCodec().read(store.blobs.path(steps["features"].outputs[0].digest))  # type: ignore[union-attr]
        rows = in_parts(examples, line.split, frame, row="order_id", store=store)  # type: ignore[arg-type]
        table = pl.read_parquet(world.root / "data" / "orders.parquet")
        asked = rows.select("order_id").join(
            table, on="order_id", how="left", maintain_order="left"
        )
        scored, scoring = score(opened, version, asked, loop=loop)
    names = loop.feature_names
    assert model_inputs(kept(world, scoring), names).equals(model_inputs(rows, names))
    both = lapped.join(scored, on="order_id", suffix="_batch")
    assert both.height == lapped.height > 500
    assert np.array_equal(both["score"].to_numpy(), both["score_batch"].to_numpy())


def test_answers(world: World) -> None:
    """Every row is answered in order, with a decision by the version's threshold and an id."""
    asked = orders(world)
    scored, scoring, version = answer(world, asked)
    assert scored["order_id"].to_list() == asked["order_id"].to_list()
    assert scored.columns == [
        "order_id",
        "ordered_at",
        "score",
        "decision",
        "model_version",
        "prediction_id",
    ]
    assert scored["prediction_id"].n_unique() == asked.height == scoring.count
    assert scored["decision"].equals((scored["score"] >= version.threshold).rename("decision"))
    assert scored["score"].is_between(0, 1).all()
    assert scored["model_version"].unique().to_list() == ["returns v1"]


def test_row_alone(world: World) -> None:
    """A row gets the same score alone as among others, in whatever order."""
    asked = orders(world).head(40)
    together, _, _ = answer(world, asked)
    backward, _, _ = answer(world, asked.reverse())
    alone, _, _ = answer(world, asked[7:8])
    assert together["score"].to_list() == backward["score"].reverse().to_list()
    assert alone["score"][0] == together["score"][7]


def test_later_outcomes(world: World) -> None:
    """An answer as of a row's time is the same whether it is asked then or days later."""
    asked = orders(world)[10:11]
    later, _, version = answer(world, asked)
    moment = asked["ordered_at"][0].isoformat()
    with world.workshop(moment) as opened:
        then, _ = score(opened, version, asked, loop=world.loop())
    assert then["score"].to_list() == later["score"].to_list()


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_files(world: World, tmp_path: Path, suffix: str) -> None:
    """CSV and Parquet give the same answers, and are written whole."""
    asked = orders(world).with_columns(amount=pl.col("amount").fill_nan(None))
    expected, _, _ = answer(world, asked)
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    if suffix == "csv":
        asked.write_csv(source)
    else:
        asked.write_parquet(source)
    with world.workshop() as opened:
        version = opened.store.models.get("returns")
        scoring = score_file(opened, version, source, target, loop=world.loop())
    read = pl.read_csv if suffix == "csv" else pl.read_parquet
    found = read(target)
    assert scoring.count == found.height == asked.height
    assert found["order_id"].to_list() == expected["order_id"].to_list()
    assert np.allclose(found["score"].to_numpy(), expected["score"].to_numpy(), rtol=0, atol=1e-12)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        source.name,
        target.name,
    ]


def test_csv_types(world: World, tmp_path: Path) -> None:
    """A CSV column is read as what the model was trained on: text of digits, numbers all missing."""
    asked = orders(world).head(5)
    odd = asked.with_columns(customer=pl.lit("007"), amount=None, channel=None)
    odd.write_csv(tmp_path / "in.csv")
    with world.workshop() as opened:
        version = opened.store.models.get("returns")
        score_file(opened, version, tmp_path / "in.csv", tmp_path / "out.csv", loop=world.loop())
    expected, _, _ = answer(world, odd)
    found = pl.read_csv(tmp_path / "out.csv")
    assert np.allclose(found["score"].to_numpy(), expected["score"].to_numpy())


def test_unseen(world: World) -> None:
    """Values that training never saw are answered, and counted."""
    asked = orders(world).head(20).with_row_index("at")
    shop = pl.when(pl.col("at") < 3).then(pl.lit("moon")).otherwise("shop")
    scored, scoring, _ = answer(world, asked.with_columns(shop=shop))
    assert [(one.column, one.rows) for one in scoring.unseen] == [("shop", 3)]
    assert scored["score"].is_finite().all()


def test_missing_values(world: World) -> None:
    """Nulls, NaN and strangers are answered; a column of nulls stands for any type."""
    asked = (
        orders(world)
        .head(4)
        .with_columns(
            customer=pl.lit("nobody"),
            amount=pl.Series([None, float("nan"), float("inf"), 1.0]),
            channel=None,
        )
    )
    scored, scoring, _ = answer(world, asked)
    assert scored["score"].is_finite().all()
    assert kept(world, scoring)["customer_count"].to_list() == [0, 0, 0, 0]


def test_without_time(world: World) -> None:
    """Rows without a time, or a name, are asked now and numbered."""
    asked = orders(world).head(3).select("customer", "shop", "channel", "amount", "items")
    with pytest.raises(DataError, match="lack what a request must carry") as caught:
        answer(world, asked)
    assert caught.value.value == ["ordered_at"]
    named = asked.with_columns(ordered_at=pl.datetime(2024, 2, 20, time_zone="UTC"))
    scored, _, _ = answer(world, named)
    assert scored["order_id"].to_list() == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop("shop", "items"), "lack what a request must carry"),
        (lambda rows: rows.with_columns(shop=pl.lit(7)), "wrong type"),
        (lambda rows: rows.with_columns(amount=pl.lit("much")), "wrong type"),
        (lambda rows: rows.clear(), "no rows"),
        (lambda rows: rows.with_columns(ordered_at=pl.lit("2024-02-28")), "wrong type"),
        (
            lambda rows: rows.with_columns(ordered_at=pl.lit(None, pl.Datetime("us", "UTC"))),
            "must say when",
        ),
        (lambda rows: rows.with_columns(pl.col("ordered_at").dt.replace_time_zone(None)), "type"),
    ],
    ids=["columns", "text", "number", "empty", "time-as-text", "time-null", "time-without-zone"],
)
def test_wrong_rows(world: World, change: object, message: str) -> None:
    """Rows that a request may not be are refused with the name of what is wrong; nothing is kept."""
    with pytest.raises(DataError, match=message):
        answer(world, change(orders(world).head(3)))  # type: ignore[operator]
    with world.workshop() as opened:
        assert opened.store.records.digests("scoring") == []


def test_wrong_files(world: World, tmp_path: Path) -> None:
    """A file that cannot be read or written is named, before anything is kept."""
    asked = tmp_path / "asked.parquet"
    orders(world).head(3).write_parquet(asked)
    (tmp_path / "broken.parquet").write_bytes(asked.read_bytes()[:200])
    (tmp_path / "empty.csv").touch()
    target = tmp_path / "out.parquet"
    with world.workshop() as opened:
        version, loop = opened.store.models.get("returns"), world.loop()
        cases: list[tuple[str, Path, type[LapwiseError]]] = [
            ("broken.parquet", target, DataError),
            ("empty.csv", target, DataError),
            ("absent.parquet", target, DataError),
            ("asked.xlsx", target, DataError),
            ("asked.parquet", tmp_path / "out.xlsx", DataError),
            ("asked.parquet", tmp_path / "nowhere" / "out.csv", StorageFullError),
        ]
        for source, place, error in cases:
            with pytest.raises(error, match=r"broken|empty|absent|kind|nowhere"):
                score_file(opened, version, tmp_path / source, place, loop=loop)
        assert opened.store.records.digests("scoring") == []
    assert not target.exists()


def test_by_own_definitions(world: World) -> None:
    """A version answers by the features it was trained with, whatever the page says by now."""
    asked = orders(world)
    before, _, _ = answer(world, asked)
    world.edit('lw.rate("back", within="60d")', 'lw.rate("back", within="2d")')
    world.edit('"many": items > 3', '"many": items > 1')
    after, _, version = answer(world, asked)
    assert version.number == 1
    assert before["score"].equals(after["score"])
    with world.workshop() as opened:
        without, _ = score(opened, version, asked, loop=None)
    assert before["score"].equals(without["score"])


def test_trace(world: World) -> None:
    """From a row one can walk to version, approval, run, features, data, code, environment, seed."""
    with world.workshop() as opened:
        store = opened.store
        approve(store, store.models.get("returns"), by="ada", at=parse_time(AS_OF))
        scored, scoring = score(
            opened, store.models.get("returns"), orders(world), loop=world.loop()
        )
        lines = trace(store, opened.project.live, scored["prediction_id"][5])
        version = store.models.get("returns")
        found = {line.what: line for line in lines}
        assert {
            *("prediction", "request", "features", "read from", "version", "approval", "run"),
            *("frame", "dataset", "split", "code", "environment", "seed"),
        } <= set(found)
        values = kept(world, scoring).row(5, named=True)
        assert f"score={scored['score'][5]:.4g}" in found["prediction"].text
        assert values["order_id"] in found["request"].text
        assert f"customer_count={values['customer_count']}" in found["features"].text
        assert "ada" in found["approval"].text
        assert found["version"].identity == version.digest
        assert found["seed"].text == "5"
        assert found["split"].identity == version.lineage.split
        datasets = [line for line in lines if line.what == "dataset"]
        assert [one.identity for one in datasets] == [
            one.digest for one in version.lineage.datasets
        ]
        assert found["environment"].identity == version.lineage.environment
        of_version = trace(store, opened.project.live, "returns@v1")
        assert of_version == lines[-len(of_version) :]


def test_trace_of_nothing(world: World) -> None:
    """A prediction, row or version that is not there is an error that names it."""
    scored, scoring, _ = answer(world, orders(world))
    batch = scored["prediction_id"][0].partition(".")[0]
    with world.workshop() as opened:
        for reference in (f"{batch}.{scoring.count}", "0" * 16 + ".0", "returns@v9", "nothing"):
            with pytest.raises(NotFoundError, match=r".") as caught:
                trace(opened.store, opened.project.live, reference)
            assert caught.value.value == reference


def test_loaded_alone(world: World) -> None:
    """The packaged model, loaded by itself, gives the batch's scores."""
    scored, scoring, version = answer(world, orders(world))
    with world.workshop() as opened:
        alone = load(version, opened.store.blobs).predict(kept(world, scoring))
    assert np.array_equal(alone, scored["score"].to_numpy())
