"""Read the labels that a caller sends back."""

from __future__ import annotations

import msgspec

from lapwise.core.model import Scalar
from lapwise.core.prediction import Outcome
from lapwise.serving.model import InferenceError

__all__ = ["Said", "read_feedback"]


class _SaidOutcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: Scalar
    prediction_id: str | None = None
    row: str | None = None


class _SaidOne(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: Scalar
    prediction_id: str | None = None
    row: str | None = None
    at: int | str | None = None
    request: str = ""


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /feedback``: labels, when they became known, and an id for a repetition."""

    outcomes: list[_SaidOutcome]
    at: int | str | None = None
    request: str = ""


class _Shape(msgspec.Struct):
    outcomes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_SHAPE = msgspec.json.Decoder(_Shape)
_ONE = msgspec.json.Decoder(_SaidOne)
_MANY = msgspec.json.Decoder(Said)
_FORM = (
    '{"outcomes": [{"prediction_id" or "row": text, "label": a number, text or true/false}], '
    '"at"?: instant, "request"?: text}, or one such outcome'
)


def read_feedback(body: bytes) -> tuple[Said, tuple[Outcome, ...]]:
    """Return a body of feedback, as said and as the log keeps it; one outcome or many.

    Raises:
        InferenceError: it is not of the form, or an outcome names no prediction or two.

    >>> read_feedback(b'{"row": "UA1", "label": true}')[1]
    (Outcome(label=True, prediction='', row='UA1'),)
    """
    try:
        if _SHAPE.decode(body).outcomes is msgspec.UNSET:
            one = _ONE.decode(body)
            said = Said([_SaidOutcome(one.label, one.prediction_id, one.row)], one.at, one.request)
        else:
            said = _MANY.decode(body)
    except msgspec.DecodeError:
        # The library's message may quote a field's name as it was sent.
        raise InferenceError(400, f"feedback must be JSON of the form {_FORM}") from None
    return said, tuple(_outcome(place, one) for place, one in enumerate(said.outcomes))


def _outcome(place: int, one: _SaidOutcome) -> Outcome:
    if one.label is None:
        raise InferenceError(400, f"outcome {place + 1} has no label")
    if isinstance(one.label, int) and not -(2**63) <= one.label < 2**63:
        raise InferenceError(400, f"the label of outcome {place + 1} has more than 64 bits")
    if bool(one.prediction_id) == bool(one.row):
        raise InferenceError(400, f"outcome {place + 1} must have either prediction_id or row")
    return Outcome(label=one.label, prediction=one.prediction_id or "", row=one.row or "")
