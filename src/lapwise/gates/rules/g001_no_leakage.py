"""G001 NoLeakage."""

from __future__ import annotations

from lapwise.core.evidence import Evidence, Finding
from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.model import Gate, Need

__all__ = ["NoLeakage"]

_STATUS: dict[str, VerdictStatus] = {
    "block": "failed",
    "warn": "passed",
    "clear": "passed",
    "not_applicable": "not_applicable",
}


class NoLeakage(Gate, frozen=True, tag="G001"):
    """Nothing that will not be known at prediction time has reached training or test.

    What it does:
        Reads the findings of the leakage rules (duplicate rows, shared units, time order, embargo,
        a feature that gives the label away, a source row known only with the label, a table that
        knows the label too soon). A finding that blocks fails the gate; one that warns is shown
        and passes.
    Why:
        A leak makes every other number of the lap look good, and only production finds out.

    Example:
        ``NoLeakage()``
    Statistics:
        None here; each rule states its own. Taxonomy: Kapoor & Narayanan, *Leakage and the
        reproducibility crisis in machine-learning-based science*, Patterns 4(9), 2023.
    """

    @property
    def needs(self) -> frozenset[Need]:
        """Return the findings of the leakage rules."""
        return frozenset({"findings"})

    def __call__(self, evidence: Evidence) -> Verdict:
        """Judge the findings; none at all means that nobody looked, which fails."""
        findings = evidence.findings
        if not findings:
            return Verdict(
                gate=self.code,
                name=self.name,
                status="failed",
                sentence="No leakage rule was run, so nothing is known.",
            )
        blocking = [found for found in findings if found.severity == "block"]
        warnings = [found for found in findings if found.severity == "warn"]
        if blocking:
            sentence = " ".join(_tell(found) for found in blocking)
        elif warnings:
            sentence = f"Nothing blocks. Look at: {' '.join(_tell(found) for found in warnings)}"
        else:
            sentence = f"{len(findings)} leakage rules found nothing."
        return Verdict(
            gate=self.code,
            name=self.name,
            status="failed" if blocking else "passed",
            sentence=sentence,
            measured=float(len(blocking)),
            limit=0.0,
            parts=tuple(
                Verdict(
                    gate=self.code,
                    name=f"{found.rule} {found.name}".rstrip(),
                    status=_STATUS[found.severity],
                    sentence=found.sentence,
                    rows=found.rows,
                )
                for found in findings
            ),
        )


def _tell(found: Finding) -> str:
    return f"{found.rule}: {found.sentence}"
