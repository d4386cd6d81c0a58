"""What went wrong, as whoever asked may read it: which clause, what was expected, what mends it."""

from __future__ import annotations

import re

import msgspec
from litestar.exceptions import HTTPException, ValidationException

from lapwise.core.errors import (
    AccessError,
    ConflictError,
    DeclarationError,
    LapwiseError,
    MissingDependencyError,
    ModelError,
    NotFoundError,
    RolloutError,
    StageError,
    StorageFullError,
    StoreError,
    TrackingError,
    UnfitError,
)
from lapwise.core.model import Record

__all__ = [
    "Failure",
    "HeldUpError",
    "Problem",
    "UnknownError",
    "answers_mlflow",
    "explained",
    "problem_of",
    "speaks_mlflow",
    "status_of",
    "told",
]


class UnknownError(LapwiseError):
    """Nobody knows whoever asks: no token was borne, or none that opens anything; never says which."""

    def __init__(self) -> None:
        super().__init__(
            "a token is needed",
            expected="Authorization: Bearer lw_..., or HTTP Basic with the token as password",
            fix="ask an admin for: lapwise token create NAME --role contributor",
        )


class HeldUpError(LapwiseError):
    """Too many wrong tokens came from one address; ``seconds`` says how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__("too many wrong tokens came from this address", fix="wait, then try again")
        self.seconds = seconds


class Problem(Record, frozen=True, kw_only=True):
    """An answer that is none. It names fields and commands, never a value that was sent."""

    error: str
    expected: str = ""
    fix: str = ""


def problem_of(error: LapwiseError) -> Problem:
    """Return what a caller may read of an error: all but its value."""
    return Problem(error=error.thing, expected=error.expected, fix=error.fix)


_STATUS: tuple[tuple[type[LapwiseError], int], ...] = (
    (UnknownError, 401),
    (HeldUpError, 429),
    (AccessError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (StageError, 409),
    (RolloutError, 409),
    (DeclarationError, 400),
    (ModelError, 400),
    (TrackingError, 400),
    (UnfitError, 400),
    (StorageFullError, 507),
    (StoreError, 503),
    (MissingDependencyError, 503),
)


def status_of(error: LapwiseError) -> int:
    """Return the HTTP status of an error.

    >>> status_of(NotFoundError("there is no lap")), status_of(StoreError("the disk is gone"))
    (404, 503)
    """
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


_MISSING = re.compile(r"Missing required \w+ parameter '(\w+)' for path")
_DESCRIBED = "/api/v1/openapi.json"
_CLAUSES = {
    404: Problem(error="there is nothing at this address", expected=f"/ or {_DESCRIBED}"),
    405: Problem(error="that method is not spoken at this address"),
    408: Problem(error="the body did not come in time", fix="send it again"),
    413: Problem(error="the body is too large"),
    415: Problem(error="a body of that kind is not read here"),
    416: Problem(error="what was asked for has no such range"),
}
_UNSAID = Problem(error="the request cannot be answered")
_FAILED = Problem(error="the server failed at this request", fix="look at what it wrote to its log")


def explained(error: Exception) -> tuple[int, Problem]:
    """Return the status of any error and what may be told of it."""
    if isinstance(error, LapwiseError):
        return status_of(error), problem_of(error)
    if isinstance(error, ValidationException):
        return 400, _unfit(error)
    if isinstance(error, HTTPException):
        if "disconnected" in error.detail:  # in the middle of its body; nobody hears this
            return 400, Problem(error="the body was cut")
        return error.status_code, _CLAUSES.get(error.status_code, _UNSAID)
    if isinstance(error, RecursionError):
        return 400, Problem(error="what was sent is nested too deeply")
    return 500, _FAILED


def _unfit(error: ValidationException) -> Problem:
    missing = _MISSING.match(error.detail)
    details = error.extra if isinstance(error.extra, list) else []
    named = (
        [missing[1]] if missing else sorted({str(one["key"]) for one in details if "key" in one})
    )
    return Problem(
        error="a parameter cannot be used: " + ", ".join(named), expected=f"what {_DESCRIBED} says"
    )


# What MLflow's clients read at the addresses of its API.
_ROOTS = ("/api/2.0", "/api/3.0", "/ajax-api/")  # one address of MLflow lacks the slash
_BESIDE = frozenset({"/version", "/v1/traces"})  # addresses of its clients that stand elsewhere
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


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an answer that is none."""

    error_code: str
    message: str


def speaks_mlflow(path: str) -> bool:
    """Say whether whoever asks at this address expects MLflow's error bodies."""
    return path.startswith(_ROOTS)


def answers_mlflow(path: str) -> bool:
    """Say whether an address belongs to MLflow's API, in its own words or not."""
    return speaks_mlflow(path) or path in _BESIDE


def told(problem: Problem, status: int) -> Failure:
    """Return a problem in the words of MLflow's clients."""
    said = [problem.error]
    said += [f"expected: {problem.expected}"] if problem.expected else []
    said += [f"to mend: {problem.fix}"] if problem.fix else []
    return Failure(error_code=_CODES.get(status, "BAD_REQUEST"), message="; ".join(said))
