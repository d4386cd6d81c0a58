"""What went wrong, in the words and the codes that MLflow's clients know."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from lapwise.server.problem import Problem, explained

__all__ = ["Failure", "Refusal", "failed", "failure_of", "sayable", "speaks_mlflow", "told"]

_STATUS = {
    "BAD_REQUEST": 400,
    "ENDPOINT_NOT_FOUND": 404,
    "INTERNAL_ERROR": 500,
    "INVALID_PARAMETER_VALUE": 400,
    "NOT_IMPLEMENTED": 501,
    "PERMISSION_DENIED": 403,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "RESOURCE_ALREADY_EXISTS": 400,
    "RESOURCE_CONFLICT": 409,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "RESOURCE_LIMIT_EXCEEDED": 507,
    "TEMPORARILY_UNAVAILABLE": 503,
    "UNAUTHENTICATED": 401,
}
# Of these a client keeps asking for minutes, so only what may pass of itself is answered with one:
# 408, 429, 500, 502, 503, 504.
_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "ENDPOINT_NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    413: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
    507: "RESOURCE_LIMIT_EXCEEDED",
}
_ROOTS = ("/api/2.0/", "/api/3.0/", "/ajax-api/")


class Refusal(Exception):  # named for what it tells the client
    """What a client is told: a sentence, and one of MLflow's error codes.

    The status of the answer follows from the code.
    """

    def __init__(self, message: str, code: str = "INVALID_PARAMETER_VALUE") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an answer that is none."""

    error_code: str
    message: str


def sayable(text: str) -> str:
    r"""Return what of a text that was sent may stand in a refusal.

    >>> sayable("churn"), sayable("\x1b[2J")
    ('churn', '(unprintable)')
    """
    return text[:100] if text.isprintable() else "(unprintable)"


def speaks_mlflow(path: str) -> bool:
    """Say whether whoever asks at this address expects MLflow's error bodies."""
    return path.startswith(_ROOTS)


def failure_of(error: Exception) -> tuple[int, Failure]:
    """Return the status of an error and the body that tells of it; it names no value and no path."""
    if isinstance(error, Refusal):
        return _STATUS[error.code], Failure(error_code=error.code, message=error.message)
    status, problem = explained(error)
    if isinstance(error, HTTPException) and status == 404:
        return status, Failure(error_code="ENDPOINT_NOT_FOUND", message=problem.error)
    return status, told(problem, status)


def told(problem: Problem, status: int) -> Failure:
    """Return a problem in the words of MLflow's clients."""
    said = [problem.error]
    said += [f"expected: {problem.expected}"] if problem.expected else []
    said += [f"to mend: {problem.fix}"] if problem.fix else []
    return Failure(error_code=_CODES.get(status, "BAD_REQUEST"), message="; ".join(said))


def failed(error: Exception) -> Response[Any]:
    """Return the answer to a request that went wrong."""
    status, body = failure_of(error)
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")
