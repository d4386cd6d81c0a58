"""What went wrong, as JSON for programs: which clause, what was expected, what mends it."""

from __future__ import annotations

import msgspec

from lapwise.core.errors import (
    AccessError,
    ConflictError,
    DeclarationError,
    LapwiseError,
    MissingDependencyError,
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
    "HeldUpError",
    "Problem",
    "UnknownError",
    "encode_problem",
    "problem_of",
    "status_of",
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


# MLflow's clients read these fields, and its codes, at the addresses of its API.
_MLFLOW = ("/api/2.0/", "/api/3.0/", "/ajax-api/")
_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    413: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}


def encode_problem(problem: Problem, path: str, status: int) -> bytes:
    """Return a problem as JSON, in the words that an address promises."""
    if not path.startswith(_MLFLOW):
        return msgspec.json.encode(problem)
    said = [problem.error]
    said += [f"expected: {problem.expected}"] if problem.expected else []
    said += [f"to mend: {problem.fix}"] if problem.fix else []
    code = _CODES.get(status, "BAD_REQUEST")
    return msgspec.json.encode({"error_code": code, "message": "; ".join(said)})
