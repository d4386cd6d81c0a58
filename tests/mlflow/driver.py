"""Run functions that come as text, in the environment of the real MLflow client.

Each line of standard input is JSON: the source of a function, its name and its arguments; each line
of the answer is what it returned, or what it raised. ``mlflow`` is the first argument of each.
"""

import contextlib
import json
import os
import sys
import traceback
import warnings
from typing import Any, TextIO


def main() -> None:
    """Answer until the input ends."""
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the client prints; answers are ours alone
    import mlflow  # type: ignore[import-not-found,unused-ignore]  # in an environment of its own

    _tell(answers, {"version": mlflow.__version__})
    for line in sys.stdin:
        _tell(answers, _done(mlflow, json.loads(line)))


def _tell(answers: TextIO, what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


def _done(mlflow: Any, asked: dict[str, Any]) -> dict[str, Any]:
    space: dict[str, Any] = {"Any": Any}
    try:
        exec(compile(asked["source"], asked["name"], "exec"), space)
        return {"returned": space[asked["name"]](mlflow, *asked["arguments"])}
    except Exception as error:  # noqa: BLE001  # it is the answer
        return {
            "raised": type(error).__name__,
            "code": getattr(error, "error_code", ""),
            "message": str(error),
            "trace": traceback.format_exc(),
        }
    finally:
        with contextlib.suppress(Exception):
            while mlflow.active_run():
                mlflow.end_run("FAILED")


if __name__ == "__main__":
    main()
