"""What Lapwise costs, beside what else there is: ``python -m benchmarks``."""

from __future__ import annotations
