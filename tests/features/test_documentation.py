"""What docs/features.md shows is what happens."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_the_examples_of_the_page_run() -> None:
    """Each example gives the output that is printed under it."""
    page = Path(__file__).parents[2] / "docs" / "features.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried >= 10
    assert failed == 0
