"""Import every module that puts a verb on the command line, in the order of the help."""

from __future__ import annotations

from lapwise.cli import (  # noqa: F401
    alarms,
    data,
    demo,
    features,
    importing,
    init,
    lap,
    models,
    replay,
    rollout,
    runs,
    score,
    serve,
    server,
    store,
    sync,
    token,
    up,
    webhook,
)

__all__: list[str] = []
