"""G007 Reproducible."""

from __future__ import annotations

from lapwise.core.evidence import Evidence
from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.model import Gate, Need

__all__ = ["Reproducible"]


class Reproducible(Gate, frozen=True, tag="G007"):
    """Training again from the record gives the same model.

    What it does:
        Reads a second training in a fresh process, with the cache off and another hash seed.
        Passes only if it gave the same digest.
    Why:
        What cannot be made again cannot be mended, audited or trusted to be what was tested.

    Example:
        ``Reproducible()``
    Statistics:
        None: equal or not. Pineau et al., *Improving Reproducibility in Machine Learning Research*,
        JMLR 22, 2021.
    """

    @property
    def needs(self) -> frozenset[Need]:
        """Return the second training."""
        return frozenset({"reproduction"})

    def __call__(self, evidence: Evidence) -> Verdict:
        """Judge the second training."""
        again = evidence.reproduction
        status: VerdictStatus = "failed"
        if again is None:
            sentence = "The training was not repeated."
        elif again.error:
            sentence = f"The second training failed: {again.error}"
        elif again.equal:
            status = "passed"
            sentence = (
                f"A second training in a fresh process gave the same model {again.first[:12]} "
                f"in {again.seconds:.1f} s."
            )
        else:
            sentence = (
                f"A second training gave {again.second[:12]} instead of {again.first[:12]}; the first "
                f"step that differs is '{again.divergence}'. Seed whatever draws at random, and keep "
                "the order of whatever is summed."
            )
        return Verdict(gate=self.code, name=self.name, status=status, sentence=sentence)
