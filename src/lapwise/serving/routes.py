"""The paths of a model and the answers that do not change while a deployment stands."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from lapwise.serving.answering import Answering
from lapwise.serving.arm import Arm
from lapwise.serving.model import TensorMetadata

__all__ = ["HEALTH", "SERVER", "Routes"]

_ENCODE = msgspec.json.Encoder().encode

LIVE = "/v2/health/live"
READY = "/v2/health/ready"
HEALTH = frozenset({LIVE, READY})
"""Paths that need no token."""


def _release() -> str:
    try:
        return version("lapwise")
    except PackageNotFoundError:  # a source tree on the path, not installed
        return "unknown"


SERVER = {
    "/v2": _ENCODE({"name": "lapwise", "version": _release(), "extensions": list[str]()}),
    LIVE: _ENCODE({"live": True}),
}
"""What is answered whether or not a version is served."""


class Routes:
    """What one deployment answers at which path.

    Attributes:
        answers: bodies by path.
        infer: paths of infer; the value says whether rows are routed (a named version is not).
        canary: paths of infer that name the canary's version, which cannot be asked for.
    """

    def __init__(self, answering: Answering) -> None:
        production, canary = answering.production, answering.canary
        self.model = production.served.version.model
        self.number = production.number
        top = f"/v2/models/{self.model}"
        numbers = [arm.number for arm in (production, canary) if arm]
        self.infer = {f"{top}/infer": True, f"{top}/versions/{production.number}/infer": False}
        self.canary = f"{top}/versions/{canary.number}/infer" if canary else ""
        contents: dict[str, Any] = {
            READY: {"ready": True},
            "/v2/models": {"models": [self.model]},
            top: _described(answering, production, numbers),
        }
        for arm in (production, canary):
            if arm is not None:
                contents[f"{top}/versions/{arm.number}"] = _described(answering, arm, [arm.number])
        for path in [path for path in contents if path.startswith(f"{top}")]:
            contents[f"{path}/ready"] = {"name": self.model, "ready": True}
        self.answers = {path: _ENCODE(content) for path, content in contents.items()}


def _described(answering: Answering, arm: Arm, numbers: list[str]) -> dict[str, Any]:
    fields = answering.inputs or answering.features
    outputs = arm.outputs()
    if answering.logged:
        outputs = [
            *outputs,
            *(
                TensorMetadata(name=name, datatype="BYTES", shape=[-1])
                for name in ("prediction_id", "model_version", "arm")
            ),
        ]
    described: dict[str, Any] = {
        "name": arm.served.version.model,
        "versions": numbers,
        "platform": f"lapwise_{arm.served.version.serving}",
        "inputs": fields.metadata(),
        "outputs": outputs,
    }
    if answering.inputs is not None:
        described["features"] = answering.features.metadata()
    return described
