"""What a server says of itself: its deployment and its metrics."""

from __future__ import annotations

from typing import Any

import msgspec

from lapwise.serving.arm import Arm
from lapwise.serving.counters import Key, totals
from lapwise.serving.fuse import read_fuse
from lapwise.serving.live import Live
from lapwise.serving.metrics import exposition
from lapwise.serving.prediction_log import log_bytes, log_folder

__all__ = ["metrics_text", "shown_deployment"]


def shown_deployment(live: Live) -> bytes:
    """Return the deployment that this worker answers by, as JSON."""
    now = live.answering
    folder = live.folder
    fuse = read_fuse(folder) if folder is not None and now is not None and now.fused else None
    shown: dict[str, Any] = {
        "model": None,
        "revision": 0,
        "production": None,
        "canary": None,
        "weight": 0,
        "shadow": None,
        "fused": None,
        "wanted_revision": live.wanted,
        "error": live.trouble or None,
    }
    if now is not None:
        deployment = now.deployment
        shown |= {
            "model": deployment.model,
            "revision": deployment.revision,
            "production": _arm(now.production),
            "canary": _arm(now.canary) if now.canary else None,
            "weight": deployment.weight,
            "shadow": _shadow(live, deployment.shadow) if deployment.shadow else None,
            "fused": {"version": fuse.version, "at": fuse.at, "reason": fuse.reason}
            if fuse is not None
            else None,
        }
    return msgspec.json.encode(shown)


def metrics_text(live: Live) -> bytes:
    """Return the counts of all workers and of the shadow, in the text format of Prometheus."""
    now = live.answering
    counts = totals(live.folder / "metrics") if live.folder else live.counters.totals()
    logged = log_bytes(log_folder(live.folder)) if live.folder else 0
    return exposition(
        counts,
        {
            "lapwise_log_bytes": ("Bytes of the prediction log.", logged),
            "lapwise_deployment_revision": (
                "The revision that the asked worker answers by.",
                now.deployment.revision if now else 0,
            ),
            "lapwise_deployment_wanted": ("The revision that is published.", live.wanted),
            "lapwise_canary_fused": (
                "Whether the asked worker took its canary out.",
                int(bool(now and now.fused)),
            ),
        },
    )


def _arm(arm: Arm) -> dict[str, str]:
    return {"version": arm.id, "number": arm.number}


def _shadow(live: Live, version: str) -> dict[str, Any]:
    counts: dict[Key, int] = totals(live.folder / "metrics") if live.folder else {}
    return {
        "version": version,
        "requests": counts.get(("shadow_requests",), 0),
        "dropped": counts.get(("shadow_dropped",), 0),
    }
