"""The boundary around the user's code."""

from __future__ import annotations

import traceback

from lapwise.core.errors import StepError
from lapwise.pipeline.reach.places import Places

__all__ = ["failed"]


def failed(what: str, error: Exception, places: Places) -> StepError:
    """Return the error for an exception of the user's code: what raised, where, and what it said.

    The line is the last one in the project's own code: a library's line tells users little.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not places.is_library(frame.filename)]
    where = ""
    if own or frames:
        frame = (own or frames)[-1]
        filename = frame.filename.removeprefix(f"{places.root}/")
        where = f" at {filename}:{frame.lineno}"
    said = f": {error}" if str(error) else ""
    return StepError(
        f"{what} raised {type(error).__name__}{where}{said}",
        fix="mend the code there and run again; steps before it are kept",
    )
