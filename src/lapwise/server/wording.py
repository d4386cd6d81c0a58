"""How records read on a page: times, numbers, names, and the colours of states."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from lapwise.core.clock import format_time
from lapwise.core.model import Scalar

__all__ = [
    "FILTERS",
    "amount",
    "behind",
    "bounds",
    "count",
    "day",
    "distance",
    "metric_name",
    "moment",
    "scalar",
    "seconds",
    "short",
    "span",
    "times",
    "tone",
    "why",
    "words",
]

_MINUTE = 60
_HOUR = 3600
_DAY_MICROSECONDS = 86_400_000_000

_ACRONYMS = {"roc_auc": "ROC AUC", "auc": "AUC", "rmse": "RMSE", "mae": "MAE", "r2": "R²"}

_FLAGS = {
    "dirty": "Some of its code was in no commit; the patch below has it.",
    "no-git": "Its code was in no repository.",
    "unpinned": "No lock file pins its packages.",
    "unseeded": "No seed was given.",
    "partial-patch": "Not all that was in no commit could be kept.",
    "uncommitted": "Its repository has no commit yet.",
}

_TONES = {
    **dict.fromkeys(
        ("production", "passed", "approved", "promoted", "harmless", "finished"), "good"
    ),
    **dict.fromkeys(("canary", "waiting", "cannot_tell", "drift", "paused", "running"), "warn"),
    **dict.fromkeys(
        ("failed", "refused", "rolled_back", "harmful", "harm", "aborted", "crashed", "died"), "bad"
    ),
    **dict.fromkeys(("staging", "shadow"), "info"),
}


def moment(at: int | None) -> str:
    """Return a time to the minute, in UTC.

    >>> moment(1_364_774_400_000_000), moment(None)
    ('2013-04-01 00:00', '–')
    """
    return "–" if at is None else format_time(at)[:16].replace("T", " ")


def day(at: int | None) -> str:
    """Return the day of a time, in UTC.

    >>> day(1_364_774_400_000_000)
    '2013-04-01'
    """
    return "–" if at is None else format_time(at)[:10]


def amount(value: float | None) -> str:
    """Return a number to four digits that count.

    >>> amount(0.741234), amount(12345.6), amount(-0.00012), amount(None)
    ('0.7412', '12,346', '−0.00012', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return text.replace("-", "−")


def count(value: int | None) -> str:
    """Return a whole number in groups of three.

    >>> count(1234567)
    '1,234,567'
    """
    return "–" if value is None else f"{value:,}"


def seconds(value: float) -> str:
    """Return a duration as people say it.

    >>> seconds(0.0421), seconds(3.25), seconds(75.2), seconds(4000)
    ('42 ms', '3.2 s', '1 min 15 s', '1 h 6 min')
    """
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < _MINUTE:
        return f"{value:.1f} s"
    whole = round(value)
    if value < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def span(microseconds: int) -> str:
    """Return a stretch of the world's time.

    >>> span(86_400_000_000), span(5_400_000_000)
    ('1 day', '1 h 30 min')
    """
    days, rest = divmod(microseconds, _DAY_MICROSECONDS)
    if days and not rest:
        return "1 day" if days == 1 else f"{days} days"
    return seconds(microseconds / 1_000_000)


def behind(microseconds: int) -> str:
    """Return how late something is, in its two largest units from minutes on; whole days from two on.

    >>> behind(720_000_000), behind(93_784_000_000), behind(180_000_000_000)
    ('12 min', '1 d 2 h', '2 d')
    """
    minutes = microseconds // 60_000_000
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"1 d {hours} h" if days == 1 and hours else f"{days:,} d"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def share(value: float | None) -> str:
    """Return a share in per cent, which is 0 or 100 only if it is so exactly.

    >>> share(0.0), share(1e-6), share(0.129), share(None)
    ('0 %', '<0.1 %', '12.9 %', '–')
    """
    if value is None:
        return "–"
    if value in (0.0, 1.0):
        return f"{value * 100:.0f} %"
    text = f"{value * 100:.1f} %"
    return {"0.0 %": "<0.1 %", "100.0 %": ">99.9 %"}.get(text, text)


def query(asked: Mapping[str, str]) -> str:
    """Return what is asked for as the end of an address; what is empty is left out.

    >>> query({"loop": "churn", "version": ""})
    '?loop=churn'
    """
    given = {name: value for name, value in asked.items() if value}
    return f"?{urlencode(given)}" if given else ""


def bounds(low: float | None, high: float | None) -> str:
    """Return an interval; one without ends is none.

    >>> bounds(-0.01, 0.02), bounds(float("-inf"), float("inf")), bounds(None, None)
    ('−0.01 to 0.02', 'unbounded', '–')
    """
    if low is None and high is None:
        return "–"
    if all(one is None or math.isinf(one) for one in (low, high)):
        return "unbounded"
    return f"{amount(low)} to {amount(high)}"


def distance(value: float | None) -> str:
    """Return a distance or an index to three digits behind the point.

    >>> distance(0.03422), distance(None)
    ('0.034', '–')
    """
    return "–" if value is None else f"{value:.3f}"


def times(value: float | None) -> str:
    """Return how many times something is another.

    >>> times(1.234), times(None)
    ('1.2×', '–')
    """
    return "–" if value is None else f"{value:.1f}×"


def short(identity: str | None) -> str:
    """Return the first twelve characters of a digest or id.

    >>> short("af1349b9f5f9a1a6")
    'af1349b9f5f9'
    """
    return (identity or "–")[:12]


def metric_name(name: str) -> str:
    """Return how a metric is written.

    >>> metric_name("roc_auc"), metric_name("log_loss")
    ('ROC AUC', 'log loss')
    """
    return _ACRONYMS.get(name, name.replace("_", " "))


def scalar(value: Scalar) -> str:
    """Return a parameter, or a metric of any kind, as its run had it.

    >>> scalar(0.7412345), scalar(7), scalar(True), scalar("adam"), scalar(None), scalar(float("nan"))
    ('0.741235', '7', 'true', 'adam', '–', 'NaN')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if math.isfinite(value):
            return f"{value:.6g}".replace("-", "−")
        return "NaN" if math.isnan(value) else amount(value)
    return str(value)


def why(flags: Sequence[str]) -> str:
    """Return what flags of a run mean, a sentence each.

    >>> why(["unseeded", "new-flag"])
    'No seed was given.'
    """
    return " ".join(_FLAGS[flag] for flag in flags if flag in _FLAGS)


def tone(state: str) -> str:
    """Return the colour class of a state: good, warn, bad, info or quiet."""
    return _TONES.get(state, "quiet")


def words(state: str) -> str:
    """Return a state as words: ``rolled_back`` is "rolled back"."""
    return state.replace("_", " ")


FILTERS: dict[str, Callable[..., Any]] = {
    "amount": amount,
    "behind": behind,
    "bounds": bounds,
    "count": count,
    "day": day,
    "distance": distance,
    "iso": format_time,
    "metric_name": metric_name,
    "moment": moment,
    "query": query,
    "seconds": seconds,
    "share": share,
    "short": short,
    "span": span,
    "scalar": scalar,
    "times": times,
    "tone": tone,
    "why": why,
    "words": words,
}
