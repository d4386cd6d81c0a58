"""Tracking and its server beside MLflow, in one run.

``python -m benchmarks tracking`` measures Lapwise alone; ``--peers`` measures MLflow beside it, in an
environment of its own from the lock in ``peers/``, and prints the ratios. ``--gigabytes`` and
``--runs`` make it shorter.
"""

from benchmarks.tracking.figures import main

__all__ = ["main"]
