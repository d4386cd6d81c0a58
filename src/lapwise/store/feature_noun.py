"""What the store offers of features: who declares them, who uses them, how fresh, how proven."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lapwise.core.digest import Digest
from lapwise.core.feature import Declared, FeatureUse, Verification, ViewFreshness

__all__ = ["Features"]


class Features(Protocol):
    """Definitions by the loops that declare them; the definitions themselves are records."""

    def declare(self, declared: Sequence[Declared]) -> None:
        """Keep what a page declares now, by (loop, digest), in one transaction.

        All get one ``turn``, greater than any before. Of what was declared before, the ``declared``
        time stays, and the rest is as said now.
        """
        ...

    def list(
        self, loop: str | None = None, *, name: str | None = None, limit: int = 1000
    ) -> Sequence[Declared]:
        """Return what loops declare and declared, the latest said first, then by name."""
        ...

    def users(self, digest: Digest, *, limit: int = 100) -> Sequence[FeatureUse]:
        """Return the model versions that were trained on a definition, newest first."""
        ...

    def note(self, seen: Sequence[ViewFreshness]) -> None:
        """Keep how fresh views are online, by (loop, digest); what was noted before is replaced."""
        ...

    def freshness(
        self, loop: str | None = None, *, digest: Digest | None = None, limit: int = 1000
    ) -> Sequence[ViewFreshness]:
        """Return how fresh views were when last noted, the latest noted first."""
        ...

    def prove(self, verification: Verification) -> Verification:
        """Keep a verification, and give it its ``number`` in its model; same id, the one there."""
        ...

    def proofs(
        self, model: str | None = None, *, limit: int = 100, after: str = ""
    ) -> Sequence[Verification]:
        """Return verifications, newest first; those that come after the one with the id ``after``.

        Of a model the last done comes first, of all models the latest in the world's time.
        """
        ...
