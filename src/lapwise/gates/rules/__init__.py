"""One numbered gate per file; its docstring is its documentation."""

from __future__ import annotations

__all__: list[str] = []
