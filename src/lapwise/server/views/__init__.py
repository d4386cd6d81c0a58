"""What each page shows: one file a page, each a function from the store to facts."""

from __future__ import annotations

__all__: list[str] = []
