"""``lapwise replay`` as people start it, stop it, and start it again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from lapwise.core.clock import MachineClock, parse_time
from lapwise.loop.bootstrap import open_workshop
from lapwise.loop.verify import read_predictions
from lapwise.loop.world import read_world
from tests.cli.conftest import COMMAND, Call, Done, environment
from tests.cli.test_bad_input import check_error, check_whole
from tests.cli.test_tables import check_width
from tests.loop.replays import make_product
from tests.loop.twice import MODEL
from tests.loop.worlds import World

START, END = "2024-02-05", "2024-02-20"


def decoded(done: Done) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)


@contextmanager
def started(world: World, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command in a process group of its own, as a terminal does, and end all of it."""
    with subprocess.Popen(
        [*COMMAND, *words],
        cwd=world.root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def await_file(path: Path) -> None:
    clock = MachineClock()
    for _ in range(1200):
        if path.exists():
            return
        clock.sleep(0.02)
    raise AssertionError(f"{path} did not come")


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2024-02-20", "2024-02-05", ("ends after it begins",)),
        ("2024-02-05", "2024-02-05", ("ends after it begins",)),
        ("2024-02-05T10:30:00", "2024-02-20", ("whole hour", "2024-02-05T10:00:00")),
        ("yesterday", "2024-02-20", ("yesterday",)),
        ("2024-02-05", "soon", ("soon",)),
    ],
)
def test_a_stretch_that_is_none_is_told_before_anything_is_done(
    fresh: World, call: Call, start: str, end: str, said: tuple[str, ...]
) -> None:
    done = call("replay", "--from", start, "--to", end, "--approve", "auto", cwd=fresh.root)
    check_error(done, *said)
    assert not (fresh.root / ".lapwise" / "live").exists()


def test_a_stretch_in_which_nothing_happened_is_told(world: World, call: Call) -> None:
    words = ("--from", "2031-01-01", "--to", "2031-01-02", "--approve", "auto")
    done = call("replay", *words, cwd=world.root)
    check_error(done, "nothing was predicted", "2031-01-01", "--from")


def test_a_replay_without_an_approver_says_that_nobody_answers(tmp_path: Path, call: Call) -> None:
    world = make_product(tmp_path / "returns")
    assert call("lap", "--as-of", START, cwd=world.root).code == 0
    done = call("replay", "--from", START, "--to", END, cwd=world.root)
    check_error(done, "no version is in production", "lapwise approve")
    assert left_of_it(world) == []


@pytest.mark.parametrize(
    "whole",
    [True, pytest.param(False, marks=pytest.mark.prove)],
    ids=["terminal", "kill -INT"],
)
def test_ctrl_c_in_a_replay_leaves_a_project_that_goes_on(
    tmp_path: Path, call: Call, whole: bool
) -> None:
    world = make_product(tmp_path / "returns")
    words = ("replay", "--from", START, "--to", "2024-02-09", "--approve", "auto")
    with started(world, *words) as process:
        await_log(world)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        if whole:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    check_error(Done(process.returncode, out, err), "stopped", code=130)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    check_whole(world)
    told = decoded(call(*words, "--json", cwd=world.root))
    assert (told["failed_requests"], told["features_equal"]) == (0, 1.0)
    with open_workshop(world.root) as opened:
        logged = read_predictions(opened.project.live, MODEL)
    assert logged["row"].is_unique().all()
    assert told["predictions"] == logged.height > 150
    assert left_of_it(world) == []


def await_log(world: World, most: int = 20_000) -> None:
    """Wait until a replay has logged so many bytes."""
    log, clock = world.root / ".lapwise" / "live" / MODEL / "log", MachineClock()
    for _ in range(2400):
        if sum(path.stat().st_size for path in log.glob("*.log")) > most:
            return
        clock.sleep(0.02)
    raise AssertionError("nothing is logged")


def test_nothing_is_left_of_a_replay_that_was_killed(tmp_path: Path) -> None:
    world = make_product(tmp_path / "returns")
    words = ("replay", "--from", START, "--to", END, "--approve", "auto")
    with started(world, *words) as process:
        await_log(world)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3  # a watcher, a server and its worker
        process.kill()
        process.wait(20)
        _, alive = psutil.wait_procs(children, timeout=15)
        assert alive == []


