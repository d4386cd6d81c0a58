"""What the engine gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from lapwise.core.digest import Digest, digest_value
from lapwise.core.errors import DeclarationError
from lapwise.core.model import KeyPart, Output

__all__ = ["Change", "Handle", "PipelineRun", "StepRun"]

WHOLE = "value"


class Handle:
    """The result of a step, in the store; other steps take it as an argument.

    Args:
        outputs: one named ``value``, or those of a tuple named ``0``, ``1``, ...
        packages: libraries whose versions count where the value is used.
        load: reads one output, by its place in the step's result.
        first: the place of the first of ``outputs``.
    """

    __slots__ = ("_first", "_load", "digest", "outputs", "packages")

    def __init__(
        self,
        outputs: tuple[Output, ...],
        packages: tuple[str, ...],
        load: Callable[[int], Any],
        first: int = 0,
    ) -> None:
        self.outputs = outputs
        self.packages = packages
        self.digest: Digest = digest_value(
            [(output.name, output.codec, output.digest) for output in outputs]
        )
        self._load = load
        self._first = first

    def value(self) -> Any:
        """Return the value, read from the store each time, so that no step sees another's changes.

        Raises:
            StepError: the stored value is lost and running the step again gave another one.
        """
        if self._is_whole():
            return self._load(self._first)
        return tuple(self._load(self._first + index) for index in range(len(self.outputs)))

    def part(self, index: int) -> Handle:
        """Return one value of a tuple.

        Raises:
            DeclarationError: the result is no tuple, or is too short.
        """
        if self._is_whole() or not 0 <= index < len(self.outputs):
            count = "a single value" if self._is_whole() else f"{len(self.outputs)} values"
            raise DeclarationError("no such part of a step's result", value=index, expected=count)
        output = msgspec.structs.replace(self.outputs[index], name=WHOLE)
        return Handle((output,), self.packages, self._load, self._first + index)

    def unread(self) -> Handle:
        """Return a handle that counts as this one in a key, and gives its digest for a value.

        For a step that is given what it needs of the value in another way: the key stays whole, and
        nothing is read in vain.
        """
        return Handle(self.outputs, self.packages, lambda _index: self.digest, self._first)

    def _is_whole(self) -> bool:
        return len(self.outputs) == 1 and self.outputs[0].name == WHOLE

    def __repr__(self) -> str:
        return f"<result {self.digest[:12]}>"


@dataclass(frozen=True, slots=True)
class StepRun:
    """One step of one run: whether its result was there already, and its result.

    ``seconds`` are those it took when it really ran, perhaps in an earlier run.
    """

    name: str
    key: Digest
    reused: bool
    seconds: float
    outputs: tuple[Output, ...]
    handle: Handle
    parts: tuple[KeyPart, ...]


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One run of a pipeline; ``result`` is what its function returned, with handles in it."""

    name: str
    result: Any
    steps: tuple[StepRun, ...]

    def value(self) -> Any:
        """Return what the function returned, with every handle replaced by its value."""
        return load(self.result)


class Change(msgspec.Struct, frozen=True):
    """What happened to one part of a step's key since its last result."""

    name: str
    kind: Literal["added", "removed", "changed"]


def load(value: Any) -> Any:
    """Return a value with every handle in its lists, tuples and dicts replaced by its value."""
    if isinstance(value, Handle):
        return value.value()
    if type(value) in {list, tuple}:
        return type(value)(load(part) for part in value)
    if type(value) is dict:
        return {key: load(part) for key, part in value.items()}
    return value
