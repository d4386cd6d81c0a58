"""Laps that die: real processes, SIGKILL in the middle, and a lap that carries on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lapwise.registry import verify
from lapwise.store.doctor import doctor
from tests.loop.worlds import AS_OF, World, make_world, ran, reused

LAP = [sys.executable, "-c", "from lapwise.cli.main import main; main()", "lap", "--as-of", AS_OF]


def start(world: World, **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        LAP,
        cwd=world.root,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def wait_for(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} never came")


def check_whole(world: World) -> None:
    """Go round, and look whether everything is as if nobody had ever died."""
    line = world.lap()
    assert line.state == "waiting"
    with world.workshop() as opened:
        (version,) = opened.store.models.list()
        assert (version.id, version.stage) == (line.version, "staging")
        assert opened.store.runs.get(line.run or "").status == "finished"
        assert verify(opened.store).sound
        others = [one for one in opened.store.laps.list() if one.id != line.id]
        assert all(one.state in {"died", "failed", "waiting"} for one in others)
        project = opened.project
    bad = [one for one in doctor(project.store, project.blobs, deep=True) if not one.ok]
    assert not bad
    assert ran(world.lap()) == set()


def test_killed_in_training(fresh: World) -> None:
    """A lap killed while it trains leaves the ledger saying so, and its steps to the next one."""
    # How to pause is no input of the training, so it is read out of the key's sight.
    fresh.edit(
        '    """Return the encoder of text columns."""\n',
        "    import pathlib, time\n"
        '    place = pathlib.Path(__file__).with_name("pau" + "se")\n'
        "    if place.exists():\n"
        "        place.rename(place.with_suffix('.begun'))\n"
        "        time.sleep(120)\n",
        file="shaping.py",
    )
    (fresh.root / "pause").touch()
    process = start(fresh)
    wait_for(fresh.root / "pause.begun")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with fresh.workshop() as opened:
        (dead,) = opened.store.laps.list()
    assert dead.state == "running"
    assert list(reused(dead)) == ["validate", "examples", "split", "features"]
    line = fresh.lap()
    assert {"validate", "examples", "split", "features"} & ran(line) == set()
    assert "train" in ran(line)
    with fresh.workshop() as opened:
        dead = opened.store.laps.get("1")
    assert (dead.state, "died" in dead.error) == ("died", True)
    check_whole(fresh)


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize(("boundary", "last"), [("blob-rename", 20), ("commit", 60)])
def test_killed_at_boundaries(tmp_path: Path, boundary: str, side: str, last: int) -> None:
    """A lap killed again and again, each time at a later write, always carries on to the end."""
    world = make_world(tmp_path / "returns")
    kills = 0
    for count in range(1, last, 3):
        process = start(world, LAPWISE_KILL_AT=f"{boundary}:{side}:{count}")
        output, _ = process.communicate()
        kills += process.returncode == -signal.SIGKILL
        assert process.returncode in {0, -signal.SIGKILL}, output.decode()
    assert kills >= 3
    check_whole(world)
