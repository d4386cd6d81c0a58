"""Run the command line, and turn every failure into one clear message."""

from __future__ import annotations

import os
import sys

import lapwise.cli.commands  # noqa: F401  (registers the verbs on ``app``)
from lapwise.cli.app import app
from lapwise.cli.render import visible
from lapwise.core.errors import LapwiseError

__all__ = ["main"]

_INTERRUPTED = 130
_STOPPED = "stopped; what was finished is kept, run the command again to go on"


def main() -> None:
    """Run the command line; every failure is one clear message and an exit code that is not 0."""
    # Threads that spin while they wait would take the second core from whoever needs it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except LapwiseError as error:
        _fail(error, str(error), 1)
    except KeyboardInterrupt as error:
        _fail(error, _STOPPED, _INTERRUPTED)
    except SystemExit as end:
        # Typer turns Ctrl-C into an exit before anybody here sees it.
        if end.code == _INTERRUPTED:
            sys.stderr.write(f"error: {_STOPPED}\n")
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except Exception as error:  # noqa: BLE001 - a person must never meet a traceback
        _fail(
            error,
            f"unexpected {type(error).__name__}: {error}\n"
            "  to mend:  run again with `lapwise --debug …` and report what it shows",
            70,
        )


def _fail(error: BaseException, message: str, code: int) -> None:
    if os.environ.get("LAPWISE_DEBUG") or "--debug" in sys.argv:
        raise error
    sys.stderr.write(f"error: {visible(message)}\n")
    raise SystemExit(code)
