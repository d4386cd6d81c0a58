"""Steps, pipelines and the cache of their results."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapwise.pipeline.changes import why
    from lapwise.pipeline.engine import Engine
    from lapwise.pipeline.graph import Pipeline, pipeline
    from lapwise.pipeline.key import explain, fingerprint
    from lapwise.pipeline.model import Change, Handle, PipelineRun, StepRun
    from lapwise.pipeline.steps import Step, step

__all__ = [
    "Change",
    "Engine",
    "Handle",
    "Pipeline",
    "PipelineRun",
    "Step",
    "StepRun",
    "explain",
    "fingerprint",
    "pipeline",
    "step",
    "why",
]

_HOMES = {
    "Change": "model",
    "Engine": "engine",
    "Handle": "model",
    "Pipeline": "graph",
    "PipelineRun": "model",
    "Step": "steps",
    "StepRun": "model",
    "explain": "key",
    "fingerprint": "key",
    "pipeline": "graph",
    "step": "steps",
    "why": "changes",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"lapwise.pipeline.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


class _Room(ModuleType):
    """This package, which is also the decorator that users know as ``lw.pipeline``.

    Importing any file of the room binds the room's name on ``lapwise``, over the decorator.
    """

    def __call__(self, function: Any) -> Pipeline:
        from lapwise.pipeline.graph import pipeline

        return pipeline(function)


sys.modules[__name__].__class__ = _Room
