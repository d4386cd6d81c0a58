"""A real store on a disk of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lapwise.store.model import Store
from lapwise.store.open import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Yield an empty store on SQLite."""
    with open_store(f"sqlite:///{tmp_path / 'lapwise.db'}", str(tmp_path / "blobs")) as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an empty project folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder
