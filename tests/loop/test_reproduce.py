"""Training again in a fresh process."""

from __future__ import annotations

from lapwise.core.model import KeyPart
from lapwise.loop.steps.reproduce import reproduce


def test_loop_without_a_file() -> None:
    """A loop declared in a notebook cannot be read again, and the verdict says that, not less."""
    found = reproduce([KeyPart(name="train", digest="d" * 64)], [], rehearsal=lambda: None)
    assert not found.equal
    assert "not read from a file" in found.error
