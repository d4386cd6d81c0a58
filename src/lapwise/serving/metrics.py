"""The counts of all processes of a server, as Prometheus reads them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from lapwise.serving.counters import Counters, Key

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["Tally", "exposition"]

_BOUNDS = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000)
"""Upper bounds of the latency histogram, in microseconds."""

# The key's first word: name, help, labels.
_COUNTS = {
    "requests": ("lapwise_requests", "Infer requests by HTTP status.", ("status",)),
    "feedback": ("lapwise_feedback_outcomes", "Labels received.", ()),
    "rows": ("lapwise_rows", "Rows answered.", ("version", "arm")),
    "failures": ("lapwise_failed_rows", "Rows a version failed.", ("version", "arm", "kind")),
    "unseen": ("lapwise_unseen_values", "Values that training never saw.", ("column",)),
    "repeats": ("lapwise_repeated_requests", "Requests sent again and answered as before.", ()),
    "swaps": ("lapwise_swaps", "Deployments taken up.", ()),
    "load_failures": ("lapwise_load_failures", "Deployments that could not be loaded.", ()),
    "fuses": ("lapwise_fuses", "Canaries taken out by a worker.", ("version",)),
    "log_failures": ("lapwise_log_failures", "Answers withheld: the log took no entry.", ()),
    "shadow_requests": ("lapwise_shadow_requests", "Requests that the shadow answered.", ()),
    "shadow_dropped": ("lapwise_shadow_dropped", "Requests beyond the shadow's backlog.", ()),
    "overflow": ("lapwise_uncounted", "Counts that found no room of their own.", ()),
}


class Tally:
    """Counts requests, with the places of what is counted most looked up once."""

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self._values = counters.values
        self._ok = counters.slot("requests", "200")
        self._sum = counters.slot("latency_sum")
        self._buckets = [counters.slot("latency", str(bound)) for bound in (*_BOUNDS, "inf")]
        self._rows: dict[tuple[str, str], int] = {}

    def answered(self, microseconds: int) -> None:
        """Count a request that was answered."""
        self._values[self._ok] += 1
        self._values[self._sum] += microseconds
        self._values[self._buckets[bisect_left(_BOUNDS, microseconds)]] += 1

    def rows(self, version: str, arm: str, rows: int) -> None:
        """Count rows of an arm."""
        place = self._rows.get((version, arm))
        if place is None:
            place = self._rows[version, arm] = self.counters.slot("rows", version, arm)
        self._values[place] += rows


def exposition(counts: Mapping[Key, int], gauges: Mapping[str, tuple[str, float]]) -> bytes:
    """Return the text format of counts and of gauges, these by name with their help."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(_Collected(list(_metrics(counts, gauges))))
    return generate_latest(registry)


class _Collected:
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        """Yield what was collected."""
        yield from self._metrics


def _metrics(
    counts: Mapping[Key, int], gauges: Mapping[str, tuple[str, float]]
) -> Iterator[Metric]:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    for word, (name, text, labels) in _COUNTS.items():
        family = CounterMetricFamily(name, text, labels=labels)
        for (first, *values), count in sorted(counts.items()):
            if first == word:
                family.add_metric(values, count)
        yield family
    buckets, total = [], 0
    for bound in (*_BOUNDS, "inf"):
        total += counts.get(("latency", str(bound)), 0)
        shown = "+Inf" if bound == "inf" else str(int(bound) / 1e6)
        buckets.append((shown, float(total)))
    latency = HistogramMetricFamily("lapwise_latency_seconds", "Time to an answer, inside.")
    latency.add_metric([], buckets, counts.get(("latency_sum",), 0) / 1e6)
    yield latency
    for name, (text, value) in gauges.items():
        yield GaugeMetricFamily(name, text, value=value)
