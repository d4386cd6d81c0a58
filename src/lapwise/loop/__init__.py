"""The loop: a page goes round, and every act is a record."""

from __future__ import annotations

__all__: list[str] = []
