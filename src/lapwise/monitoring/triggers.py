"""What may start a lap: a new page, the calendar, an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from lapwise.core.clock import format_time
from lapwise.core.duration import parse_duration
from lapwise.core.errors import DeclarationError
from lapwise.core.lap import Trigger
from lapwise.core.model import Record
from lapwise.core.observation import Alarm

__all__ = ["Code", "OnAlarm", "Schedule", "TriggerState", "pull"]


class TriggerState(Record, frozen=True, kw_only=True):
    """All that decides whether a lap is due, at the world's time ``now``.

    ``last_lap`` is the instant that the last lap saw. ``alarms`` may be more than those since then.
    ``production`` is the version that answers: alarms of others are history; empty: all count.
    """

    now: int
    last_lap: int | None = None
    alarms: tuple[Alarm, ...] = ()
    code_changed: bool = False
    rollout_open: bool = False
    production: str = ""


class Code(msgspec.Struct, frozen=True, tag="code", tag_field="trigger"):
    """A lap when the page, or code that it reaches, has changed since the last one.

    >>> Code().reason(TriggerState(now=0, last_lap=0, code_changed=True)).kind
    'code'
    """

    def reason(self, state: TriggerState) -> Trigger | None:
        """Return why a lap is due, or None; an open rollout is let finish first."""
        if state.rollout_open or not state.code_changed:
            return None
        return Trigger(kind="code", reason="the page or its code has changed")


class Schedule(msgspec.Struct, frozen=True, tag="schedule", tag_field="trigger"):
    """A lap whenever the calendar says so.

    Args:
        cron: five fields, in UTC of the world: minute, hour, day of the month, month, weekday.

    Raises:
        DeclarationError: it is no such line.

    A time that passed while a rollout was open, or nobody watched, is made up for once.

    >>> Schedule("0 3 1 * *").cron
    '0 3 1 * *'
    """

    cron: str

    def __post_init__(self) -> None:
        """Check what can be checked without the library that reads it."""
        signs = set("0123456789*/,-?LW#ABCDEFGHIJKLMNOPQRSTUVWXYZ ")
        if len(self.cron.split()) != 5 or not set(self.cron.upper()) <= signs:
            raise DeclarationError(
                "not a schedule",
                value=self.cron,
                expected="five fields as of cron, such as '0 3 1 * *': at 03:00 on the first",
            )

    def reason(self, state: TriggerState) -> Trigger | None:
        """Return why a lap is due, or None; the first lap is not the calendar's.

        Raises:
            DeclarationError: the line is not one that cron reads.
        """
        if state.rollout_open or state.last_lap is None:
            return None
        due = self._last(state.now)
        if due <= state.last_lap:
            return None
        return Trigger(kind="schedule", reason=f"'{self.cron}' was due at {format_time(due)}")

    def _last(self, now: int) -> int:
        """Return the last instant at or before ``now`` that the line names, in microseconds."""
        from datetime import UTC, datetime

        from croniter import croniter
        from croniter.croniter import CroniterError

        # croniter gives what lies strictly before; the instant itself is due.
        after = datetime.fromtimestamp(now // 1_000_000 + 1, UTC)
        try:
            last = croniter(self.cron, after).get_prev(datetime)
        except CroniterError as error:
            raise DeclarationError(
                f"not a schedule: {error}", value=self.cron, expected="five fields as of cron"
            ) from error
        return int(last.timestamp()) * 1_000_000


class OnAlarm(msgspec.Struct, frozen=True, tag="alarm", tag_field="trigger"):
    """A lap when an alarm was raised since the last one.

    Args:
        cooldown: no lap by an alarm so soon after the lap before, whatever started that.
        kind: ``harm``; ``drift`` if drift alone is to start laps; ``any`` for both.

    Raises:
        DeclarationError: no such kind, or no duration.

    >>> OnAlarm().kind
    'harm'
    """

    cooldown: str = "7d"
    kind: Literal["harm", "drift", "any"] = "harm"

    def __post_init__(self) -> None:
        """Check the parameters."""
        parse_duration(self.cooldown)
        if self.kind not in ("harm", "drift", "any"):
            raise DeclarationError(
                "there is no such kind of alarm", value=self.kind, expected="harm, drift or any"
            )

    def reason(self, state: TriggerState) -> Trigger | None:
        """Return why a lap is due, or None; an alarm that came too soon waits."""
        since = state.last_lap
        if state.rollout_open or (
            since is not None and state.now - since < parse_duration(self.cooldown)
        ):
            return None
        heard = [
            alarm
            for alarm in state.alarms
            if (since is None or alarm.at > since)
            and alarm.at <= state.now
            and self.kind in (alarm.kind, "any")
            and state.production in (alarm.version, "")
        ]
        if not heard:
            return None
        first = min(heard, key=lambda alarm: (alarm.at, alarm.id))
        return Trigger(kind="alarm", reason=first.sentence)


def pull(triggers: Sequence[Code | Schedule | OnAlarm], state: TriggerState) -> Trigger | None:
    """Return the first trigger's reason for a lap, in the order of the page, or None."""
    return next((found for one in triggers if (found := one.reason(state)) is not None), None)
