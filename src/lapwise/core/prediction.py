"""What was answered, and what became known of it later: the entries of the prediction log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from lapwise.core.deployment import ArmName
from lapwise.core.model import Record, Scalar

__all__ = [
    "Answer",
    "Answered",
    "Failure",
    "FailureKind",
    "Feedback",
    "Fused",
    "LogEntry",
    "Outcome",
    "failed_id",
    "prediction_id",
]

FailureKind: TypeAlias = Literal["exception", "not_finite", "crash", "timeout"]


class Failure(Record, frozen=True, kw_only=True):
    """A version could not answer a row; of a canary's, production answered in its stead.

    What production fails, nobody answers: then the caller got no answer to the whole request.
    """

    place: int
    version: str
    kind: FailureKind


class Answer(Record, frozen=True, kw_only=True):
    """The rows of one request that one version answered.

    ``places`` say which rows of the request, in order. ``features`` has one list a model input, as
    the lookup gave it (numbers and text before they are normalised, None for missing). ``scores``
    has one number a row, or one list of numbers a row for several classes.
    """

    version: str
    arm: ArmName
    places: tuple[int, ...]
    features: dict[str, list[Scalar]]
    scores: list[float | list[float]]


class Answered(Record, frozen=True, kw_only=True, tag="answered"):
    """One request, with every row's answer.

    ``request`` is the caller's id of the request, or one made for it; a request that is sent twice
    has the same id and counts once. ``at`` is the world's time as of which features were taken.
    ``rows`` and ``units`` name each row (empty where the request did not). ``inputs`` has one list a
    column that the request carried, times as microseconds. ``looked_up`` says whether features were
    looked up by the server (and not given by the caller). ``unseen`` counts, by column, values that
    training never saw. ``microseconds`` is how long the answer took inside the process.

    Of a request that production failed ``answers`` are empty, whatever other rows fared, and
    ``failures`` are the rows that a version was asked for and failed; ``inputs`` are there even if
    they are features. Its id is :func:`failed_id`, so that the caller may try again.

    In a shadow's log ``answers`` are the shadow's, under the request's id, ``inputs`` are empty and
    ``shadow`` is set.
    """

    request: str
    at: int
    revision: int
    rows: tuple[str, ...]
    units: tuple[str, ...]
    inputs: dict[str, list[Scalar]]
    answers: tuple[Answer, ...]
    failures: tuple[Failure, ...] = ()
    looked_up: bool = True
    unseen: Mapping[str, int] = {}
    microseconds: int = 0
    shadow: bool = False


class Outcome(Record, frozen=True, kw_only=True):
    """What became known of one prediction, named by its id or by its row."""

    label: Scalar
    prediction: str = ""
    row: str = ""


class Feedback(Record, frozen=True, kw_only=True, tag="feedback"):
    """Labels that arrived at one moment of the world's time; the first for a prediction counts."""

    at: int
    outcomes: tuple[Outcome, ...]
    request: str = ""


class Fused(Record, frozen=True, kw_only=True, tag="fused"):
    """A worker took a canary out by itself: it failed again and again where production did not."""

    at: int
    version: str
    revision: int
    reason: str


LogEntry: TypeAlias = Answered | Feedback | Fused


def prediction_id(request: str, place: int) -> str:
    """Return the id of one row's answer.

    >>> prediction_id("01m841sdpxsv", 3)
    '01m841sdpxsv.3'
    """
    return f"{request}.{place}"


def failed_id(request: str) -> str:
    """Return the id under which a request stands in the log that production failed.

    A good answer to the same request has the request's own id, so that both count, each once.

    >>> failed_id("01m841sdpxsv")
    '01m841sdpxsv#failed'
    """
    return f"{request}#failed"
