"""Filters as text, each beside what it means in plain Python: two opinions that must agree."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hypothesis import strategies as st

from lapwise.core.model import Metric, Param, Run, Scalar, Tag
from lapwise.core.tracked import RunInput
from lapwise.store.model import Store
from tests.store import making

Means: TypeAlias = Callable[["Known"], bool]
Filter: TypeAlias = tuple[str, Means]

_ACTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<>": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
TEXTS = ("", "a", "A", "ab%c", "a_c", "abc", "it's", 'say "hi"', "x\\y", "10", "9", "[a]*?", "ü")
NUMBERS = (0.0, -0.0, 0.5, 1.0, 1.5, -3.0, 1e300, math.inf, -math.inf, math.nan)
SCALARS: tuple[Scalar, ...] = (
    1,
    1.5,
    "1",
    "1.50",
    "abc",
    "ab%c",
    True,
    None,
    math.nan,
    "-3",
    2**60,
)


@dataclass
class Known:
    """A run, and what was logged to it, as a test knows it."""

    run: Run
    params: dict[str, Scalar] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    datasets: list[str] = field(default_factory=list)


def populate(store: Store, count: int = 40) -> list[Known]:
    """Keep runs that differ in everything, some of it missing; return what was kept, oldest first."""
    found = []
    for at in range(count):
        run = making.run(f"e{at % 3}")
        known = Known(store.runs.create(run))
        if at % 4:
            known.metrics["auc"] = NUMBERS[at % len(NUMBERS)]
        if at % 3:
            known.metrics["a/b c"] = NUMBERS[at * 7 % len(NUMBERS)]
        if at % 5:
            known.params["p"] = SCALARS[at % len(SCALARS)]
        if at % 6:
            known.tags["t"] = TEXTS[at % len(TEXTS)]
        known.datasets = [TEXTS[place % len(TEXTS)] for place in range(at % 3)]
        store.runs.log(
            run.id,
            metrics=[Metric(name=name, value=value) for name, value in known.metrics.items()],
            params=[Param(name=name, value=value) for name, value in known.params.items()],
            tags=[Tag(name=name, value=value) for name, value in known.tags.items()],
            inputs=[RunInput(name=name, digest="d") for name in known.datasets],
        )
        if at % 2:
            store.runs.finish(run.id, "failed" if at % 4 == 1 else "finished", 10**15 + at * 500)
        known.run = store.runs.update(run.id, name=TEXTS[at % len(TEXTS)])
        found.append(known)
    return found


def quoted(text: str, style: int) -> str:
    """Return text as a filter writes it, in one of four ways."""
    quote = "'\"'\""[style]
    text = text.replace("\\", "\\\\")
    if style < 2:
        return quote + text.replace(quote, quote * 2) + quote
    return quote + text.replace(quote, "\\" + quote) + quote


def like(text: str, pattern: str, *, folded: bool) -> bool:
    """Say whether text is like a pattern of SQL."""
    signs = re.findall(r"\\[%_\\]|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    found = "".join(
        wild.get(sign) or re.escape(sign[1] if len(sign) == 2 else sign) for sign in signs
    )
    return re.fullmatch(found, text, re.DOTALL | (re.IGNORECASE if folded else 0)) is not None


def numeric(value: Scalar) -> float | None:
    """Return what a parameter is as a number."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def compared(have: float | None, sign: str, wanted: float) -> bool:
    """Compare as numbers; NaN equals NaN, and is neither more nor less than anything."""
    nan = have is None or math.isnan(have)
    if nan or math.isnan(wanted):
        same = nan and math.isnan(wanted)
        return same if sign in {"=", "=="} else not same if sign in {"!=", "<>"} else False
    return _ACTS[sign](have, wanted)


_SIGNS = st.sampled_from(sorted(_ACTS))
_STYLES = st.integers(0, 3)
_TEXT = st.sampled_from(TEXTS)


@st.composite
def on_metrics(draw: st.DrawFn) -> Filter:
    key, name = draw(
        st.sampled_from(
            [("metrics.auc", "auc"), ("metric.`a/b c`", "a/b c"), ('metrics."a/b c"', "a/b c")]
        )
    )
    sign, wanted = draw(_SIGNS), draw(st.sampled_from(NUMBERS))
    if math.isnan(wanted) and sign[0] in "<>" and sign != "<>":
        sign = "="
    return (
        f"{key} {sign} {wanted}",
        lambda known: name in known.metrics and compared(known.metrics[name], sign, wanted),
    )


@st.composite
def on_params(draw: st.DrawFn) -> Filter:
    if draw(st.booleans()):
        sign, number = draw(_SIGNS), draw(st.sampled_from([1, 1.5, -3, 0, 2**60, -math.inf]))
        return (
            f"params.p{sign}{number}",
            lambda known: (
                "p" in known.params and compared(numeric(known.params["p"]), sign, number)
            ),
        )
    sign, text = draw(_SIGNS), draw(st.sampled_from([str(one) for one in SCALARS]))
    said = quoted(text, draw(_STYLES))
    return (
        f"parameters.`p` {sign} {said}",
        lambda known: "p" in known.params and _ACTS[sign](str(known.params["p"]), text),
    )


