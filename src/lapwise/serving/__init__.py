"""The inference server: a packaged model answers over HTTP."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.serving.app import InferenceApp
    from lapwise.serving.body import infer_body
    from lapwise.serving.probe import probe_latency
    from lapwise.serving.run import bind, serve
    from lapwise.serving.scorer import FrameScorer

__all__ = ["FrameScorer", "InferenceApp", "bind", "infer_body", "probe_latency", "serve"]

_HOMES = {
    "FrameScorer": "scorer",
    "InferenceApp": "app",
    "bind": "run",
    "infer_body": "body",
    "probe_latency": "probe",
    "serve": "run",
}


def __getattr__(name: str) -> object:
    """Import the module of a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lapwise.serving' has no attribute {name!r}")
    return getattr(import_module(f"lapwise.serving.{_HOMES[name]}"), name)
