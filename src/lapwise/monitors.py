"""What a page may watch: ``from lapwise import monitors``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.monitoring.detectors.calibration import Calibration
    from lapwise.monitoring.detectors.drift import Drift
    from lapwise.monitoring.detectors.performance import Performance
    from lapwise.monitoring.detectors.prediction_drift import PredictionDrift

__all__ = ["Calibration", "Drift", "Performance", "PredictionDrift"]


def __getattr__(name: str) -> object:
    """Import a monitor when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'lapwise.monitors' has no attribute {name!r}")
    from lapwise import monitoring

    return getattr(monitoring, name)
