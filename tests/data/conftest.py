"""A store in a folder of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lapwise.store.model import Store
from lapwise.store.open import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a new SQLite store."""
    with open_store(f"sqlite:///{tmp_path}/store/lapwise.db", f"{tmp_path}/store/blobs") as opened:
        yield opened
