"""What is kept of features for people: who declared them, how fresh, how spread, and the proof.

Times are microseconds since 1970, UTC.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from lapwise.core.digest import Digest
from lapwise.core.model import KeyPart, Record

__all__ = [
    "FRAME_SUMMARY",
    "CauseKind",
    "Declared",
    "DifferentVector",
    "FeatureCount",
    "FeatureKind",
    "FeatureSummary",
    "FeatureUse",
    "FrameSummary",
    "Verification",
    "ViewFreshness",
]

FeatureKind: TypeAlias = Literal["view", "on_demand"]

CauseKind: TypeAlias = Literal[
    "changed_table",
    "corrected",
    "definition",
    "input",
    "late",
    "missing",
    "moment",
    "never_pushed",
    "not_in_table",
    "on_demand",
    "otherwise",
    "type",
    "unknown",
]
"""``late`` a row came online after it was known and needed; ``never_pushed`` it is not there now
either; ``missing`` it was not there, and nothing says whether it came; ``corrected`` a row counted
that was corrected by then; ``not_in_table`` a row counted that the table does not have; ``otherwise`` a
row was online with another time or value; ``moment`` a row known at the very moment was seen;
``definition`` another version of the definition answered; ``changed_table`` the table was changed
since; ``type`` the value is right, its type is not; ``input`` what it is made of differs;
``on_demand`` its expression gave something else."""

FRAME_SUMMARY = "frame_summary"
"""The kind of record that a :class:`FrameSummary` is, under the digest of its frame."""


class Declared(Record, frozen=True, kw_only=True):
    """One version of a view or of on-demand features, as a loop's page declared it.

    ``digest`` names the definition, which is a record of its own. ``owner`` is who answers for it;
    no part of what it means, so the latest said one holds. ``declared`` is the world's time at which
    the loop first had this version, ``said`` at which it last had it. ``turn`` is the store's: of a
    loop, those with the greatest are what its page declares now. ``table`` and ``by`` are empty for
    on-demand features, whose ``inputs`` are the columns and features they read. ``words`` say how
    each of ``features`` is made; empty where that is not known any more.
    """

    digest: Digest
    name: str
    kind: FeatureKind
    features: tuple[str, ...]
    words: tuple[str, ...] = ()
    table: str = ""
    by: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    owner: str = ""
    loop: str
    declared: int
    said: int
    turn: int = 0


class FeatureUse(Record, frozen=True, kw_only=True):
    """A model version that was trained on a version of a definition.

    ``run`` and ``lap`` made it, ``frame`` is the feature frame that it learnt from.
    """

    digest: Digest
    model: str
    number: int
    version: str
    stage: str
    created: int
    run: str | None = None
    lap: str | None = None
    frame: Digest | None = None


class ViewFreshness(Record, frozen=True, kw_only=True):
    """What a loop's online store held of one version of a view at ``noted``, a time of the world.

    Rows known before ``watermark`` were materialised; ``latest`` is the greatest known time of any
    row; the store answers as of ``floor`` and later. ``entities`` and ``rows`` are None where they were
    not counted.
    """

    loop: str
    digest: Digest
    view: str
    table: str
    by: tuple[str, ...]
    watermark: int
    latest: int
    floor: int
    noted: int
    entities: int | None = None
    rows: int | None = None


class FeatureSummary(Record, frozen=True, kw_only=True):
    """How the values of one feature were spread over the examples of a frame.

    Of numbers, times and durations (microseconds): ``edges`` bound the bins whose ``counts`` follow,
    ``quantiles`` are pairs of share and value; NaN and infinities are ``odd``, and part of nothing
    else. Of text and Booleans: ``values`` are the most frequent, most frequent first, with their
    ``counts``, and ``other`` counts the rows of all others. ``distinct`` is exact; None where it was
    not counted. ``std`` has ddof 1.
    """

    feature: str
    dtype: str
    rows: int
    nulls: int
    distinct: int | None = None
    odd: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    quantiles: tuple[tuple[float, float], ...] = ()
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    values: tuple[str, ...] = ()
    other: int = 0

    @property
    def null_share(self) -> float:
        """The share of rows without a value; 0 if there are no rows."""
        return self.nulls / self.rows if self.rows else 0.0


class FrameSummary(Record, frozen=True, kw_only=True):
    """How all features of a frame were spread; kept under the frame's digest.

    ``start`` and ``end`` are the first and the last time of an example.
    """

    frame: Digest
    features: tuple[FeatureSummary, ...]
    start: int | None = None
    end: int | None = None


class FeatureCount(Record, frozen=True, kw_only=True):
    """A number of rows of one feature."""

    feature: str
    rows: int


class DifferentVector(Record, frozen=True, kw_only=True):
    """One value that was served and is not what the tables say.

    ``entity`` are the columns it was made for with their values, ``logged`` was served, ``offline``
    is right: all as text, as Python writes them, so that NaN and the last bit can be told.
    ``kind`` and ``cause`` say why, for counting and for reading; ``cause`` is empty where nothing was
    looked for.
    """

    feature: str
    row: str
    entity: dict[str, str]
    at: int
    logged: str
    offline: str
    kind: CauseKind = "unknown"
    cause: str = ""


class Verification(Record, frozen=True, kw_only=True):
    """What recomputing the logged vectors of a model found.

    ``at`` is the world's time it was done. Of the vectors, ``rows`` were compared and ``equal``
    were equal to the bit; ``left_out`` were not compared (given by the caller, or newer than what
    is known of the tables), and ``damaged`` bytes of the log cannot be read. ``by_feature`` has every
    feature that was compared, with the rows in which it differed, 0 included; ``differences`` are the
    first ones. ``views`` are the versions of the definitions compared, ``versions`` the ids of the
    model versions that answered; vectors were asked for from ``start`` to ``end``. ``number`` counts
    the verifications of a model, and is the store's.
    """

    id: str
    model: str
    at: int
    rows: int
    equal: int
    left_out: int = 0
    damaged: int = 0
    by_feature: tuple[FeatureCount, ...] = ()
    differences: tuple[DifferentVector, ...] = ()
    views: tuple[KeyPart, ...] = ()
    versions: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None
    number: int = 0

    @property
    def share(self) -> float:
        """The share of equal vectors; 1 if none was compared."""
        return self.equal / self.rows if self.rows else 1.0

    @property
    def passed(self) -> bool:
        """Whether some vectors were compared, all were equal, and nothing of the log is damaged."""
        return 0 < self.rows == self.equal and not self.damaged
