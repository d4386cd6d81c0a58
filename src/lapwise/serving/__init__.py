"""The inference server: versions answer over HTTP, and what they answered is logged."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.serving.app import InferenceApp
    from lapwise.serving.body import infer_body
    from lapwise.serving.log_reader import LogReader
    from lapwise.serving.prediction_log import PredictionLog, last_logged, log_bytes, log_folder
    from lapwise.serving.predictions import prediction_frame
    from lapwise.serving.probe import probe_latency
    from lapwise.serving.routing import bucket
    from lapwise.serving.run import adopt, bind, serve
    from lapwise.serving.scorer import FrameScorer
    from lapwise.serving.served import OpenVersion, ServedVersion
    from lapwise.serving.shadow import run_shadow
    from lapwise.serving.snapshot import (
        VersionFiles,
        publish,
        read_deployment,
        read_version,
        snapshot_blobs,
    )
    from lapwise.serving.supervisor import supervise
    from lapwise.serving.tokens import tokens_for

__all__ = [
    "FrameScorer",
    "InferenceApp",
    "LogReader",
    "OpenVersion",
    "PredictionLog",
    "ServedVersion",
    "VersionFiles",
    "adopt",
    "bind",
    "bucket",
    "infer_body",
    "last_logged",
    "log_bytes",
    "log_folder",
    "prediction_frame",
    "probe_latency",
    "publish",
    "read_deployment",
    "read_version",
    "run_shadow",
    "serve",
    "snapshot_blobs",
    "supervise",
    "tokens_for",
]

_HOMES = {
    "FrameScorer": "scorer",
    "InferenceApp": "app",
    "LogReader": "log_reader",
    "OpenVersion": "served",
    "PredictionLog": "prediction_log",
    "ServedVersion": "served",
    "VersionFiles": "snapshot",
    "adopt": "run",
    "bind": "run",
    "bucket": "routing",
    "infer_body": "body",
    "last_logged": "prediction_log",
    "log_bytes": "prediction_log",
    "log_folder": "prediction_log",
    "prediction_frame": "predictions",
    "probe_latency": "probe",
    "publish": "snapshot",
    "read_deployment": "snapshot",
    "read_version": "snapshot",
    "run_shadow": "shadow",
    "serve": "run",
    "snapshot_blobs": "snapshot",
    "supervise": "supervisor",
    "tokens_for": "tokens",
}


def __getattr__(name: str) -> object:
    """Import the module of a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lapwise.serving' has no attribute {name!r}")
    return getattr(import_module(f"lapwise.serving.{_HOMES[name]}"), name)
