"""Split by key: each row is in a part by the hash of its name, for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lapwise.data.splits.shares import check_shares

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.model import Split
    from lapwise.store.model import Store

__all__ = ["KeySplit"]


@dataclass(frozen=True, slots=True)
class KeySplit:
    """Put each row into a part by the hash of its name, so that none ever moves.

    Right only where rows are independent of each other; else split by time or group.

    Args:
        validation: the share of rows that validate.
        test: the share of rows that test.

    Raises:
        DeclarationError: a share is not above 0, or nothing is left to train on.
    """

    validation: float = 0.15
    test: float = 0.15

    def __post_init__(self) -> None:
        """Check the declaration."""
        check_shares(self.validation, self.test)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of examples that the split needs besides row, time and label."""
        return ()

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
            DataError: the row's type has no stable text, a part is empty, or a row would move
                backward from ``previous`` (the shares changed).
        """
        from lapwise.data.splits.hashing import assign_by_hash

        return assign_by_hash(
            examples,
            store,
            kind="key",
            by=(row,),
            row=row,
            salt=salt,
            shares=(self.validation, self.test),
            previous=previous,
        )
