"""File formats that models are kept in: none of them can run code when it is loaded."""

from __future__ import annotations

__all__: list[str] = []
