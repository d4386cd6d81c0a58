"""What the log says of a rollout at one moment, in numbers: all that a decision rests on."""

from __future__ import annotations

from lapwise.core.model import Record
from lapwise.rollout.confidence import Moments

__all__ = ["CanaryCounts", "ShadowCounts", "Sides", "Summary"]


class Sides(Record, frozen=True, kw_only=True):
    """How many units met something first as the candidate's, and how many as production's.

    In a shadow: for how many the first pair that differs spoke against the candidate, or for it.
    """

    candidate: int = 0
    control: int = 0


class ShadowCounts(Record, frozen=True, kw_only=True):
    """Pairs of answers to the same rows, per unit.

    ``failed`` counts units for whom only the shadow ever failed at a row (candidate) and for whom
    only production did (control), and ``failing`` sums their shares of such rows;
    ``first_failures`` and ``first_mistakes`` the side of each unit's first pair that differs.
    ``harm`` has the moments of each unit's mean loss, candidate minus production; ``loss`` is
    production's mean loss. ``changed`` has those of each unit's share of decisions that differ.
    ``unpaired`` rows were answered by one of the two only, so far.
    """

    pairs: int = 0
    units: int = 0
    labelled: int = 0
    unpaired: int = 0
    failed: Sides = Sides()
    failing: tuple[float, float] = (0.0, 0.0)
    first_failures: Sides = Sides()
    first_mistakes: Sides = Sides()
    harm: Moments = Moments()
    loss: float = 0.0
    changed: Moments = Moments()


class CanaryCounts(Record, frozen=True, kw_only=True):
    """One step of a canary: units of the two arms. ``share`` of units are the candidate's.

    ``failed`` counts units that failed during the step, ``failing`` sums the shares of their rows
    that did. ``first_failures``, ``first_slow`` and ``assigned`` count units at their first
    failure, slow answer or row in the whole canary.
    ``candidate_loss`` and ``control_loss`` have the moments of each unit's mean loss.
    """

    weight: int
    units: Sides = Sides()
    failed: Sides = Sides()
    failing: tuple[float, float] = (0.0, 0.0)
    first_failures: Sides = Sides()
    first_slow: Sides = Sides()
    assigned: Sides = Sides()
    candidate_loss: Moments = Moments()
    control_loss: Moments = Moments()

    @property
    def share(self) -> float:
        """The share of units that are the candidate's."""
        return self.weight / 100


class Summary(Record, frozen=True, kw_only=True):
    """A rollout's evidence. ``canary`` has its steps in order, the present one last.

    ``relative`` says that losses have no scale of their own (errors of a regression), so that harm
    is a share of production's. ``scores`` are counts of scores in ten equal bins, (candidate,
    production), of the present stage. ``fused`` says why a worker took the candidate out.
    """

    shadow: ShadowCounts = ShadowCounts()
    canary: tuple[CanaryCounts, ...] = ()
    decided: bool = True
    relative: bool = False
    timed: bool = False
    scores: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    fused: str = ""
