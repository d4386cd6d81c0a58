"""Ways in which a test can know what it should foretell; one numbered rule a file."""

from __future__ import annotations

from lapwise.data.leakage.model import FeatureSource, FeatureTable, LabelTable, Subject

__all__ = ["FeatureSource", "FeatureTable", "LabelTable", "Subject"]
