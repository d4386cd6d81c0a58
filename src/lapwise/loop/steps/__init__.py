"""The steps of a lap, one verb a file; each is a plain function of values and the store."""

from __future__ import annotations

__all__: list[str] = []
