from typing import cast

from lapwise import monitors
from lapwise.monitoring.incidents import Incidents
from lapwise.monitoring.model import Finding
from lapwise.monitoring.window import Window
from tests.monitoring.worlds import DAY, START


class Day:
    """As much of a window as an alarm needs."""

    version = "v1"

    def __init__(self, number: int) -> None:
        self.boundary = START + number * DAY


def found(size: float, subject: str = "size", p: float = 1e-6) -> Finding:
    return Finding(
        subject=subject,
        loud=abs(size) > 0.3,
        quiet=abs(size) < 0.2,
        size=size,
        measured=size,
        limit=0.3,
        p=p,
        since=START,
    )


def raised(sizes: list[float]) -> list[int]:
    """Return on which days an alarm was raised."""
    incidents = Incidents("m")
    return [
        day
        for day, size in enumerate(sizes)
        if incidents.settle(monitors.Drift(), [found(size)], cast("Window", Day(day)))
    ]


def test_a_change_that_lasts_is_raised_once() -> None:
    assert raised([0.1, 0.4, 0.4, 0.25, 0.4, 0.1, 0.4]) == [1]


def test_it_is_raised_again_after_seven_quiet_days() -> None:
    assert raised([0.4, *[0.1] * 6, 0.4]) == [0]
    assert raised([0.4, *[0.1] * 7, 0.4]) == [0, 8]


def test_it_is_raised_again_when_it_grew_by_half_or_turned_round() -> None:
    assert raised([0.4, 0.5, *[0.5] * 20, 0.7, 0.8, 0.9]) == [0, 23]
    assert raised([0.4, -0.4, -0.4]) == [0, 1]


def test_growth_while_the_window_fills_is_no_news() -> None:
    assert raised([0.4, 0.8, 1.2, 1.3, *[1.3] * 30]) == [0]


def test_what_strays_together_is_one_alarm_that_names_all() -> None:
    incidents = Incidents("m")
    some = [found(0.4, "a", 1e-4), found(0.5, "b", 1e-8), found(0.1, "calm"), found(0.4, "c", 1e-5)]
    (alarm,) = incidents.settle(monitors.Drift(), some, cast("Window", Day(0)))
    assert alarm.subject == "b"
    assert alarm.sentence.endswith("With it: c, a.")
    assert incidents.settle(monitors.Drift(), some, cast("Window", Day(1))) == ()


def test_ids_are_the_same_for_the_same_and_differ_for_what_differs() -> None:
    def first(day: int, subject: str, model: str = "m") -> str:
        incidents = Incidents(model)
        (alarm,) = incidents.settle(
            monitors.Drift(), [found(0.4, subject)], cast("Window", Day(day))
        )
        return alarm.id

    assert first(1, "a") == first(1, "a")
    assert len({first(1, "a"), first(2, "a"), first(1, "b"), first(1, "a", "other")}) == 4


def test_another_version_starts_anew() -> None:
    incidents = Incidents("m")
    day = cast("Window", Day(0))
    assert incidents.settle(monitors.Drift(), [found(0.4)], day)
    incidents.start_anew()
    assert incidents.settle(monitors.Drift(), [found(0.4)], day)
