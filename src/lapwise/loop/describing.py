"""What is known of features, for people: who declares and uses them, how fresh, spread and proven.

It reads records only, and loads nothing that computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from lapwise.core.digest import Digest
from lapwise.core.errors import AccessError, NotFoundError
from lapwise.core.feature import (
    Declared,
    DifferentVector,
    FeatureSummary,
    FeatureUse,
    Verification,
    ViewFreshness,
)
from lapwise.core.model import Record
from lapwise.loop.spread import read_spread
from lapwise.store.nearest import nearest

if TYPE_CHECKING:
    from lapwise.features import ViewDefinition
    from lapwise.store.model import Store

__all__ = [
    "DescribedFeature",
    "DescribedView",
    "Proof",
    "definition_of",
    "describe",
    "describe_all",
    "differences_of",
    "find_described",
    "product_time",
]

_DAY = 86_400_000_000
_PROOFS = 20
_USERS = 100
_FRAMES = 5


class Proof(Record, frozen=True, kw_only=True):
    """The last verification that compared a version: ``rows`` vectors, of which some ``differ``.

    ``differ`` counts the values of this version's features that are not what the tables say.
    """

    id: str
    model: str
    number: int
    at: int
    rows: int
    equal: int
    differ: int
    damaged: int = 0


class DescribedFeature(Record, frozen=True, kw_only=True):
    """One feature: how it is made, in words, and how its values were spread in training."""

    name: str
    words: str = ""
    summary: FeatureSummary | None = None

    @property
    def null_share(self) -> float | None:
        """The share of training examples without a value; None where that is not known."""
        return None if self.summary is None else self.summary.null_share


class DescribedView(Record, frozen=True, kw_only=True):
    """One version of a view or of on-demand features, with all that is known of it.

    ``loops`` declare it now; empty if it is a former version. ``behind`` is how far the online store
    is behind the product's time; None for on-demand features and for what is not online. ``frame`` is
    the feature frame whose spread is told, of the newest version trained on it.
    """

    declared: Declared
    loops: tuple[str, ...]
    owner: str
    features: tuple[DescribedFeature, ...]
    users: tuple[FeatureUse, ...] = ()
    freshness: ViewFreshness | None = None
    behind: int | None = None
    proof: Proof | None = None
    frame: Digest | None = None

    @property
    def is_current(self) -> bool:
        """Whether a page declares this version now."""
        return bool(self.loops)

    @property
    def null_share(self) -> float | None:
        """The greatest share of missing values among its features; None where it is not known."""
        known = [one.null_share for one in self.features if one.null_share is not None]
        return max(known, default=None)

    @property
    def served(self) -> tuple[FeatureUse, ...]:
        """The versions that answer users now, or are on their way to; production first."""
        return tuple(one for one in self.users if one.stage in _SERVED)


_SERVED = ("production", "canary", "staging")


def _far_from_users(use: FeatureUse) -> int:
    return _SERVED.index(use.stage) if use.stage in _SERVED else len(_SERVED)


def describe_all(
    store: Store, *, now: int, loop: str | None = None, former: bool = False
) -> tuple[DescribedView, ...]:
    """Return what loops declare or users are answered by, by name; with ``former`` all else too.

    Args:
        store: where everything is.
        now: the time by which what is online is behind.
        loop: only what this one declares.
        former: also earlier versions that nobody is answered by.
    """
    said = store.features.list(loop)
    found = describe(store, said, now=now)
    kept = [one for one in found if former or one.is_current or one.served]
    return tuple(sorted(kept, key=lambda one: (one.declared.kind != "view", one.declared.name)))


def find_described(
    store: Store, name: str, *, now: int, loop: str | None = None
) -> tuple[DescribedView, ...]:
    """Return all versions of a view or of on-demand features, what is declared now first.

    Args:
        store: where everything is.
        name: of the view or function, or of one of its features.
        now: the time by which what is online is behind.
        loop: only what this one declares or declared.

    Raises:
        NotFoundError: nothing bears that name; the error lists the near ones.
    """
    said = store.features.list(loop, name=name)
    if not said:
        every = store.features.list(loop)
        names = {one.name for one in every if name in one.features}
        if not names:
            raise _unknown(name, every)
        said = [one for one in every if one.name in names]
    found = describe(store, said, now=now)
    return tuple(sorted(found, key=lambda one: not one.is_current))


def describe(
    store: Store,
    said: Sequence[Declared],
    *,
    now: int,
    turns: Mapping[str, int] | None = None,
    fresh: Mapping[Digest, ViewFreshness] | None = None,
) -> tuple[DescribedView, ...]:
    """Return all that is known of versions that loops declare or declared, each once.

    Args:
        store: where everything is.
        said: what loops say, the latest said first.
        now: the time by which what is online is behind.
        turns: for each loop the turn from which on a version is declared now; default: its last.
        fresh: how fresh views are online by digest, where that was just looked at; else as noted.
    """
    reading = _Reading(store, now, turns if turns is not None else _newest_turns(store, said))
    by_digest: dict[Digest, list[Declared]] = {}
    for one in said:
        by_digest.setdefault(one.digest, []).append(one)
    noted = dict(fresh) if fresh is not None else _noted(store)
    return tuple(
        reading.describe(declared, noted.get(digest)) for digest, declared in by_digest.items()
    )


def product_time(store: Store, loops: Iterable[str], clock: int) -> int:
    """Return what time it is for products: the clock's, unless they live in another time.

    A product that is replayed stands where its last lap, deployment or note stands.

    Args:
        store: where everything is.
        loops: names of the products.
        clock: the time now.
    """
    seen: list[int] = []
    for loop in loops:
        laps = store.laps.list(loop, limit=1)
        if not laps or abs(laps[0].started - laps[0].as_of) < _DAY:
            return clock
        newest = store.deployments.newest(loop)
        seen += [laps[0].as_of, *([newest.at] if newest else [])]
        seen += [one.noted for one in store.features.freshness(loop)]
        seen += [one.end or 0 for one in store.features.proofs(loop, limit=1)]
    return max(seen, default=clock)


def _newest_turns(store: Store, said: Sequence[Declared]) -> dict[str, int]:
    loops = dict.fromkeys(one.loop for one in said)
    found = {}
    for loop in loops:
        newest = store.features.list(loop, limit=1)
        found[loop] = newest[0].turn if newest else 0
    return found


def _noted(store: Store) -> dict[Digest, ViewFreshness]:
    found: dict[Digest, ViewFreshness] = {}
    for one in store.features.freshness():
        if one.digest not in found or one.latest > found[one.digest].latest:
            found[one.digest] = one
    return found


class _Reading:
    """Reads what several versions share once: frames' summaries, and models' verifications."""

    def __init__(self, store: Store, now: int, turns: Mapping[str, int]) -> None:
        self._store = store
        self._now = now
        self._turns = turns
        self._frames: dict[Digest, dict[str, FeatureSummary]] = {}
        self._proofs: dict[str, Sequence[Verification]] = {}

    def describe(
        self, declared: Sequence[Declared], freshness: ViewFreshness | None
    ) -> DescribedView:
        """Return all that is known of one version, by what loops say of it, the latest said first."""
        latest = declared[0]
        users = tuple(self._store.features.users(latest.digest, limit=_USERS))
        frame, summaries = self._newest_summaries(users)
        words = latest.words or ("",) * len(latest.features)
        now_in = {one.loop for one in declared if one.turn >= self._turns.get(one.loop, 0)}
        models = dict.fromkeys([*(one.model for one in users), *(one.loop for one in declared)])
        return DescribedView(
            declared=latest,
            loops=tuple(sorted(now_in)),
            owner=latest.owner,
            features=tuple(
                DescribedFeature(name=name, words=said, summary=summaries.get(name))
                for name, said in zip(latest.features, words, strict=True)
            ),
            users=tuple(sorted(users, key=_far_from_users)),
            freshness=freshness,
            behind=None if freshness is None else max(0, self._now - freshness.latest),
            proof=self._proof(latest, models),
            frame=frame,
        )

    def _newest_summaries(
        self, users: Sequence[FeatureUse]
    ) -> tuple[Digest | None, dict[str, FeatureSummary]]:
        """Return the frame of the newest version that learnt from it, and how that is spread."""
        for frame in list(dict.fromkeys(one.frame for one in users if one.frame))[:_FRAMES]:
            if found := self._summaries(frame):
                return frame, found
        return None, {}

    def _summaries(self, frame: Digest) -> dict[str, FeatureSummary]:
        if frame not in self._frames:
            found = read_spread(self._store, frame)  # older frames have none
            kept = found.features if found else ()
            self._frames[frame] = {one.feature: one for one in kept}
        return self._frames[frame]

    def _proof(self, declared: Declared, models: Iterable[str]) -> Proof | None:
        newest: Proof | None = None
        for model in models:
            if model not in self._proofs:
                self._proofs[model] = self._store.features.proofs(model, limit=_PROOFS)
            one = next((p for p in self._proofs[model] if _compares(p, declared.digest)), None)
            if one is not None and (newest is None or one.id > newest.id):
                newest = _proof_of(one, declared)
        return newest


def _compares(proof: Verification, digest: Digest) -> bool:
    return any(part.digest == digest for part in proof.views)


def _proof_of(one: Verification, declared: Declared) -> Proof:
    names = set(declared.features)
    return Proof(
        id=one.id,
        model=one.model,
        number=one.number,
        at=one.at,
        rows=one.rows,
        equal=one.equal,
        differ=sum(count.rows for count in one.by_feature if count.feature in names),
        damaged=one.damaged,
    )


def differences_of(store: Store, view: DescribedView) -> tuple[DifferentVector, ...]:
    """Return the first differences that the last verification of a version found in its features."""
    if view.proof is None:
        return ()
    names = set(view.declared.features)
    for one in store.features.proofs(view.proof.model, limit=_PROOFS):
        if one.id == view.proof.id:
            return tuple(found for found in one.differences if found.feature in names)
    return ()


def definition_of(store: Store, view: DescribedView) -> ViewDefinition | None:
    """Return a view as it was declared; None for on-demand features, and if it is gone.

    Raises:
        CorruptError: what is kept of it is another view.
    """
    from lapwise.features.definition import load_view

    if view.declared.kind != "view":
        return None
    try:
        return load_view(view.declared.digest, store.records)
    except (NotFoundError, AccessError):
        return None


def _unknown(name: str, every: Sequence[Declared]) -> NotFoundError:
    known = sorted({one.name for one in every} | {f for one in every for f in one.features})
    if not known:
        return NotFoundError(
            "no features were declared yet", value=name, fix="lapwise features list page.py"
        )
    return NotFoundError(
        "no view, on-demand function or feature bears this name",
        value=name,
        expected=nearest(name, known),
        fix="lapwise features list",
    )
