"""Features: what they are, who uses them, how fresh, how spread, and whether they were proven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lapwise.core.clock import SystemWorldClock
from lapwise.core.duration import format_duration
from lapwise.core.errors import NotFoundError
from lapwise.loop.changed import changed
from lapwise.loop.describing import (
    definition_of,
    describe_all,
    differences_of,
    find_described,
    product_time,
)
from lapwise.loop.spread import value_text
from lapwise.server.feature_figures import Bar, bars, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lapwise.core.feature import FeatureSummary, Verification
    from lapwise.loop.describing import DescribedFeature, DescribedView
    from lapwise.store.model import Store

__all__ = ["feature_page", "features_page", "last_proof", "world_time"]

_USERS = 30
_VERSIONS = 30


def world_time(store: Store, loop: str | None) -> int:
    """Return what time it is for a product, or without one for all: replayed ones have their own."""
    clock = SystemWorldClock().now()
    loops = [loop] if loop else sorted({one.loop for one in store.features.list()})
    return product_time(store, loops, clock)


def last_proof(store: Store, model: str) -> Verification | None:
    """Return the last verification of a model, or None."""
    return next(iter(store.features.proofs(model, limit=1)), None)


def features_page(store: Store, *, loop: str, former: bool) -> dict[str, Any]:
    """Return the facts of the page of all features.

    Args:
        store: where everything is.
        loop: only what this one declares; empty for all.
        former: also versions that no page declares any more.
    """
    named = loop or None
    found = describe_all(store, now=world_time(store, named), loop=named, former=former)
    return {
        "loop_name": loop,
        "former": former,
        "rows": [(one, standing(one)) for one in found],
        "proof": last_proof(store, loop) if loop else None,
    }


def feature_page(
    store: Store, name: str, *, loop: str, version: str, feature: str
) -> dict[str, Any]:
    """Return the facts of a feature's page.

    Args:
        store: where everything is.
        name: of a view or of on-demand functions, or of one of their features.
        loop: whose, where several loops have different ones of one name; empty for all.
        version: the first digits of the version to show; unknown or empty, the one declared now.
        feature: whose distribution to draw; unknown or empty, the first that has one.

    Raises:
        NotFoundError: nothing bears that name.
    """
    named = loop or None
    found = find_described(store, name, now=world_time(store, named), loop=named)
    one = next((v for v in found if version and v.declared.digest.startswith(version)), found[0])
    if version and not one.declared.digest.startswith(version):
        raise NotFoundError(
            "there is no version that begins so",
            expected=", ".join(v.declared.digest[:12] for v in found[:5]),
            fix="lapwise features show NAME",
        )
    asked = feature or (name if name != one.declared.name else "")
    lines = [_line(each) for each in one.features]
    drawn = next((line for line in lines if line.name == asked and line.bars), None)
    drawn = drawn or next((line for line in lines if line.bars), None)
    definition = definition_of(store, one)
    return {
        "product": loop or (one.loops[0] if len(one.loops) == 1 else ""),
        "one": one,
        "loop_name": loop,
        "standing": standing(one),
        "definition": definition,
        "declared_text": _declared_text(definition),
        "grain": format_duration(definition.grain) if definition and definition.grain > 1 else "",
        "lines": lines,
        "drawn": drawn,
        "figure": spread(drawn.summary) if drawn and drawn.summary else None,
        "versions": [
            (each, standing(each), changed(store, one, each)) for each in found[:_VERSIONS]
        ],
        "users": one.users[:_USERS],
        "more": max(0, len(one.users) - _USERS),
        "differences": differences_of(store, one),
        "trained": next((use for use in one.users if use.frame == one.frame), None),
    }


def standing(one: DescribedView) -> str:
    """Return what people first ask: which stage the versions that use it have reached."""
    return one.served[0].stage if one.served else ""


@dataclass(frozen=True, slots=True)
class _Line:
    """One feature as its row shows it; texts are empty where they say nothing."""

    name: str
    words: str
    summary: FeatureSummary | None
    null_share: float | None
    bars: Sequence[Bar]
    least: str = ""
    median: str = ""
    greatest: str = ""
    mean: str = ""


def _line(each: DescribedFeature) -> _Line:
    summary = each.summary
    if summary is None:
        return _Line(each.name, each.words, None, None, ())

    def text(value: float | None) -> str:
        return "" if value is None else value_text(summary.dtype, value)

    return _Line(
        name=each.name,
        words=each.words,
        summary=summary,
        null_share=each.null_share,
        bars=bars(summary),
        least=text(summary.minimum),
        median=text(dict(summary.quantiles).get(0.5)),
        greatest=text(summary.maximum),
        mean=text(summary.mean),
    )


def _declared_text(definition: Any) -> str:
    if definition is None:
        return ""
    from lapwise.features.words import declared_text

    return declared_text(definition)
