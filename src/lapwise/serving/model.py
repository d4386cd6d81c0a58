"""The nouns of the Open Inference Protocol v2, REST form.

Source: https://github.com/kserve/open-inference-protocol, ``specification/protocol``.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "InferenceError",
    "InferenceRequest",
    "InferenceResponse",
    "Parameters",
    "RequestInput",
    "RequestedOutput",
    "ResponseOutput",
    "TensorMetadata",
]


class RequestInput(msgspec.Struct, frozen=True):
    """One input tensor; ``data`` stays undecoded until its datatype says how to read it."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw()


class RequestedOutput(msgspec.Struct, frozen=True):
    """The name of an output that the caller wants."""

    name: str


class Parameters(msgspec.Struct, frozen=True):
    """What a request may say besides: ``at`` is the world's time, in replay only."""

    at: int | str | None = None


class InferenceRequest(msgspec.Struct, frozen=True):
    """The body of an infer request; ``outputs`` absent means all of them."""

    inputs: list[RequestInput]
    id: str | None = None
    outputs: list[RequestedOutput] | None = None
    parameters: Parameters | None = None


class ResponseOutput(msgspec.Struct, frozen=True):
    """One output tensor, its data nested as its shape says."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class InferenceResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an answer; ``id`` is the request's, when it had one."""

    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: str | None = None
    parameters: dict[str, Any] | None = None


class TensorMetadata(msgspec.Struct, frozen=True):
    """What a model takes or gives under a name; -1 stands for any number of rows."""

    name: str
    datatype: str
    shape: list[int]


class InferenceError(Exception):
    """A request that cannot be answered: raised and turned into a response in this room only.

    The sentence names fields, never values: those are the caller's data, and errors get logged.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