def _texts(known: Known, key: str) -> list[str]:
    found: dict[str, list[str]] = {
        "tags.t": [known.tags["t"]] if "t" in known.tags else [],
        "dataset.name": known.datasets,
        "name": [known.run.name],
        "attributes.run_name": [known.run.name],
        '"Run name"': [known.run.name],
        "run.experiment": [known.run.experiment],
        "parent": [],
        "status": [known.run.status],
    }
    return found[key]


_KEYS = st.sampled_from(
    [
        "tags.t",
        "dataset.name",
        "name",
        "attributes.run_name",
        '"Run name"',
        "run.experiment",
        "parent",
    ]
)


@st.composite
def on_text(draw: st.DrawFn) -> Filter:
    key, sign, text = draw(_KEYS), draw(_SIGNS), draw(_TEXT)
    said = quoted(text, draw(_STYLES))
    return f"{key} {sign} {said}", lambda known: any(
        _ACTS[sign](one, text) for one in _texts(known, key)
    )


@st.composite
def alike(draw: st.DrawFn) -> Filter:
    key = draw(_KEYS)
    pattern = draw(
        st.sampled_from(["a%", "%", "_", "A%", "%b\\%c", "a\\_c", "[a]%", "*", "%?", "x\\\\_"])
    )
    word, unlike = draw(st.sampled_from(["LIKE", "ilike"])), draw(st.booleans())
    said = quoted(pattern, draw(_STYLES))
    return f"{key} {'NOT ' if unlike else ''}{word} {said}", lambda known: any(
        like(one, pattern, folded=word == "ilike") is not unlike for one in _texts(known, key)
    )


@st.composite
def among(draw: st.DrawFn) -> Filter:
    key, texts = draw(_KEYS), draw(st.lists(_TEXT, min_size=1, max_size=3))
    outside = draw(st.booleans())
    said = ", ".join(quoted(text, draw(_STYLES)) for text in texts)
    return f"{key} {'not in' if outside else 'IN'} ({said})", lambda known: any(
        (one in texts) is not outside for one in _texts(known, key)
    )


@st.composite
def missing(draw: st.DrawFn) -> Filter:
    keys: dict[str, Means] = {
        "metrics.auc": lambda known: "auc" not in known.metrics,
        "params.p": lambda known: "p" not in known.params,
        "tags.t": lambda known: "t" not in known.tags,
        "dataset.name": lambda known: not known.datasets,
        "ended": lambda known: known.run.ended is None,
        "end_time": lambda known: known.run.ended is None,
    }
    key = draw(st.sampled_from(sorted(keys)))
    there = draw(st.booleans())
    return f"{key} IS {'NOT ' if there else ''}NULL", lambda known: keys[key](known) is not there


@st.composite
def on_attributes(draw: st.DrawFn) -> Filter:
    sign = draw(_SIGNS)
    choices: list[tuple[str, Callable[[Run], float | None], float]] = [
        ("number", lambda run: run.number, draw(st.sampled_from([7, 19.5, 10**18, math.inf]))),
        ("ended", lambda run: run.ended, 10**15 + draw(st.integers(0, 40)) * 500),
        (
            "attribute.end_time",
            lambda run: None if run.ended is None else run.ended // 1000,
            10**12 + draw(st.integers(0, 40)),
        ),
    ]
    key, read, wanted = draw(st.sampled_from(choices))
    return (
        f"{key}{sign}{wanted}",
        lambda known: (have := read(known.run)) is not None and _ACTS[sign](have, wanted),
    )


@st.composite
def on_status(draw: st.DrawFn) -> Filter:
    text = draw(
        st.sampled_from(["running", "RUNNING", "FINISHED", "failed", "FAILED", "SCHEDULED"])
    )
    sign = draw(st.sampled_from(["=", "!="]))
    return f"status {sign} '{text}'", lambda known: _ACTS[sign](known.run.status, text.lower())


def _all(parts: tuple[Filter, Filter]) -> Filter:
    (one, means_one), (two, means_two) = parts
    return f"{one} AND {two}", lambda known: means_one(known) and means_two(known)


def _any(parts: tuple[Filter, Filter]) -> Filter:
    (one, means_one), (two, means_two) = parts
    return f"({one} or {two})", lambda known: means_one(known) or means_two(known)


def _not(part: Filter) -> Filter:
    one, means = part
    return f"NOT ({one})", lambda known: not means(known)


FILTERS: st.SearchStrategy[Filter] = st.recursive(
    st.one_of(
        on_metrics(),
        on_params(),
        on_text(),
        alike(),
        among(),
        missing(),
        on_attributes(),
        on_status(),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(_all), st.tuples(inner, inner).map(_any), inner.map(_not)
    ),
    max_leaves=6,
)
