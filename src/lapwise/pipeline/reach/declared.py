"""What a step says it depends on beyond its code."""

from __future__ import annotations

from pathlib import Path

from lapwise.pipeline.reach.tokens import text, token
from lapwise.pipeline.reach.visitor import Visitor
from lapwise.pipeline.steps import Step

__all__ = ["declared"]


def declared(visitor: Visitor, step: Step) -> bytes:
    """Add the files (below the root), variables and packages that a step declares."""
    for package in step.packages:
        visitor.package(package)
    for name in step.env:
        visitor.variable(name)
    root = visitor.places.root
    files = [visitor.file(Path(root, file), whole=True) for file in step.files]
    return token(b"declared", *files, *(text(name) for name in (*step.env, *step.packages)))
