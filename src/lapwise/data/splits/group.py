"""Split by group: all rows of a group are in one part, for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lapwise.core.errors import DeclarationError
from lapwise.data.splits.shares import check_shares

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.model import Split
    from lapwise.store.model import Store

__all__ = ["GroupSplit"]


@dataclass(frozen=True, slots=True)
class GroupSplit:
    """Put whole groups into a part by the hash of their name, so that no row ever moves.

    Args:
        by: the column or columns that name a group; rows without one are a group of their own.
        validation: the share of groups that validate.
        test: the share of groups that test.

    Raises:
        DeclarationError: a share is not above 0, or nothing is left to train on.

    >>> GroupSplit(by="tailnum").columns
    ('tailnum',)
    """

    by: str | tuple[str, ...]
    validation: float = 0.15
    test: float = 0.15

    def __post_init__(self) -> None:
        """Check the declaration."""
        check_shares(self.validation, self.test)
        if not self.columns:
            raise DeclarationError("a group split must say its group", expected='by="tailnum"')

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of examples that the split needs besides row, time and label."""
        return (self.by,) if isinstance(self.by, str) else tuple(self.by)

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
        """Return the frozen split of examples; ``salt`` is the loop's name.

        Raises:
            DataError: a column of ``by`` is missing or of a type without a stable text, a part is
                empty, or a row would move backward from ``previous`` (the shares changed).
        """
        from lapwise.data.splits.hashing import assign_by_hash

        return assign_by_hash(
            examples,
            store,
            kind="group",
            by=self.columns,
            row=row,
            salt=salt,
            shares=(self.validation, self.test),
            previous=previous,
        )
