"""Turns autologging on and off."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import RLock
from types import TracebackType
from typing import Self

from lapwise.core.errors import TrackingError
from lapwise.tracking.active import OpenRun
from lapwise.tracking.autolog import lightgbm, scikit_learn, xgboost
from lapwise.tracking.autolog.imports import ImportWatch
from lapwise.tracking.autolog.patches import Patches
from lapwise.tracking.autolog.recording import Settings, Starter, settings

__all__ = ["LIBRARIES", "Autologging", "switch_off", "switch_on"]

LIBRARIES = ("sklearn", "lightgbm", "xgboost")

_FILES = {"sklearn": scikit_learn, "lightgbm": lightgbm, "xgboost": xgboost}
_LOCK = RLock()
_PATCHES = Patches()
_WATCH = ImportWatch()
_WATCHED: set[str] = set()


class Autologging:
    """Autologging that is on: until :func:`switch_off`, or the end of its ``with`` block."""

    def __init__(self, own: Settings) -> None:
        self._own = own

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Go back to how it was before this was turned on."""
        with _LOCK:
            if any(one is self._own for one in settings):
                settings[:] = [one for one in settings if one is not self._own]
                _follow()


def switch_on(
    start: Starter, *, run: OpenRun | None = None, libraries: Sequence[str] = LIBRARIES
) -> Autologging:
    """Log what is trained from now on, in this process.

    Args:
        start: starts a run for a fit outside any run.
        run: log to this run always; default: to the run that is open in the thread.
        libraries: of :data:`LIBRARIES`; none is imported, each is watched from when it is.

    Raises:
        TrackingError: a library is not known.
    """
    unknown = sorted(set(libraries) - set(LIBRARIES))
    if unknown:
        raise TrackingError(
            "there is no autologging for this",
            value=unknown,
            expected=", ".join(LIBRARIES) + "; for PyTorch lw.TorchCallback",
        )
    own = Settings(start, run, tuple(libraries))
    with _LOCK:
        settings.append(own)
        _follow()
    return Autologging(own)


def switch_off() -> None:
    """Log nothing by itself any more, and put back all that was replaced."""
    with _LOCK:
        settings.clear()
        _follow()


def _follow() -> None:
    """Watch the libraries of the settings in force, and no others."""
    wanted = set(settings[-1].libraries) if settings else set()
    if wanted == _WATCHED:
        return
    _WATCH.close()
    _PATCHES.undo()
    _WATCHED.clear()
    _WATCHED.update(wanted)
    for library in sorted(wanted):
        file = _FILES[library]
        _WATCH.watch(file.MODULE, partial(file.patch, patches=_PATCHES))
