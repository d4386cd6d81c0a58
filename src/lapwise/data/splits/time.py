"""Split by time: the past trains, the newest weeks whose labels have come are the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lapwise.core.duration import format_duration, parse_duration
from lapwise.core.errors import DeclarationError

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.model import Split
    from lapwise.store.model import Store

__all__ = ["DELAY_QUANTILE", "TimeSplit", "boundaries"]

DELAY_QUANTILE = 0.99
"""The embargo must cover the label delay of this share of examples. The others do not leak: a row
whose label was known only after the next part began is left out whatever the embargo."""

_DAY = 86_400_000_000
_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Train on the past, validate and test on what came after, with a gap before each.

    Counting back from the lap's time: a gap of ``embargo`` in which labels are still awaited, the
    test part, a gap, the validation part, a gap, and everything before trains::

        train ... | embargo | validation | embargo | test | embargo | as_of

    With ``train="120d"`` only the newest 120 days of the past train: examples before them are not
    looked at, nor are their features computed. A world that changes is learnt from its recent past,
    and what a lap costs no longer grows with the years.

    If all durations are whole days, the parts begin and end at midnight UTC.
    A row is in a part if its time is inside and, for train and validation, its label was known
    before the next part's first instant.

    Args:
        validation: how long the validation part is.
        test: how long the test part is.
        embargo: the gap; at least the time after which 99 in 100 labels are known.
        train: how long the training part is at most; empty: as long as there are examples.

    Raises:
        DeclarationError: a part has no length, or something is not a duration.

    >>> TimeSplit(validation="7d", test="7d", embargo="1d").columns
    ()
    """

    validation: str
    test: str
    embargo: str = "0s"
    train: str = ""

    def __post_init__(self) -> None:
        """Check the declaration."""
        parse_duration(self.embargo)
        parts = {"validation": self.validation, "test": self.test}
        if self.train:
            parts["train"] = self.train
        for name, text in parts.items():
            if parse_duration(text) <= 0:
                raise DeclarationError(f"the {name} part must last", value=text, expected="'7d'")

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of examples that the split needs besides row, time and label."""
        return ()

    def since(self, as_of: int) -> int | None:
        """Return the first instant whose examples the split looks at; None: all are looked at."""
        return boundaries(self, as_of)[0][0]

    def assign(
        self,
        examples: pl.DataFrame,
        store: Store,
        *,
        row: str,
        as_of: int,
        salt: str = "",
        previous: Split | None = None,
    ) -> Split:
        """Return the frozen split of examples as :func:`lapwise.data.examples.build_examples` gives.

        Raises:
            DeclarationError: the embargo is shorter than the label delay; says which would do.
            DataError: a part is empty, or a row would move backward from ``previous``.
        """
        import polars as pl

        from lapwise.data.splits.assignment import freeze

        train, validation, test = boundaries(self, as_of)
        if train[0] is not None:  # the same split, whether or not earlier examples were given
            examples = examples.filter(pl.col("time").to_physical() >= train[0])
        self._check_embargo(examples, end=test[1])
        time, known = pl.col("time").to_physical(), pl.col("label_known").to_physical()
        part = (
            pl.when((time < train[1]) & (known < validation[0]))
            .then(pl.lit("train"))
            .when(time.is_between(*validation, closed="left") & (known < test[0]))
            .then(pl.lit("validation"))
            .when(time.is_between(*test, closed="left"))
            .then(pl.lit("test"))
        )
        parted = examples.select(
            pl.col(row).alias("row"),
            pl.col("time"),
            pl.col("label").is_not_null().alias("labelled"),
            part.alias("part"),
        )
        return freeze(
            parted,
            store,
            kind="time",
            bounds=(train, validation, test),
            embargo=parse_duration(self.embargo),
            previous=previous,
        )

    def _check_embargo(self, examples: pl.DataFrame, *, end: int) -> None:
        """Refuse an embargo in which too few labels come.

        Only examples before the end of the test part count: of later ones, only quick labels have
        come yet, and they would make the delay look short.
        """
        import polars as pl

        time = pl.col("time").to_physical()
        delays = examples.filter((time < end) & pl.col("label_known").is_not_null()).select(
            pl.col("label_known").to_physical() - time
        )
        delay = delays.to_series().quantile(DELAY_QUANTILE, interpolation="higher")
        embargo = parse_duration(self.embargo)
        if delay is None or delay <= embargo:
            return
        grain = _DAY if _whole_days(self) else _HOUR
        enough = format_duration(-(-int(delay) // grain) * grain)
        raise DeclarationError(
            "the embargo is shorter than the label delay: it takes"
            f" {format_duration(-(-int(delay) // 60_000_000) * 60_000_000)} until"
            f" {DELAY_QUANTILE:.0%} of labels are known",
            value=self.embargo,
            expected=f"at least {enough}",
            fix="lw.TimeSplit("
            + (f'train="{self.train}", ' if self.train else "")
            + f'validation="{self.validation}", test="{self.test}", embargo="{enough}")',
        )


def boundaries(
    split: TimeSplit, as_of: int
) -> tuple[tuple[int | None, int], tuple[int, int], tuple[int, int]]:
    """Return start and end of train, validation and test, in microseconds; starts are inclusive.

    The start of train is None if all of the past trains.
    """
    embargo = parse_duration(split.embargo)
    end = as_of - embargo
    if _whole_days(split):
        end -= end % _DAY
    start = end - parse_duration(split.test)
    before = start - embargo
    first = before - parse_duration(split.validation)
    until = first - embargo
    begin = until - parse_duration(split.train) if split.train else None
    return (begin, until), (first, before), (start, end)


def _whole_days(split: TimeSplit) -> bool:
    declared = (split.train, split.validation, split.test, split.embargo)
    durations = (parse_duration(text) for text in declared if text)
    return all(duration % _DAY == 0 for duration in durations)