def test_a_replay_that_goes_on_does_not_wait_for_a_shadow_that_is_not_there(
    tmp_path: Path, call: Call
) -> None:
    """Stopped in a shadow's time, it starts the shadow again before it asks for its answers."""
    world = make_product(tmp_path / "returns")
    words = ("replay", "--from", START, "--to", "2024-02-07", "--approve", "auto")
    with started(world, *words) as process:
        live = world.root / ".lapwise" / "live" / MODEL
        await_file(live / "log")
        clock = MachineClock()
        while not list((live / "log").glob("*.shadow.log")):
            clock.sleep(0.01)
        process.kill()
        process.wait(20)
    for path in (live / "log").glob("*.shadow.log"):
        path.unlink()  # as if it had answered nothing yet
    told = decoded(call(*words, "--json", cwd=world.root))
    assert told["seconds"] < 25, "it waited half a minute for nobody"
    rollout = decoded(call("rollout", "status", "--number", "1", "--json", cwd=world.root))
    assert "pairs compared" in " ".join(one["sentence"] for one in rollout["history"])


PAUSE = """
    import pathlib, time
    place = pathlib.Path(__file__).with_name("pau" + "se")
    if place.exists():
        place.rename(place.with_suffix('.begun'))
        time.sleep(120)
"""


def begun_lap(root: Path) -> tuple[World, tuple[str, ...]]:
    """Make a product whose first training waits for two minutes, and the words of its replay."""
    world = make_product(root)
    world.edit(', lw.triggers.Schedule("0 3 * * 1")', "")
    heading = '    """Return the encoder of text columns."""\n'
    world.edit(heading, heading + PAUSE, file="shaping.py")
    (world.root / "pause").touch()
    return world, ("replay", "--from", START, "--to", "2024-02-06", "--approve", "auto")


def test_ctrl_c_during_a_lap_leaves_a_replay_that_goes_round_again(
    tmp_path: Path, call: Call
) -> None:
    """A lap that was stopped does not count as one that was gone round."""
    world, words = begun_lap(tmp_path / "returns")
    with started(world, *words) as process:
        await_file(world.root / "pause.begun")
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    check_error(Done(process.returncode, out, err), "stopped", code=130)
    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []
    assert "stopped by Ctrl-C" in call("laps", "1", cwd=world.root).out
    told = decoded(call(*words, "--json", cwd=world.root))
    with open_workshop(world.root, as_of=parse_time(END)) as opened:
        day = read_world(opened, world.loop(), parse_time(START), parse_time("2024-02-06"))
    assert told["predictions"] == day.examples.height
    states = [one["state"] for one in decoded(call("laps", "--json", cwd=world.root))]
    assert states == ["waiting", "died"]


@pytest.mark.prove
def test_an_interrupt_of_the_command_alone_ends_it_too(tmp_path: Path) -> None:
    """Its children do not get it, and one is in the middle of a lap: nobody waits for that."""
    world, words = begun_lap(tmp_path / "returns")
    with started(world, *words) as process:
        await_file(world.root / "pause.begun")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=40)
        check_error(Done(process.returncode, out, err), "stopped", code=130)


def left_of_it(world: World) -> list[str]:
    """Return the processes that still work in a project's folder."""
    return [
        " ".join(one.info["cmdline"] or ())
        for one in psutil.process_iter(["cwd", "cmdline"])
        if one.info["cwd"] == str(world.root.resolve()) and one.pid != os.getpid()
    ]


def test_a_replay_shows_its_days_laps_and_months(tmp_path: Path, call: Call) -> None:
    world = make_product(tmp_path / "returns")
    words = ("replay", "--from", START, "--to", "2024-02-08", "--approve", "auto")
    text = check_width(call(*words, cwd=world.root))
    for word in ("approved", "bootstrap", "Laps", "Months", "2024-02", "predictions", "AUC"):
        assert word in text, text
    again = call(*words, "--json", cwd=world.root)
    told = decoded(again)
    assert set(told) >= {
        "laps",
        "alarms",
        "promotions",
        "rollbacks",
        "predictions",
        "failed_requests",
        "features_equal",
        "months",
        "seconds",
    }
    assert set(told["months"][0]) >= {"auc", "auc_first_model", "log_loss", "base_rate"}
