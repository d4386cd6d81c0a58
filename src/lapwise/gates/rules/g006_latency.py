"""G006 Latency."""

from __future__ import annotations

from lapwise.core.duration import parse_duration
from lapwise.core.errors import DeclarationError
from lapwise.core.evidence import Evidence
from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.model import Gate, Need

__all__ = ["Latency"]

_FEWEST_REQUESTS = 299


class Latency(Gate, frozen=True, tag="G006"):
    """The packaged model answers 99 of 100 requests within a time.

    What it does:
        Reads a probe of the packaged model over TCP. Any failed request fails the gate; otherwise
        the 99th percentile is compared with ``p99``. Numbers are milliseconds.
    Why:
        A model that is right too late is wrong, and training never shows it.

    Example:
        ``Latency(p99="10ms")``
    Statistics:
        The sample's 99th percentile. Below 299 requests even the slowest bounds the true one with
        less than 95 % confidence, as 0.99 ** 299 < 0.05 (Wilks, *Annals of Mathematical
        Statistics* 12, 1941), so fewer cannot tell.

    Raises:
        DeclarationError: not a duration above zero.
    """

    p99: str

    def __post_init__(self) -> None:
        """Check the declaration."""
        if parse_duration(self.p99) == 0:
            raise DeclarationError(
                "no answer takes no time", value=self.p99, expected="a duration such as '10ms'"
            )

    @property
    def name(self) -> str:
        """Return the gate as it stands on the page."""
        return f"Latency(p99={self.p99})"

    @property
    def needs(self) -> frozenset[Need]:
        """Return the probe over TCP."""
        return frozenset({"latency"})

    def __call__(self, evidence: Evidence) -> Verdict:
        """Judge the probe."""
        probe = evidence.latency
        limit = parse_duration(self.p99) / 1000
        measured = None
        status: VerdictStatus = "failed"
        if probe is None:
            sentence = "Latency was not measured."
        elif probe.failures:
            sentence = f"{probe.failures} of {probe.requests} requests failed."
        elif probe.requests < _FEWEST_REQUESTS:
            status = "cannot_tell"
            sentence = (
                f"{probe.requests} requests were timed; a 99th percentile needs "
                f"{_FEWEST_REQUESTS}: {_FEWEST_REQUESTS - probe.requests} more."
            )
        else:
            measured = probe.p99 / 1000
            status = "passed" if measured <= limit else "failed"
            sentence = (
                f"99 of 100 of {probe.requests} requests over TCP ({probe.serving}) took at most "
                f"{measured:.3g} ms, half of them {probe.p50 / 1000:.3g} ms; "
                f"{self.p99} is allowed."
            )
        return Verdict(
            gate=self.code,
            name=self.name,
            status=status,
            sentence=sentence,
            measured=measured,
            limit=limit,
            rows=probe.requests if probe else None,
        )
