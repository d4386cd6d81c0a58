"""The second training: beside the lap, as honest as before, and gone with whoever asked for it."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lapwise.core.clock import parse_time
from lapwise.core.lap import LapStep
from lapwise.loop.course import Course
from lapwise.loop.steps.rehearsal import Rehearsal
from tests.loop.worlds import AS_OF, World, ran, statuses

ASKED = ('gates.Floor("recall", 0.30)', "gates.Reproducible()")


def alive(process: int) -> bool:
    """Return whether a process of ours is there and has not ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def started(world: World, *, versions: bool = True) -> Rehearsal:
    """Start a second training as a lap would."""
    loop = world.loop()
    with world.workshop() as opened:
        tables = [opened.store.datasets.list(table.name, limit=1)[0].id for table in loop.tables]
    return Rehearsal(
        origin=loop.origin,
        versions=tables if versions else ["missing@v9"],
        as_of=parse_time(AS_OF),
        threads=1,
        root=world.root,
    )


def test_it_gives_what_the_lap_gave_whatever_the_page_prints(world: World) -> None:
    """The digest of each step is the lap's, and prints of the page do not garble the answer."""
    world.edit(
        "    model = Pipeline(",
        "    print('fitting', len(train.features))\n    model = Pipeline(",
    )
    line = world.lap()
    rehearsal = started(world)
    again = rehearsal.result()
    assert again.error == ""
    digests = {step.name: step.digest for step in line.steps}
    assert {one.name: one.digest for one in again.made if one.name != "train"} == {
        name: digests[name] for name in ("examples", "split", "features")
    }
    assert again.seconds > 0


def test_its_last_words_are_the_error(world: World) -> None:
    """A page that cannot train once more says why; a version that is gone is named."""
    assert "missing@v9" in started(world, versions=False).result().error
    world.edit("    model = Pipeline(", "    raise ValueError('no luck')\n    model = Pipeline(")
    assert "no luck" in started(world).result().error


def test_it_ends_with_the_object(world: World) -> None:
    """Nobody waits for a process that nobody can ask any more."""
    rehearsal = started(world)
    process = rehearsal._process.pid
    assert alive(process)
    del rehearsal
    gc.collect()
    assert not alive(process)


def test_it_starts_only_when_a_step_runs(world: World) -> None:
    """A lap that finds everything starts no process; one that trains starts it before it trains."""
    world.edit(*ASKED)
    started_at: list[str] = []

    def go(stop: str) -> list[LapStep]:
        steps: list[LapStep] = []
        loop = world.loop()
        with world.workshop() as opened:
            course = Course(opened, loop, parse_time(AS_OF), steps.append)
            course.validate(accept=False)
            course.split(None)
            course.features()
            started_at.append("" if course._rehearsal is None else "before")
            if stop != "features":
                course.train("")
                started_at.append("" if course._rehearsal is None else "train")
            course.close()
        return steps

    go("features")
    world.edit("seed=", "seed=1 + ", file="page.py")
    go("train")
    go("train")
    assert started_at == ["", "", "train", "", ""]


def test_a_reused_training_is_repeated_with_its_own_threads(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of all threads is not repeated with half of them, when the gate comes later."""
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    first = world.lap()
    world.edit(*ASKED)
    line = world.lap()
    assert statuses(line)[-1] == "passed", line.verdicts[-1]
    assert ran(line) >= {"reproduce", "gates"}
    assert "train" not in ran(line)
    assert first.version == line.version


STARTER = """
import sys, time
from pathlib import Path
from lapwise.loop.steps.rehearsal import Rehearsal
held = Rehearsal(origin="page.py", versions=[], as_of=0, threads=1, root=Path.cwd())
print(held._process.pid, flush=True)
time.sleep(60)
"""


def test_a_killed_lap_leaves_no_process(world: World) -> None:
    """Whoever is killed takes the second training with it, wherever that is."""
    world.edit("import polars as pl\n", "import time\n\nimport polars as pl\n\ntime.sleep(60)\n")
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER], cwd=world.root, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    process = int(starter.stdout.readline())
    assert alive(process)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    until = time.monotonic() + 60
    while alive(process) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(process)
