"""What one room needs of another, as small Protocols that ``loop/bootstrap.py`` fills."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from lapwise.core.digest import Digest

__all__ = [
    "Codec",
    "ColumnScorer",
    "Executor",
    "FeatureLookup",
    "Fingerprint",
    "InThisProcess",
    "Predictor",
    "Progress",
    "SilentProgress",
    "Task",
]


class Task(Protocol):
    """One line of progress."""

    def advance(self, amount: float = 1) -> None:
        """Add finished work, in the unit of the total."""
        ...

    def done(self) -> None:
        """Finish the line, whether or not the total was reached."""
        ...


class Progress(Protocol):
    """Shows how far long work has come; the CLI draws bars, tests and libraries stay silent."""

    def task(self, label: str, total: float | None = None) -> Task:
        """Open a line; ``total`` None means unknown."""
        ...


class SilentProgress:
    """Progress that shows nothing."""

    def task(self, label: str, total: float | None = None) -> Task:
        """Return a line that is not shown."""
        return _SilentTask()


class _SilentTask:
    def advance(self, amount: float = 1) -> None:
        """Do nothing."""

    def done(self) -> None:
        """Do nothing."""


class Executor(Protocol):
    """Does one thing for many arguments: here, in other processes, on other machines.

    Arguments and answers are bytes, so nothing that runs code travels; what is large lies in files
    that they name.
    """

    @property
    def workers(self) -> int:
        """How many arguments are worked on at a time."""
        ...

    def map(
        self, function: Callable[[bytes], bytes], arguments: Sequence[bytes]
    ) -> Iterator[bytes]:
        """Yield the answer to each argument, in order.

        Args:
            function: a module's own function, which another process finds by its name; it may be
                asked the same again.
            arguments: what it is asked.

        Raises:
            ChildProcessError: whoever worked on an argument died of it.
        """
        ...


class InThisProcess:
    """Works on one argument after the other, where it is called."""

    workers = 1

    def map(
        self, function: Callable[[bytes], bytes], arguments: Sequence[bytes]
    ) -> Iterator[bytes]:
        """Yield the answer to each argument, in order."""
        return map(function, arguments)


class Fingerprint(Protocol):
    """Digests a function with all the project code it reaches (implemented by ``pipeline``)."""

    def __call__(self, function: Callable[..., Any]) -> Digest:
        """Return the digest; equal digests mean that the function computes the same."""
        ...


class Codec(Protocol):
    """Writes one type of value to a file and reads it back (a hook of ``pipeline``)."""

    name: str

    def accepts(self, value: object) -> bool:
        """Return whether this codec writes ``value``."""
        ...

    def write(self, value: object, path: Path) -> None:
        """Write ``value`` as one file; equal values give equal bytes."""
        ...

    def read(self, path: Path) -> object:
        """Return what :meth:`write` was given."""
        ...


class Predictor(Protocol):
    """A packaged model, loaded (implemented by ``registry``)."""

    def predict(self, frame: Any) -> Any:
        """Return scores for a Polars frame that has the signature's input columns.

        Shape ``(rows,)`` for binary (probability of yes) and regression, ``(rows, classes)``
        for multiclass, as float64.
        """
        ...


class ColumnScorer(Protocol):
    """A packaged model, loaded, as the inference path feeds it: arrays, no data frame."""

    def score(self, columns: Mapping[str, Any]) -> Any:
        """Return scores for one NumPy array of shape ``(rows,)`` for each of the signature's inputs.

        A ``Float32`` input is float32, NaN where missing or infinite; a ``String`` input is an
        object array of ``str``, empty where missing. Shapes out are those of
        :meth:`Predictor.predict`, as float64.
        """
        ...


class FeatureLookup(Protocol):
    """Makes a model's inputs of what a request carries (implemented by ``features``).

    One lookup belongs to one version's feature definitions, in the order of its signature.
    """

    def look_up(
        self, inputs: Mapping[str, Sequence[Any]], *, at: int
    ) -> Mapping[str, Sequence[Any]]:
        """Return one list for each model input, None for missing, as of ``at``.

        Args:
            inputs: one list for each column that a request carries, all of one length: ``str``,
                ``int``, ``float``, ``bool`` or None; instants are microseconds since 1970, UTC.
            at: the world's time in microseconds; rows known at or after it are not seen.

        Returns:
            The very values that the offline frame has for the same row and time, to the bit.

        Raises:
            FeatureError: an input is missing or of a type that a feature cannot take.
        """
        ...
