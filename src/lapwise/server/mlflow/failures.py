"""What went wrong, in the words and the codes that MLflow's clients know."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from lapwise.server.problem import Failure, explained, told

__all__ = ["Refusal", "failed", "failure_of", "sayable"]

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


class Refusal(Exception):  # named for what it tells the client
    """What a client is told: a sentence, and one of MLflow's error codes.

    The status of the answer follows from the code.
    """

    def __init__(self, message: str, code: str = "INVALID_PARAMETER_VALUE") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def sayable(text: str) -> str:
    r"""Return what of a text that was sent may stand in a refusal.

    >>> sayable("churn"), sayable("\x1b[2J")
    ('churn', '(unprintable)')
    """
    return text[:100] if text.isprintable() else "(unprintable)"


def failure_of(error: Exception) -> tuple[int, Failure]:
    """Return the status of an error and the body that tells of it; it names no value and no path."""
    if isinstance(error, Refusal):
        return _STATUS[error.code], Failure(error_code=error.code, message=error.message)
    status, problem = explained(error)
    if isinstance(error, HTTPException) and status == 404:
        return status, Failure(error_code="ENDPOINT_NOT_FOUND", message=problem.error)
    return status, told(problem, status)


def failed(error: Exception) -> Response[Any]:
    """Return the answer to a request that went wrong."""
    status, body = failure_of(error)
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")
