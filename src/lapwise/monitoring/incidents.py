"""One alarm for one change: what is loud for weeks is raised once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lapwise.core.digest import digest_value
from lapwise.core.observation import Alarm
from lapwise.monitoring.model import Finding, Monitor
from lapwise.monitoring.window import Window

__all__ = ["Incidents"]

_CALM_DAYS = 7
_CHANGED = 1.5


@dataclass
class _Open:
    """A change that was raised and goes on; ``size`` is the largest until its window was full."""

    size: float
    until: int
    calm: int = 0


class Incidents:
    """Which changes are open; raises those that are new, or turned round, or grew by half since.

    A change is over when it was quiet on seven days in a row. A window that trails fills with a
    change little by little: as long as it may, growth is not news.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._open: dict[tuple[str, str], _Open] = {}

    def start_anew(self) -> None:
        """Forget all that is open: another version is in production."""
        self._open.clear()

    def settle(
        self, monitor: Monitor, findings: Sequence[Finding], window: Window
    ) -> tuple[Alarm, ...]:
        """Take in one monitor's findings of one day; return the alarm to raise, if any."""
        filled = window.boundary + monitor.reach
        news = [one for one in findings if self._is_news(monitor, one, window.boundary, filled)]
        if not news:
            return ()
        news.sort(key=lambda one: (one.p, -abs(one.size) / max(abs(one.limit), 1e-9), one.subject))
        first = news[0]
        key = [self._model, monitor.name, first.subject, window.version, window.boundary]
        return (
            Alarm(
                id=digest_value(key)[:24],
                model=self._model,
                monitor=str(monitor.__struct_config__.tag),
                kind=monitor.kind,
                subject=first.subject,
                version=window.version,
                since=first.since,
                at=window.boundary,
                sentence=monitor.say(news, window),
                measured=first.measured,
                limit=first.limit,
                p=first.p,
            ),
        )

    def _is_news(self, monitor: Monitor, found: Finding, at: int, filled: int) -> bool:
        key = (monitor.name, found.subject)
        known = self._open.get(key)
        if known is None:
            if found.loud:
                self._open[key] = _Open(found.size, filled)
            return found.loud
        known.calm = known.calm + 1 if found.quiet else 0
        if known.calm >= _CALM_DAYS:
            del self._open[key]
            return False
        turned = found.loud and found.size * known.size < 0
        grown = found.loud and abs(found.size) >= _CHANGED * abs(known.size) and at >= known.until
        if turned or grown:
            known.size, known.until = found.size, filled
        elif at < known.until:
            known.size = max(known.size, found.size, key=abs)
        return turned or grown
