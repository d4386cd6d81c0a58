"""What a search found can be looked at, gone on with, and computed with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import polars as pl
import pytest

from lapwise.core.errors import DeclarationError
from lapwise.core.model import Metric, Param, Run, Tag
from lapwise.store.model import Store
from lapwise.tracking.finding import find_runs


@pytest.fixture
def filled(store: Store) -> Store:
    for n in range(25):
        run = store.runs.create(
            Run(id=f"r{n}", number=0, experiment="odd" if n % 2 else "even", status="running",
                started=n * 1_000_000, user="ada")
        )  # fmt: skip
        params = [Param(name="depth", value=n), Param(name="rate", value=0.5 if n % 2 else 1)]
        params.append(Param(name="mixed", value="text" if n % 3 else 7))
        metrics = [Metric(name="auc", value=n / 25)] if n % 5 else []
        tags = [Tag(name="owner", value="bob")] if n == 3 else []
        store.runs.log(run.id, params=params, metrics=metrics, tags=tags)
        store.runs.finish(run.id, "finished", n * 1_000_000 + 5)
    return store


def test_rows_come_in_the_order_asked_for(filled: Store) -> None:
    found = find_runs(filled, "metrics.auc > 0.5", order=["metrics.auc DESC"], limit=3)
    assert [row.number for row in found] == [25, 24, 23]
    assert found[0].metrics[0].value == 24 / 25
    assert found[-1].user == "ada"
    assert len(found[:2]) == 2
    assert found.next
    assert repr(found).splitlines()[0].startswith("run 025")
    assert "more" in repr(found)
    assert repr(find_runs(filled, "number = 99")) == "no runs"


def test_pages_go_on_until_there_are_none(filled: Store) -> None:
    opened = []

    @contextmanager
    def opener() -> Iterator[Store]:
        opened.append(1)
        yield filled

    found = find_runs(opener, experiments=("odd",), limit=5)  # type: ignore[arg-type]
    pages = list(found.pages())
    assert [len(page) for page in pages] == [5, 5, 2]
    assert len(opened) == 3
    numbers = [row.number for page in pages for row in page]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 12


def test_a_frame_has_a_column_for_everything_and_types_to_compute_with(filled: Store) -> None:
    frame = find_runs(filled, order=["number"], limit=100).frame()
    assert frame.height == 25
    assert frame["started"][1] == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    schema = frame.schema
    assert schema["params.depth"] == pl.Int64
    assert schema["params.rate"] == pl.Float64
    assert schema["params.mixed"] == pl.String
    assert schema["metrics.auc"] == pl.Float64
    assert frame["metrics.auc"].null_count() == 5
    assert frame["tags.owner"].drop_nulls().to_list() == ["bob"]
    best = frame.sort("metrics.auc", descending=True, nulls_last=True)["number"][0]
    assert best == 25


def test_only_the_columns_asked_for_come(filled: Store) -> None:
    frame = find_runs(filled, columns=["metrics.auc"], limit=3).frame()
    assert [name for name in frame.columns if "." in name] == ["metrics.auc"]
    assert find_runs(filled, "number > 99").frame().height == 0


def test_a_filter_that_cannot_be_read_says_where(filled: Store) -> None:
    with pytest.raises(DeclarationError, match="column"):
        find_runs(filled, "metrics.auc >")
