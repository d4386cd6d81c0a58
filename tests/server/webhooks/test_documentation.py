"""What docs/webhooks.md shows is what happens."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import get_args

from lapwise.core.access import EventKind
from lapwise.server.webhooks import Pace


def test_the_page_is_right() -> None:
    """Its example runs, and it names each kind of event and how often is tried."""
    page = Path(__file__).parents[3] / "docs" / "webhooks.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried >= 4
    assert failed == 0
    text = page.read_text()
    for kind in get_args(EventKind):
        assert f"| `{kind}` |" in text
    assert f"{Pace().tries} times in all" in text
    assert f"within {Pace().answer:g} s" in text
