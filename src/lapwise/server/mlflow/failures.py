"""What went wrong, in the words and the codes that MLflow's clients know."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from lapwise.core.errors import (
    AccessError,
    ConflictError,
    DeclarationError,
    LapwiseError,
    NotFoundError,
    StageError,
    StorageFullError,
    StoreError,
    UnfitError,
)
from lapwise.server.problem import HeldUpError, UnknownError

__all__ = ["Failure", "Refusal", "failed", "failure_of", "is_cut", "speaks_mlflow"]

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
_CODES: tuple[tuple[type[LapwiseError], str], ...] = (
    (UnknownError, "UNAUTHENTICATED"),
    (HeldUpError, "REQUEST_LIMIT_EXCEEDED"),
    (NotFoundError, "RESOURCE_DOES_NOT_EXIST"),
    (ConflictError, "RESOURCE_CONFLICT"),
    (DeclarationError, "INVALID_PARAMETER_VALUE"),
    (StageError, "INVALID_PARAMETER_VALUE"),
    (AccessError, "PERMISSION_DENIED"),
    (UnfitError, "INVALID_PARAMETER_VALUE"),
    (StorageFullError, "RESOURCE_LIMIT_EXCEEDED"),
    (StoreError, "TEMPORARILY_UNAVAILABLE"),
)
_BY_STATUS = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    405: "ENDPOINT_NOT_FOUND",
    413: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
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


def speaks_mlflow(path: str) -> bool:
    """Say whether whoever asks at this address expects MLflow's error bodies."""
    return path.startswith(_ROOTS)


def is_cut(error: Exception) -> bool:
    """Say whether an error is only that a client left in the middle of its body: that is no news."""
    return isinstance(error, HTTPException) and "disconnected" in error.detail


def failure_of(error: Exception) -> tuple[int, Failure]:
    """Return the status of an error and the body that tells of it; it names no value and no path."""
    if isinstance(error, Refusal):
        return _STATUS[error.code], Failure(error_code=error.code, message=error.message)
    if isinstance(error, LapwiseError):
        code = next((code for kind, code in _CODES if isinstance(error, kind)), "INTERNAL_ERROR")
        said = [error.thing]
        said += [f"expected: {error.expected}"] if error.expected else []
        said += [f"to mend: {error.fix}"] if error.fix else []
        return _STATUS[code], Failure(error_code=code, message="; ".join(said))
    if isinstance(error, HTTPException):
        code = _BY_STATUS.get(error.status_code, "BAD_REQUEST")
        said = ["nothing is served at this address"] if code == "ENDPOINT_NOT_FOUND" else []
        message = said[0] if said else "the request cannot be answered"
        return error.status_code, Failure(error_code=code, message=message)
    return 500, Failure(error_code="INTERNAL_ERROR", message="the server failed at this request")


def failed(error: Exception) -> Response[Any]:
    """Return the answer to a request that went wrong."""
    status, body = failure_of(error)
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")
