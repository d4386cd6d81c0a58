"""From the bytes of a request to the bytes of its answer, logged before it is given."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec
import numpy as np

from lapwise.core.clock import MachineClock, SystemWorldClock, WorldClock, parse_time
from lapwise.core.errors import DeclarationError
from lapwise.core.ids import new_id
from lapwise.core.prediction import Answered, Feedback, LogEntry
from lapwise.serving.answering import Answering, Part, Unanswered, outputs_of
from lapwise.serving.complaint import complaint
from lapwise.serving.labels import check_labels
from lapwise.serving.live import Fixed, Live
from lapwise.serving.metrics import Tally
from lapwise.serving.model import (
    InferenceError,
    InferenceRequest,
    InferenceResponse,
    ResponseOutput,
)
from lapwise.serving.outcomes import read_feedback
from lapwise.serving.prediction_log import log_folder, newest
from lapwise.serving.recent import Recent

__all__ = ["Inferring"]

_REQUEST = msgspec.json.Decoder(InferenceRequest)
_ENCODE = msgspec.json.Encoder().encode
_ENTRY: msgspec.msgpack.Decoder[LogEntry] = msgspec.msgpack.Decoder(LogEntry)
_LONGEST_ID = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ENTRIES = 10_000
_RECENT_BYTES = 64 * 1024 * 1024
_BAD_AT = "the instant `at` must be microseconds since 1970, or ISO 8601"


class _Head(msgspec.Struct):
    """As much of an entry as it takes to tell whose it is."""

    type: str
    request: str = ""
    answers: tuple[msgspec.Raw, ...] = ()


_HEAD = msgspec.msgpack.Decoder(_Head)


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer that was given: of this process the body, of one before it the log's entry."""

    asked: int | None
    body: bytes


