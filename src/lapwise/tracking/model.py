"""The nouns of tracking that other rooms read: rows of runs, comparisons, recoveries."""

from __future__ import annotations

from lapwise.core.model import Metric, Param, Record, Run, RunStatus, Scalar

__all__ = ["Columns", "Comparison", "Difference", "Package", "Recovery", "RunRow", "Same"]


class Package(Record, frozen=True, kw_only=True):
    """An installed distribution."""

    name: str
    version: str


class RunRow(Record, frozen=True, kw_only=True):
    """One run as a table shows it.

    ``age`` is in seconds since the start. ``data`` are versions (``v7``) in the order in which
    they were declared, ``code`` the first six characters of the commit, with ``+`` when the tree
    was dirty, or of the code's digest outside a repository.
    """

    run: str
    number: int
    experiment: str
    name: str
    status: RunStatus
    age: float
    metrics: tuple[Metric, ...]
    params: tuple[Param, ...]
    data: tuple[str, ...]
    code: str
    flags: tuple[str, ...]


class Columns(Record, frozen=True, kw_only=True):
    """The metrics and parameters that a table of runs shows, by name, in order."""

    metrics: tuple[str, ...]
    params: tuple[str, ...]


class Difference(Record, frozen=True, kw_only=True):
    """Something that is not equal in all the runs: one value a run, None where it has none.

    ``kind`` is ``param``, ``metric``, ``code``, ``data``, ``package``, ``seed``, ``environment``
    or ``hardware``.
    """

    kind: str
    name: str
    values: tuple[Scalar, ...]


class Same(Record, frozen=True, kw_only=True):
    """How many things of a kind are equal in all the runs."""

    kind: str
    count: int


class Comparison(Record, frozen=True, kw_only=True):
    """Runs beside each other: what differs, the likeliest causes first; the rest only counted."""

    runs: tuple[Run, ...]
    different: tuple[Difference, ...]
    same: tuple[Same, ...]


class Recovery(Record, frozen=True, kw_only=True):
    """What was found in the log of a process that is no more, and what became of it.

    ``shipped`` says that all of it is in the store now; otherwise ``note`` says why not, and the
    log is still there. ``damaged`` says that the last frame was torn and left out.
    """

    run: str
    status: RunStatus | None
    entries: int
    damaged: bool
    shipped: bool
    note: str = ""
