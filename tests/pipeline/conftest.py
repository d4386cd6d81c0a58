"""A store and an engine in a temporary folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lapwise.core.protocols import SilentProgress, Task
from lapwise.pipeline import Engine
from lapwise.store.model import Store
from lapwise.store.open import open_store


class Recorded(SilentProgress):
    """Progress that remembers its lines and their totals."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, float | None]] = []

    def task(self, label: str, total: float | None = None) -> Task:
        self.lines.append((label, total))
        return super().task(label, total)

    def warnings(self) -> list[str]:
        return [label for label, _ in self.lines if label.startswith("warning")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs") as store:
        yield store


@pytest.fixture
def progress() -> Recorded:
    return Recorded()


@pytest.fixture
def engine(store: Store, progress: Recorded) -> Engine:
    return Engine(store, root=Path(__file__).parent, progress=progress)


@pytest.fixture
def blob(tmp_path: Path) -> Callable[[str], Path]:
    """Return where a blob's bytes are, to damage them."""

    def find(digest: str) -> Path:
        files = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
        return next(path for path in files if digest in "".join(path.parts[-3:]))

    return find
