"""A small world with a seed: days of requests, some shifted, and the labels that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lapwise.core.prediction import Answer, Answered, Feedback, LogEntry, Outcome
from lapwise.monitoring import Reference, make_reference

DAY = 86_400_000_000
HOUR = DAY // 24
START = 1_357_000_000_000_000 // DAY * DAY
FEATURES = ("size", "delay", "shop")
CLASSES = ("False", "True")

Change = Callable[[pl.DataFrame], pl.DataFrame]


def days(
    count: int, *, seed: int = 0, first: int = 0, rows: int = 300, more: float = 1.0
) -> pl.DataFrame:
    """Return rows of so many days; each day has a level of its own, as weather would give it.

    What is predicted happens ``more`` times as often as the scores say.
    """
    random = np.random.default_rng(seed)
    frames = []
    for number in range(first, first + count):
        level = random.normal(0, 0.3)
        size = random.normal(10, 2, rows)
        delay = random.normal(level, 1, rows)
        score = logistic(-1.2 + 0.8 * delay)
        frames.append(
            pl.DataFrame(
                {
                    "row": [f"{number}-{place}" for place in range(rows)],
                    "time": START + number * DAY + np.sort(random.integers(0, 24, rows)) * HOUR,
                    "size": np.where(random.random(rows) < 0.05, np.nan, size),
                    "delay": delay,
                    "shop": random.choice(["north", "south", "east"], rows, p=[0.6, 0.3, 0.1]),
                    "score": score,
                    "label": random.random(rows) < score * more,
                }
            )
        )
    return pl.concat(frames)


def logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logistic function of numbers."""
    result: NDArray[np.float64] = 1 / (1 + np.exp(-x))
    return result


@cache
def reference() -> Reference:
    """Return the reference of sixty days, the last twenty of them unseen in training."""
    frame = days(60, seed=1, first=-60)
    unseen = frame["time"] >= START - 20 * DAY
    return make_reference(
        frame,
        FEATURES,
        time="time",
        score="score",
        label="label",
        out_of_sample=unseen,
        classes=CLASSES,
        version="v1",
    )


def log(
    frame: pl.DataFrame, *, version: str = "v1", arm: Any = "production", wait: int = 3 * HOUR
) -> list[LogEntry]:
    """Return the log of a world: one request an hour, its labels some hours later."""
    entries: list[LogEntry] = []
    for (at,), rows in frame.group_by("time", maintain_order=True):
        assert isinstance(at, int)
        entries.append(request(rows, at, version, arm))
        outcomes = (
            Outcome(row=row, label=label) for row, label in rows.select("row", "label").rows()
        )
        entries.append(Feedback(at=at + wait, outcomes=tuple(outcomes)))
    return sorted(entries, key=lambda entry: entry.at)


def request(rows: pl.DataFrame, at: int, version: str = "v1", arm: Any = "production") -> Answered:
    """Return one request with all rows answered by one version."""
    return Answered(
        request=f"{version}-{at}",
        at=at,
        revision=1,
        rows=tuple(rows["row"]),
        units=(),
        inputs={},
        shadow=arm == "shadow",
        answers=(
            Answer(
                version=version,
                arm=arm,
                places=tuple(range(rows.height)),
                features={name: rows[name].to_list() for name in FEATURES},
                scores=rows["score"].to_list(),
            ),
        ),
    )


def hours(entries: list[LogEntry], after: int = 2 * DAY) -> Iterator[int]:
    """Yield every full hour from the first entry until some time after the last."""
    first, last = entries[0].at, entries[-1].at
    yield from range(first // HOUR * HOUR, last + after, HOUR)
