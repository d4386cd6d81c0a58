"""The nouns of tracking that other rooms read: rows of runs, comparisons, recoveries."""

from __future__ import annotations

from lapwise.core.model import Metric, Param, Record, Run, RunStatus, Scalar, Tag

__all__ = ["Columns", "Comparison", "Difference", "Package", "Recovery", "RunRow", "Same"]


class Package(Record, frozen=True, kw_only=True):
    """An installed distribution.

    ``content`` is a digest of what was installed, by its own list of files; ``editable`` that it is
    a folder of somebody's instead, whose content nobody lists. ``place`` is its metadata's folder.
    """

    name: str
    version: str
    content: str = ""
    editable: bool = False
    place: str = ""


class RunRow(Record, frozen=True, kw_only=True):
    """One run as a table shows it.

    ``age`` is in seconds since the start. ``data`` are versions (``v7``) in the order in which
    they were declared, ``code`` the first six characters of the commit, with ``+`` when the tree
    was dirty, or of the code's digest outside a repository. ``parent`` is the id of the run that it
    is a part of, ``part_of`` the number of that, 0 where there is none.
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
    tags: tuple[Tag, ...] = ()
    user: str = ""
    started: int = 0
    ended: int | None = None
    parent: str | None = None
    part_of: int = 0


class Columns(Record, frozen=True, kw_only=True):
    """The metrics and parameters that a table of runs shows, by name, in order.

    ``beside`` are the other columns that are shown where they say something.
    """

    metrics: tuple[str, ...]
    params: tuple[str, ...]
    beside: tuple[str, ...] = ("name", "experiment")


class Difference(Record, frozen=True, kw_only=True):
    """Something that is not equal in all the runs: one value a run, None where it has none.

    ``kind`` is ``param``, ``metric``, ``code``, ``data``, ``package``, ``seed``, ``environment``
    or ``hardware``. ``explains`` is the share of the variance of the comparison's metric that goes
    with this, 0 to 1, corrected for how many values it has; None where it was not asked or cannot
    be told.
    """

    kind: str
    name: str
    values: tuple[Scalar, ...]
    explains: float | None = None


class Same(Record, frozen=True, kw_only=True):
    """How many things of a kind are equal in all the runs."""

    kind: str
    count: int


class Comparison(Record, frozen=True, kw_only=True):
    """Runs beside each other: what differs, the likeliest causes first; the rest only counted.

    ``metric`` is what the causes are ranked by: how much of its variance they explain. It is empty
    where there are too few runs to tell. ``folded`` counts the metrics of the machine
    (``system/…``) that differ, where they were not asked for.
    """

    runs: tuple[Run, ...]
    different: tuple[Difference, ...]
    same: tuple[Same, ...]
    metric: str = ""
    folded: int = 0


class Recovery(Record, frozen=True, kw_only=True):
    """What was found in the log of a process that is no more, and what became of it.

    ``shipped`` says that all of it is in the store now; otherwise ``note`` says why not, and the
    log is still there. ``waits`` says that it is for this store to take; what living processes or
    other stores have to do with is only mentioned. ``away`` says that the store did not answer, so
    that trying again may help. ``damaged`` says that the last frame was torn
    and left out. ``number`` is 0 where the store did not say it.
    """

    run: str
    status: RunStatus | None
    entries: int
    damaged: bool
    shipped: bool
    note: str = ""
    number: int = 0
    waits: bool = False
    away: bool = False
