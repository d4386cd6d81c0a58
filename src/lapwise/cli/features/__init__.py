"""``lapwise features``: what a feature is, what it is now, and whether it is the same everywhere."""

from __future__ import annotations

from lapwise.cli.features import looking, online, proving, spreading  # noqa: F401

__all__: list[str] = []
