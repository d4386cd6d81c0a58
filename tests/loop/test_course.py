"""What a lap's course shows to whoever comes after its steps."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lapwise.core.clock import parse_time
from lapwise.core.lap import LapStep
from lapwise.loop.course import Course
from tests.loop.worlds import AS_OF, make_world, ran, statuses

WINDOW = 'lw.TimeSplit(validation="7d", test="14d", embargo="1d", train="20d")'


def test_a_window_is_all_that_a_lap_looks_at(tmp_path: Path) -> None:
    """Examples before the window are not built, the second training sees the same, and so do readers."""
    world = make_world(
        tmp_path / "returns", split=WINDOW, gates="gates.NoLeakage(), gates.Reproducible()"
    )
    line = world.lap()
    assert statuses(line) == ["passed", "passed"], line.verdicts
    assert line.split is not None
    begin = line.split.parts[0].start
    assert begin == parse_time("2024-01-17")
    steps: list[LapStep] = []
    loop = world.loop()
    with world.workshop() as opened:
        course = Course(opened, loop, parse_time(AS_OF), steps.append)
        course.validate(accept=False)
        course.split(None)
        course.features()
        course.train("")
        course.package()
        rows, judged = course.rows(), course.judged()
        examples = course.examples.handle.value()
    assert all(step.reused for step in steps)
    assert examples["time"].to_physical().min() == rows["time"].to_physical().min()
    assert rows["time"].to_physical().min() >= begin  # type: ignore[operator]
    counts = {part.name: part.rows for part in line.split.parts}
    assert dict(rows.group_by("part").len().iter_rows()) == counts
    assert set(loop.feature_names) <= set(rows.columns)
    assert judged.columns == [*rows.columns, "score"]
    assert judged.height == counts["validation"] + counts["test"]
    assert judged["score"].is_between(0, 1).all()
    assert judged["label"].null_count() == 0
    assert ran(world.lap()) == set()


def test_rows_are_read_once_and_nobody_sees_anothers_changes(tmp_path: Path) -> None:
    """A step that changes its rows in place changes them for no other."""
    world = make_world(tmp_path / "returns")
    loop = world.loop()
    with world.workshop() as opened:
        course = Course(opened, loop, parse_time(AS_OF), lambda _step: None)
        course.validate(accept=False)
        course.split(None)
        course.features()
        first = course.rows()
        first.insert_column(0, pl.lit(1).alias("mine"))
        first[0, "amount"] = -1.0
        second = course.rows()
    assert "mine" not in second.columns
    assert second["amount"][0] != -1.0
