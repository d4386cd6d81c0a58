"""G002 Better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.gates.comparison import Comparison, Conclusion

if TYPE_CHECKING:
    from lapwise.gates.bootstrap import Measured

__all__ = ["Better"]


class Better(Comparison, frozen=True, tag="G002"):
    """The candidate beats another model by more than a margin, beyond doubt.

    What it does:
        Measures the improvement of ``metric`` (positive is better, whichever way the metric runs)
        over ``than`` on the same rows. Passes when the lower bound of the improvement is above
        ``margin``, fails when its upper bound is not, and cannot tell in between. ``each`` asks it
        of every value of a column. Without a production version the comparison with it does not
        apply.
    Why:
        A change that is not shown to help is a risk without a reward.

    Example:
        ``Better("log_loss", than="production", margin=0.002, confidence=0.95)``
    Statistics:
        Paired block bootstrap, 1000 resamples, each bound one-sided at ``confidence``
        (``lapwise.gates.bootstrap``); over slices see ``lapwise.gates.slices``.

    Raises:
        DeclarationError: no such metric, or a number outside its range.
    """

    def conclude(self, gain: Measured, parts: int) -> Conclusion:
        """Judge the improvement."""
        from lapwise.gates.sentences import more_blocks, percent, show

        risk = 1 - self.confidence
        low, high = gain.low(risk), gain.high(risk / parts)
        asked = f"; a gain above {show(self.margin)} was asked, and it"
        if low > self.margin:
            sure = f"; with {percent(self.confidence)} confidence by more than {show(low)}."
            return Conclusion("passed", sure, gain.value, low, high)
        if high <= self.margin:
            return Conclusion("failed", f"{asked} is at most {show(high)}.", gain.value, low, high)
        ending = (
            f"{asked} may be anything from {show(low)} to {show(high)}. "
            f"{more_blocks(gain, self.margin, risk)}"
        )
        return Conclusion("cannot_tell", ending, gain.value, low, high)
