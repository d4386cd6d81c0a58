"""What every gate is: a frozen value with a code, and a function from evidence to a verdict."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import msgspec

from lapwise.core.errors import DeclarationError
from lapwise.core.evidence import Evidence
from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.metrics import directed_metric

__all__ = ["Gate", "Need", "Reference", "Undecided", "check_comparison", "check_confidence"]

Need: TypeAlias = Literal["baseline", "production", "findings", "latency", "reproduction"]
"""Evidence that costs something to collect, and is collected only when a gate asks for it."""

Reference: TypeAlias = Literal["baseline", "production"]
"""Whom a candidate is compared with."""


class Gate(msgspec.Struct, frozen=True, tag_field="gate"):
    """The parent of all gates: equal parameters are equal gates, with equal digests.

    A rule adds its parameters as fields, its code as the tag, and :meth:`__call__`.
    """

    @property
    def code(self) -> str:
        """Return the rule's number, such as ``G002``."""
        return str(type(self).__struct_config__.tag)

    @property
    def name(self) -> str:
        """Return the gate as it stands on the page, without what is left at its default."""
        shown: list[str] = []
        for field in msgspec.structs.fields(self):
            value = getattr(self, field.name)
            if not shown:
                shown.append(f"{value}")
            elif field.required or value != field.default:
                shown.append(f"{field.name}={value}")
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def needs(self) -> frozenset[Need]:
        """Return the costly evidence without which this gate cannot judge."""
        return frozenset()

    @property
    def slices(self) -> tuple[str, ...]:
        """Return the columns whose values must be among the evidence's ``slices``."""
        return ()

    def __call__(self, evidence: Evidence) -> Verdict:
        """Judge the evidence."""
        raise NotImplementedError


class Undecided(Exception):
    """Why a gate gives its verdict before anything was measured."""

    def __init__(self, status: VerdictStatus, sentence: str, *, rows: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.rows = rows

    def verdict(self, code: str, name: str, *, limit: float | None = None) -> Verdict:
        """Return the verdict of the gate, or of one part of it."""
        return Verdict(
            gate=code,
            name=name,
            status=self.status,
            sentence=self.sentence,
            rows=self.rows,
            limit=limit,
        )


def check_confidence(confidence: float) -> None:
    """Refuse a confidence at which no bound exists.

    Raises:
        DeclarationError: it is not between one half and one.
    """
    if not 0.5 < confidence < 1:
        raise DeclarationError(
            "a gate's confidence must lie between 0.5 and 1",
            value=confidence,
            expected="a share such as 0.95",
        )


def check_comparison(metric: str, than: str, margin: float, confidence: float) -> None:
    """Refuse a comparison that cannot be made.

    Raises:
        DeclarationError: no such metric, nobody to compare with, or a number outside its range.
    """
    directed_metric(metric)
    if than not in get_args(Reference):
        raise DeclarationError(
            "a candidate cannot be compared with this",
            value=than,
            expected="'baseline' or 'production'",
        )
    if not 0 <= margin < float("inf"):
        raise DeclarationError(
            "a margin is a distance in units of the metric", value=margin, expected="0 or more"
        )
    check_confidence(confidence)
