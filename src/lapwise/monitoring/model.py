"""What every monitor is: a frozen value of the page that judges a window of days."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from lapwise.core.errors import DeclarationError
from lapwise.core.observation import AlarmKind
from lapwise.monitoring.days import DAY

if TYPE_CHECKING:
    from lapwise.monitoring.window import Window

__all__ = ["Finding", "Monitor", "check_between"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a monitor found of one subject on one day.

    ``loud`` raises an alarm if no alarm for the subject is open; ``quiet`` counts towards closing
    it. Neither: it goes on as it is. ``size`` says how large the change is, its sign which way;
    ``facts`` are what the sentence needs.
    """

    subject: str
    loud: bool
    quiet: bool
    size: float
    measured: float
    limit: float
    p: float
    since: int
    facts: dict[str, float] = field(default_factory=dict)


class Monitor(msgspec.Struct, frozen=True, tag_field="monitor"):
    """The parent of all monitors: equal parameters are equal monitors.

    A monitor adds its parameters as fields, and says ``drift`` (something changed) or ``harm``
    (users are served worse).
    """

    @property
    def name(self) -> str:
        """Return the monitor as it stands on the page, without what is left at its default."""
        shown: list[str] = []
        for place, value in enumerate(msgspec.structs.fields(self)):
            mine = getattr(self, value.name)
            if value.required or mine != value.default:
                shown.append(f"{mine}" if place == 0 else f"{value.name}={mine}")
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def kind(self) -> AlarmKind:
        """Return whether its alarms say drift or harm."""
        return "drift"

    @property
    def reach(self) -> int:
        """Return how far back it looks, in microseconds."""
        return 16 * DAY

    def judge(self, window: Window) -> list[Finding]:
        """Judge every subject on the window's last day; empty if there is too little to judge."""
        raise NotImplementedError

    def say(self, findings: list[Finding], window: Window) -> str:
        """Return one sentence on findings that are raised as one alarm, the leading one first."""
        raise NotImplementedError


def check_between(what: str, value: float, low: float, high: float) -> None:
    """Refuse a parameter outside its range, bounds excluded.

    Raises:
        DeclarationError: it is.
    """
    if not low < value < high:
        raise DeclarationError(
            f"{what} is out of range",
            value=value,
            expected=f"more than {low:g}, less than {high:g}",
        )
