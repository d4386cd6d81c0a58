"""Import every module that puts a verb on the command line, in the order of the help."""

from __future__ import annotations

from lapwise.cli import (  # noqa: F401
    data,
    demo,
    init,
    lap,
    models,
    runs,
    score,
    store,
)

__all__: list[str] = []