class Inferring:
    """Answers infer requests and takes feedback.

    Args:
        live: what answers, and where it is logged.
        replay: each request says what time it is in the world.
        world: the world's clock otherwise.
    """

    def __init__(
        self, live: Live | Fixed, *, replay: bool = False, world: WorldClock | None = None
    ) -> None:
        self._live = live
        self._replay = replay
        self._world = world or SystemWorldClock()
        self._clock = MachineClock()
        self._tally = Tally(live.counters)
        self._recent = Recent[_Given](_ENTRIES, _RECENT_BYTES)
        # Ids of requests that came without one: this process's, then a number.
        self._own = new_id()
        self._count = 0

    def remember(self) -> None:
        """Take up the newest requests of the log, whoever answered them."""
        if self._live.folder is None:
            return
        log = log_folder(self._live.folder)
        for payload in newest(log, entries=_ENTRIES, most_bytes=_RECENT_BYTES):
            head = _HEAD.decode(payload)
            if head.type == "answered" and head.answers:
                self._recent.put(head.request, _Given(None, payload), size=len(payload))

    def infer(self, body: bytes, *, route: bool = True) -> bytes:
        """Return the answer to an infer request.

        Args:
            body: JSON as the protocol says.
            route: False asks production for every row.

        Raises:
            InferenceError: the request cannot be answered; its sentence is for the caller.
        """
        started = self._clock.monotonic()
        answering = self._live.answering
        if answering is None:
            raise InferenceError(503, "no version answers yet")
        request = _decoded(body, answering)
        if request.id:
            _check_id("id", request.id)
        if not answering.logged:
            return self._unlogged(answering, request, started)
        if request.id:
            before = self._recent.get(request.id)
            if before is not None:
                return self._again(answering, request, body, before)
        at = self._at(request.parameters.at if request.parameters else None)
        question = answering.read(request.inputs, request.id or self._new_id(), at)
        try:
            entry, parts = answering.answer(question, route=route)
        except Unanswered as error:
            self._append(self._timed(error.entry, started))
            self._count_failures(answering, error.entry)
            raise
        outputs = _chosen(outputs_of(parts, question.id, question.carried.rows), request)
        answer = _response(answering, request, outputs)
        entry = self._timed(entry, started)
        self._append(entry)
        if request.id:
            kept = _Given(hash(body), answer)
            self._recent.put(request.id, kept, size=len(answer))
        self._count_rows(answering, entry)
        return answer

    def feedback(self, body: bytes) -> bytes:
        """Log what became known of predictions, and return how many outcomes were taken.

        Raises:
            InferenceError: it is not feedback, or cannot be logged.
        """
        said, outcomes = read_feedback(body)
        _check_id("request", said.request)
        answering = self._live.answering
        if answering is not None:
            arms = (answering.production, answering.canary)
            check_labels(outcomes, [arm.served.version for arm in arms if arm is not None])
        entry = Feedback(at=self._at(said.at), outcomes=outcomes, request=said.request)
        if outcomes:
            self._append(entry)
            self._live.counters.add(len(outcomes), "feedback")
        return _ENCODE({"accepted": len(outcomes)})

    def _unlogged(self, answering: Answering, request: InferenceRequest, started: float) -> bytes:
        question = answering.read(request.inputs, "", 0)
        _, parts = answering.answer(question)
        outputs = outputs_of(parts, "", question.carried.rows, logged=False)
        answer = _response(answering, request, _chosen(outputs, request))
        self._tally.answered(int((self._clock.monotonic() - started) * 1e6))
        return answer

    def _again(
        self, answering: Answering, request: InferenceRequest, body: bytes, before: _Given
    ) -> bytes:
        """Return the answer that was given to the same request."""
        if before.asked is not None and before.asked != hash(body):
            raise InferenceError(409, "another request had this id; every request needs its own")
        self._live.counters.add(1, "repeats")
        self._live.counters.add(1, "requests", "200")
        if before.asked is not None:
            return before.body
        entry = _ENTRY.decode(before.body)
        if not isinstance(entry, Answered):
            raise InferenceError(409, "another request had this id; every request needs its own")
        question = answering.read(request.inputs, entry.request, entry.at)
        if (question.rows, question.units) != (entry.rows, entry.units) or (
            question.looked_up and question.carried.columns != entry.inputs
        ):
            raise InferenceError(409, "another request had this id; every request needs its own")
        outputs = outputs_of(self._parts(answering, entry), entry.request, question.carried.rows)
        return _response(answering, request, _chosen(outputs, request), entry.revision)

    def _parts(self, answering: Answering, entry: Answered) -> list[Part]:
        """Return a logged answer as it was put together, by versions that may have gone since."""
        arms = {arm.id: arm for arm in (answering.production, answering.canary) if arm}
        parts = []
        for answer in entry.answers:
            arm = arms.get(answer.version) or self._live.reopen(answer.version, answer.arm)
            if arm is None:
                raise InferenceError(
                    409, "this request was answered by a version that is no longer here"
                )
            part = Part(arm)
            part.add(list(answer.places), answer.features, np.asarray(answer.scores, np.float64))
            parts.append(part)
        return parts

    def _at(self, said: int | str | None) -> int:
        """Return the instant as of which a request is answered."""
        if not self._replay:
            if said is not None:
                raise InferenceError(
                    400, "`at` is for a replay; start the server with --replay to say the time"
                )
            return self._world.now()
        if said is None:
            raise InferenceError(400, "in a replay a request says what time it is: `at`")
        try:
            at = parse_time(said) if isinstance(said, str) else said
        except (DeclarationError, OverflowError):
            raise InferenceError(400, _BAD_AT) from None
        if not 0 <= at < 2**62:
            raise InferenceError(400, _BAD_AT)
        return at

    def _append(self, entry: LogEntry) -> None:
        if self._live.log is None:
            return
        try:
            self._live.log.append(entry)
        except ValueError:
            raise InferenceError(413, "the request is too large; send fewer rows") from None
        except OSError as error:
            self._live.counters.add(1, "log_failures")
            raise InferenceError(
                503, "the prediction log takes no entry, so no answer is given"
            ) from error

    def _timed(self, entry: Answered, started: float) -> Answered:
        microseconds = int((self._clock.monotonic() - started) * 1e6)
        return msgspec.structs.replace(entry, microseconds=microseconds)

    def _count_failures(self, answering: Answering, entry: Answered) -> None:
        for failure in entry.failures:
            arm = "production" if failure.version == answering.production.id else "canary"
            self._live.counters.add(1, "failures", failure.version, arm, failure.kind)

    def _count_rows(self, answering: Answering, entry: Answered) -> None:
        self._tally.answered(entry.microseconds)
        for answer in entry.answers:
            self._tally.rows(answer.version, answer.arm, len(answer.places))
        self._count_failures(answering, entry)
        for column, count in entry.unseen.items():
            self._live.counters.add(count, "unseen", column)

    def _new_id(self) -> str:
        self._count += 1
        return f"{self._own}-{self._count:x}"


def _check_id(name: str, text: str) -> None:
    if len(text) > _LONGEST_ID:
        raise InferenceError(400, f"the {name} may have at most {_LONGEST_ID} characters")
    if _CONTROL.search(text):
        raise InferenceError(400, f"the {name} may have no control characters")


def _decoded(body: bytes, answering: Answering) -> InferenceRequest:
    try:
        return _REQUEST.decode(body)
    except msgspec.ValidationError as error:
        raise InferenceError(400, f"the request is not an infer request: {error}") from None
    except (msgspec.DecodeError, RecursionError):
        known = {*answering.features.needed}
        if answering.inputs is not None:
            known.update(answering.inputs.needed)
        raise InferenceError(400, complaint(body, known)) from None


def _chosen(outputs: list[ResponseOutput], request: InferenceRequest) -> list[ResponseOutput]:
    """Return the outputs that were asked for, in the order asked."""
    if not request.outputs:
        return outputs
    by_name = {output.name: output for output in outputs}
    unknown = [wanted for wanted in request.outputs if wanted.name not in by_name]
    if unknown:
        raise InferenceError(400, f"an output is asked for that is none of {', '.join(by_name)}")
    return [by_name[wanted.name] for wanted in request.outputs]


def _response(
    answering: Answering,
    request: InferenceRequest,
    outputs: list[ResponseOutput],
    revision: int | None = None,
) -> bytes:
    parameters = None
    if answering.logged:
        said = answering.deployment.revision if revision is None else revision
        parameters = {"revision": said}
    return _ENCODE(
        InferenceResponse(
            model_name=answering.production.served.version.model,
            model_version=answering.production.number,
            outputs=outputs,
            id=request.id,
            parameters=parameters,
        )
    )
