"""``lapwise watch`` in the present: a real clock, a real server, watchers that die."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from lapwise.core.observation import HourCounts
from lapwise.core.prediction import Answered
from lapwise.loop.bootstrap import open_workshop
from lapwise.loop.project import find_project
from lapwise.loop.serve import ServerProcess
from lapwise.serving import LogReader, PredictionLog, log_folder
from lapwise.store.model import Store
from tests.loop.present import (
    ask,
    await_that,
    command,
    ctrl_c,
    family,
    holder,
    infer_body,
    left_of,
    make_present,
)
from tests.loop.twice import DAY
from tests.loop.worlds import World, forget


@pytest.fixture(scope="module")
def _present(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    world = make_present(tmp_path_factory.mktemp("present") / "returns")
    forget()
    yield world.root
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture
def present(tmp_path: Path, _present: Path) -> World:
    """A product whose v1 is in production, and whose tables end a few minutes from now."""
    shutil.copytree(_present, tmp_path / "returns")
    return World(tmp_path / "returns")


class Heard:
    """The lines that a command says, as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in iter(self._process.stdout.readline, ""):
            self.lines.append(line)

    def says(self, words: str) -> bool:
        return any(words in line for line in self.lines)


def test_what_is_served_today_is_looked_up_logged_and_counted(present: World) -> None:
    """Features come online by the watcher, answers by a server, counts by the watcher again."""
    server = ServerProcess.start(find_project(present.root), "returns")
    try:
        url = f"http://{server.address[0]}:{server.address[1]}/v2/models/returns/infer"
        with command(present, "watch") as watch:
            folder = present.root / ".lapwise" / "live" / "features"
            await_that(folder.is_dir)
            status, answer = await_that(lambda: _answered(url))
            assert status == 200, answer
            log = log_folder(present.root / ".lapwise" / "live" / "returns")
            (entry,) = [one for one in LogReader(log).read() if isinstance(one, Answered)]
            assert entry.answers[0].features["customer_count"][0] > 0  # type: ignore[operator]
            _log_again(log, entry, at=entry.at - 2 * DAY, times=25)
            watch.send_signal(signal.SIGINT)
            assert watch.wait(30) == 130
        with command(present, "watch"):  # a fresh one counts the days before, from the log alone
            with open_workshop(present.root) as opened:
                hours = await_that(lambda: _counted(opened.store, 26))
            # Those of the day that is not over are told, too.
            assert {one.hour // DAY for one in hours} == {entry.at // DAY - 2, entry.at // DAY}
    finally:
        server.stop()


def _counted(store: Store, rows: int) -> Sequence[HourCounts] | None:
    hours = store.observations.hours("returns")
    return hours if sum(one.rows for one in hours) == rows else None


def _answered(url: str) -> tuple[int, bytes] | None:
    """Ask until features are online; before that a server says that it cannot answer."""
    status, answer = ask(url, infer_body("today"))
    return (status, answer) if status == 200 else None


def _log_again(folder: Path, entry: Answered, *, at: int, times: int) -> None:
    log = PredictionLog(folder)
    for turn in range(times):
        log.append(msgspec.structs.replace(entry, request=f"again-{turn}", at=at + turn))
    log.close()


def test_a_second_watcher_waits_and_takes_over(present: World) -> None:
    with command(present, "watch") as first:
        await_that(lambda: holder(present) == str(first.pid))
        with command(present, "watch") as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(3)
            assert holder(present) == str(first.pid)
            first.kill()
            await_that(lambda: holder(present) == str(second.pid), 20)
            ctrl_c(second)
            assert second.wait(30) == 130


def test_an_edited_page_restarts_the_watcher_and_starts_a_lap(present: World) -> None:
    with command(present, "watch") as watch:
        heard = Heard(watch)
        await_that(lambda: holder(present) == str(watch.pid))
        present.edit('"max_iter": 20', '"max_iter": 25')
        await_that(lambda: heard.says("lap 2 (code:"), 60)
        assert holder(present) == str(watch.pid), "it is the same process, with the new page"
        with open_workshop(present.root) as opened:
            line = opened.store.laps.list("returns")[0]
            version = opened.store.models.get(line.version or "")
            assert (line.trigger.kind, line.state) == ("code", "waiting")
            await_that(lambda: opened.store.rollouts.open("returns"))
            rollout = opened.store.rollouts.open("returns")
            assert rollout is not None
            assert (rollout.candidate, rollout.phase) == (version.id, "shadow")
        started = family(watch)
        ctrl_c(watch)
        assert watch.wait(30) == 130
    assert left_of(started) == []


def test_one_that_waited_goes_by_the_page_as_it_is_when_its_turn_comes(present: World) -> None:
    with open_workshop(present.root) as opened, command(present, "watch") as watch:
        heard = Heard(watch)
        with opened.store.leases.hold("watch:returns"):
            with pytest.raises(subprocess.TimeoutExpired):
                watch.wait(2)
            present.edit('"max_iter": 20', '"max_iter": 25')
        await_that(lambda: heard.says("lap 2 (code:"), 60)


@pytest.mark.prove
def test_a_page_that_cannot_be_read_does_not_stop_the_watch(present: World) -> None:
    """A page is saved half written, and a minute later whole."""
    page = present.root / "page.py"
    whole = page.read_text()
    with command(present, "watch") as watch:
        heard = Heard(watch)
        await_that(lambda: holder(present) == str(watch.pid))
        page.write_text(whole + "\nloop = lw.Loop(\n")
        await_that(lambda: heard.says("page.py"), 20)
        assert watch.poll() is None
        page.write_text(whole.replace('"max_iter": 20', '"max_iter": 25'))
        await_that(lambda: heard.says("lap 2 (code:"), 60)


def test_a_file_that_an_editor_makes_and_removes_does_not_stop_the_watch(present: World) -> None:
    """Emacs, for one, marks an open file by a link to nowhere beside it."""
    (present.root / ".#page.py").symlink_to("somebody@somewhere.1234")
    with command(present, "watch") as watch:
        await_that(lambda: holder(present) == str(watch.pid))
        with pytest.raises(subprocess.TimeoutExpired):
            watch.wait(1)


@pytest.mark.parametrize("how", ["terminal", "kill -INT"])
def test_ctrl_c_ends_it_in_order(present: World, how: str) -> None:
    with command(present, "watch") as watch:
        await_that(lambda: holder(present) == str(watch.pid))
        if how == "terminal":
            ctrl_c(watch)
        else:
            watch.send_signal(signal.SIGINT)
        out, err = watch.communicate(timeout=30)
    assert watch.returncode == 130, err
    assert err.strip().startswith("error: stopped")
    assert "Traceback" not in out + err
    assert holder(present) == "", "the lease was not given back"
