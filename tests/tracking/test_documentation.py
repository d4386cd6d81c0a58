"""What docs/tracking.md shows is what happens."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest


def test_the_examples_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example gives the output that is printed under it, in a fresh project."""
    page = Path(__file__).parents[2] / "docs" / "tracking.md"
    (tmp_path / ".lapwise").mkdir()
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried >= 10
    assert failed == 0
