"""The command line: parse, one call, render."""

from __future__ import annotations

__all__: list[str] = []
