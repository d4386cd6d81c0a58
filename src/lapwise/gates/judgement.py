"""Judging: all gates over one piece of evidence, and what follows from their verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from lapwise.core.errors import GateError
from lapwise.core.evidence import Evidence
from lapwise.core.model import Verdict
from lapwise.gates.metrics import find_metric
from lapwise.gates.model import Gate, Undecided

__all__ = ["Decision", "decide", "judge", "measure_metric"]

Decision: TypeAlias = Literal["passed", "hold", "failed"]


def judge(gates: Iterable[Gate], evidence: Evidence) -> tuple[Verdict, ...]:
    """Return each gate's verdict, in the order of the gates.

    The same gates and evidence give the same verdicts to the bit: chance comes from
    ``evidence.seed``.

    Raises:
        GateError: the evidence contradicts itself, as columns of different lengths do.
    """
    return tuple(gate(evidence) for gate in gates)


def decide(verdicts: Iterable[Verdict]) -> Decision:
    """Return what follows: any failure fails, any doubt holds, and the rest passes.

    A verdict ``not_applicable`` is shown and blocks nothing.

    >>> decide([Verdict(gate="G001", name="NoLeakage()", status="cannot_tell", sentence="")])
    'hold'
    """
    found = {verdict.status for verdict in verdicts}
    if "failed" in found:
        return "failed"
    return "hold" if "cannot_tell" in found else "passed"


def measure_metric(metric: str, evidence: Evidence, who: str = "candidate") -> float:
    """Return a metric of one model over all test rows, as the gates compute it.

    Raises:
        DeclarationError: there is no such metric.
        GateError: the evidence does not allow it; the error says why.
    """
    import numpy as np

    from lapwise.gates.sample import read
    from lapwise.gates.statistics import statistic

    try:
        sample = read(evidence, find_metric(metric), (who,), comparable=False)
    except Undecided as reason:
        raise GateError(f"{metric} of the {who} cannot be measured: {reason.sentence}") from reason
    blocks = int(sample.blocks.max(initial=0)) + 1
    return float(statistic(metric, sample, who, blocks)(np.ones((1, blocks)))[0])
