"""A store, flights and packaged models for the tests of the registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from lapwise.core.model import ModelVersion
from lapwise.registry import Packaged, package
from lapwise.store.model import Store
from lapwise.store.open import open_store
from tests.registry.examples import (
    boosted_pipeline,
    flight_rows,
    registered,
    small_model,
    small_rows,
)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small models on machines shared with other tests: threads that wait only slow each other."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs") as opened:
        yield opened


@pytest.fixture(scope="session")
def flights() -> tuple[pl.DataFrame, Any]:
    return flight_rows()


@pytest.fixture(scope="session")
def flight_model(flights: tuple[pl.DataFrame, Any]) -> Any:
    rows, late = flights
    return boosted_pipeline(rows).fit(rows[:15000], late[:15000])


@pytest.fixture
def packaged(store: Store) -> Packaged:
    return package(small_model(), inputs=small_rows(), task="binary", store=store)


@pytest.fixture
def version(store: Store, packaged: Packaged) -> ModelVersion:
    return registered(store, packaged)
