"""Nouns of the registry."""

from __future__ import annotations

from lapwise.core.digest import Digest
from lapwise.core.model import Artifact, Record, Signature

__all__ = [
    "NATIVE",
    "ONNX",
    "PROBE",
    "AuditReport",
    "Packaged",
    "Parity",
    "TraceLine",
]

NATIVE = "model.skops"
ONNX = "model.onnx"
PROBE = "probe.parquet"


class Parity(Record, frozen=True, kw_only=True):
    """How far the compiled model's answers are from the native one's.

    ``largest`` is the largest difference of a score: absolute for probabilities, as a share of the
    larger of the score and the scores' spread for regression. ``beyond`` counts rows that differ
    by more than ``limit``, or that only one of the two refuses; ``worst`` names the case with the
    largest difference; ``flips`` counts rows whose decision changes.
    """

    rows: int
    probes: int
    largest: float
    limit: float
    beyond: int
    flips: int
    worst: str

    @property
    def holds(self) -> bool:
        """Whether the compiled model may answer in place of the native one."""
        return self.beyond == 0


class Packaged(Record, frozen=True, kw_only=True):
    """A trained model as files in the blob store, ready to be registered.

    ``digest`` is that of the canonical native archive: equal models give equal digests in any
    process. ``parity`` is a sentence for people, ``largest_difference`` its number (None when
    there was nothing to compare).
    """

    digest: Digest
    format: str
    serving: str
    parity: str
    artifacts: tuple[Artifact, ...]
    signature: Signature
    task: str
    classes: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    largest_difference: float | None = None


class AuditReport(Record, frozen=True, kw_only=True):
    """What a check of the audit chain found; ``problems`` are sentences, empty when all is well.

    ``unanchored`` counts the entries after the last anchor: a cut there cannot be seen.
    """

    entries: int
    anchors: int
    unanchored: int
    versions: int
    problems: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing was changed, removed, put in, moved or cut."""
        return not self.problems


class TraceLine(Record, frozen=True, kw_only=True):
    """One step of a walk back: what it is (``run``), its name for people, and its full identity."""

    what: str
    text: str
    identity: str = ""
