"""Values that every room shares: records, clocks, digests, ids, errors, Protocols. No I/O."""

from __future__ import annotations

__all__: list[str] = []
