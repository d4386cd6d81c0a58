"""G003 NoWorse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.gates.comparison import Comparison, Conclusion

if TYPE_CHECKING:
    from lapwise.gates.bootstrap import Measured

__all__ = ["NoWorse"]


class NoWorse(Comparison, frozen=True, tag="G003"):
    """The candidate is not worse than another model by more than a margin.

    What it does:
        Measures the harm to ``metric`` (positive is worse, whichever way the metric runs) against
        ``than`` on the same rows. Passes when the upper bound of the harm is within ``margin``,
        fails when its lower bound is beyond it, and cannot tell in between. ``each`` asks it of
        every value of a column. Without a production version the comparison with it does not
        apply.
    Why:
        A model can gain on the whole and fail the few: the average hides an airport.

    Example:
        ``NoWorse("roc_auc", than="production", each="origin", margin=0.02)``
    Statistics:
        Non-inferiority (Wellek, *Testing Statistical Hypotheses of Equivalence and
        Noninferiority*, 2010) by paired block bootstrap, 1000 resamples, each bound one-sided at
        ``confidence`` (``lapwise.gates.bootstrap``); over slices see ``lapwise.gates.slices``.

    Raises:
        DeclarationError: no such metric, or a number outside its range.
    """

    def conclude(self, gain: Measured, parts: int) -> Conclusion:
        """Judge the harm, which is the gain turned round."""
        from lapwise.gates.sentences import more_blocks, percent, show

        risk = 1 - self.confidence
        harm, low, high = -gain.value, -gain.high(risk / parts), -gain.low(risk)
        allowed = f"; a harm of {show(self.margin)} is allowed, and it"
        if high <= self.margin:
            sure = f"; with {percent(self.confidence)} confidence the harm is at most {show(high)}."
            return Conclusion("passed", sure, harm, low, high)
        if low > self.margin:
            return Conclusion("failed", f"{allowed} is above {show(low)}.", harm, low, high)
        ending = (
            f"{allowed} may be anything from {show(low)} to {show(high)}. "
            f"{more_blocks(gain, -self.margin, risk)}"
        )
        return Conclusion("cannot_tell", ending, harm, low, high)
