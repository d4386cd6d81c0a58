"""G005 Gap."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import msgspec

from lapwise.core.errors import DeclarationError
from lapwise.core.evidence import Evidence
from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.metrics import find_metric
from lapwise.gates.model import Gate, Undecided, check_confidence

if TYPE_CHECKING:
    from lapwise.gates.bootstrap import Measured, Resampled
    from lapwise.gates.sample import Sample

__all__ = ["Gap"]


class Gap(Gate, frozen=True, tag="G005"):
    """The candidate treats the groups of a column alike, within a limit.

    What it does:
        Measures ``metric`` in each group and takes the widest difference between two of them.
        Passes when every pair's difference is surely within ``max``, fails when one is surely
        beyond, and cannot tell in between or when a group has too few rows.
    Why:
        An average can be good because one group pays for another.

    Example:
        ``Gap("true_positive_rate", across="origin", max=0.15)``
    Statistics:
        The measured gap is fairlearn's ``MetricFrame.difference("between_groups")`` (equal
        opportunity: Hardt, Price & Srebro, NeurIPS 2016). Bounds are of each pair's difference by
        block bootstrap, one draw for all groups, because the widest of many differences is biased
        upward and its own bootstrap more so. All pairs must pass, each at ``confidence``
        (intersection-union); the bound that fails one is Bonferroni's over the pairs.

    Raises:
        DeclarationError: no such metric, or a number outside its range.
    """

    metric: str
    across: str
    max: float
    min_rows: int = 100
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Check the declaration."""
        find_metric(self.metric)
        check_confidence(self.confidence)
        if not self.max > 0:
            raise DeclarationError(
                "groups never measure exactly alike", value=self.max, expected="a limit above 0"
            )

    @property
    def slices(self) -> tuple[str, ...]:
        """Return the column of the groups."""
        return (self.across,)

    def __call__(self, evidence: Evidence) -> Verdict:
        """Judge the widest difference."""
        from lapwise.gates.sample import read

        try:
            sample = read(evidence, find_metric(self.metric), ("candidate",), by=self.across)
            groups, silent = self._measure(sample)
            pairs = [
                (one, two, groups[one].minus(groups[two]).measured())
                for one, two in combinations(groups, 2)
            ]
        except Undecided as reason:
            return reason.verdict(self.code, self.name, limit=self.max)
        if not pairs:
            told = " ".join(f"{part.name}: {part.sentence}" for part in silent)
            lone = Undecided(
                "cannot_tell",
                f"A gap needs two groups of {self.across} that can be measured; "
                f"there are {len(groups)}. {told}".rstrip(),
                rows=sample.rows,
            )
            return lone.verdict(self.code, self.name, limit=self.max)
        return self._verdict(sample, groups, pairs, silent)

    def _measure(self, sample: Sample) -> tuple[dict[str, Resampled], list[Verdict]]:
        """Return the groups that can be measured, and verdicts on those that cannot."""
        import numpy as np

        from lapwise.gates.bootstrap import draw, resample
        from lapwise.gates.slices import require_rows

        weights = draw(int(sample.blocks.max()) + 1, sample.seed)
        column = sample.slices[self.across]
        groups: dict[str, Resampled] = {}
        silent = []
        for group in np.unique(column):
            name = f"{self.across}={group}"
            rows = sample.take(column == group)
            try:
                require_rows(rows, self.min_rows)
                (groups[name],) = resample(
                    find_metric(self.metric), rows, ("candidate",), weights=weights
                )
            except Undecided as reason:
                silent.append(reason.verdict(self.code, name, limit=self.max))
        return groups, silent

    def _verdict(
        self,
        sample: Sample,
        groups: dict[str, Resampled],
        pairs: list[tuple[str, str, Measured]],
        silent: list[Verdict],
    ) -> Verdict:
        from lapwise.gates.sentences import percent, show

        risk = 1 - self.confidence
        sides = [_absolute(pair) for *_, pair in pairs]
        low = max(0.0, *(side.low(risk / len(pairs)) for side in sides))
        high = max(side.high(risk) for side in sides)
        status: VerdictStatus = "failed" if low > self.max else "cannot_tell"
        if high <= self.max and not silent:
            status = "passed"
        one, two, _ = max(pairs, key=lambda pair: abs(pair[2].value))
        measured = max(side.value for side in sides)
        sentence = (
            f"{self.metric} is {show(groups[one].value)} for {one} and "
            f"{show(groups[two].value)} for {two}: {show(measured)} apart, with "
            f"{percent(self.confidence)} confidence from {show(low)} to {show(high)}; "
            f"at most {show(self.max)} is allowed."
        )
        if silent:
            sentence += " " + " ".join(f"{part.name}: {part.sentence}" for part in silent)
        parts = [
            Verdict(
                gate=self.code,
                name=name,
                status="passed" if high <= self.max else status,
                sentence=f"{self.metric} is {show(group.value)} in {group.rows} rows.",
                measured=group.value,
                rows=group.rows,
            )
            for name, group in groups.items()
        ]
        return Verdict(
            gate=self.code,
            name=self.name,
            status=status,
            sentence=sentence,
            measured=measured,
            limit=self.max,
            low=low,
            high=high,
            confidence=self.confidence,
            rows=sample.rows,
            parts=(*parts, *silent),
        )


def _absolute(pair: Measured) -> Measured:
    """Return the difference with the larger side taken from the smaller."""
    return msgspec.structs.replace(pair, value=abs(pair.value))
