"""The log keeps what it was given, and gives it in one order and once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lapwise.core.errors import StorageFullError
from lapwise.core.prediction import Answer, Answered, Failure, Feedback, Fused, LogEntry, Outcome
from lapwise.serving import (
    LogReader,
    PredictionLog,
    last_logged,
    log_bytes,
    log_folder,
    prediction_frame,
)
from lapwise.serving.prediction_log import newest, segments


def entry(request: str, at: int = 0, **changes: Any) -> Answered:
    """Return what one row's request leaves in the log."""
    answer = Answer(
        version="v1", arm="production", places=(0,), features={"x": [1.5]}, scores=[0.25]
    )
    fields: dict[str, Any] = {
        "request": request, "at": at, "revision": 1, "rows": ("F1",), "units": ("N1",),
        "inputs": {"a": [1]}, "answers": (answer,),
    }  # fmt: skip
    return Answered(**(fields | changes))


def names(entries: list[LogEntry]) -> list[str]:
    return [one.request if isinstance(one, Answered | Feedback) else "fuse" for one in entries]


def test_every_kind_of_entry_comes_back_equal_in_the_order_of_the_world(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    feedback = Feedback(at=5, outcomes=(Outcome(label=True, row="F1"),), request="labels")
    fused = Fused(at=5, version="v2", revision=1, reason="broken")
    shadow = entry("b", 5, shadow=True, failures=(Failure(place=0, version="v2", kind="crash"),))
    classes = Answer(
        version="v1", arm="canary", places=(1, 0), features={}, scores=[[0.5, 0.5], [1.0, 0.0]]
    )
    several = entry("c", 7, answers=(classes,), unseen={"carrier": 2}, looked_up=False)
    given: list[LogEntry] = [several, fused, feedback, shadow, entry("b", 5), entry("a", 5)]
    for one in given:
        log.append(one)
    found = LogReader(tmp_path).read()
    assert found == [entry("a", 5), entry("b", 5), shadow, feedback, fused, several]
    assert last_logged(tmp_path) is None  # the folder above is the snapshot's
    log.close()


def test_many_writers_are_read_as_one_and_what_comes_later_is_read_later(tmp_path: Path) -> None:
    logs = [PredictionLog(tmp_path) for _ in range(3)]
    reader = LogReader(tmp_path)
    assert reader.read() == []
    for at in range(9):
        logs[at % 3].append(entry(f"r{at}", 100 - at))
    assert names(reader.read()) == [f"r{at}" for at in reversed(range(9))]
    assert reader.read() == []
    logs[0].append(entry("later"))
    assert reader.behind() > 0
    assert names(reader.read()) == ["later"]
    assert reader.behind() == 0
    assert len(segments(tmp_path)) == 3


def test_a_request_that_two_workers_answered_counts_once(tmp_path: Path) -> None:
    first, second = PredictionLog(tmp_path), PredictionLog(tmp_path)
    reader = LogReader(tmp_path)
    first.append(entry("a", 1))
    second.append(entry("a", 2))
    second.append(entry("a", 2, shadow=True))
    assert [(one.at, getattr(one, "shadow", None)) for one in reader.read()] == [
        (1, False),
        (2, True),
    ]
    second.append(entry("a", 3))
    assert reader.read() == []
    # One that starts where another stopped knows what came before.
    again = LogReader(tmp_path, reader.position)
    first.append(entry("a", 4))
    first.append(entry("b", 4))
    assert names(again.read()) == ["b"]
    assert again.position != reader.position


def test_a_torn_tail_waits_until_it_is_whole_and_spoils_nobody_elses(tmp_path: Path) -> None:
    dead, alive = PredictionLog(tmp_path), PredictionLog(tmp_path)
    dead.append(entry("a"))
    dead.append(entry("b"))
    (path,) = segments(tmp_path)
    content = path.read_bytes()
    os.truncate(path, len(content) - 3)
    reader = LogReader(tmp_path)
    assert names(reader.read()) == ["a"]
    alive.append(entry("c"))
    assert names(reader.read()) == ["c"]
    path.write_bytes(content)
    assert names(reader.read()) == ["b"]


def flip(path: Path, place: int) -> None:
    """Spoil one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)


def test_a_flipped_byte_costs_one_entry_and_is_counted(tmp_path: Path) -> None:
    log = PredictionLog(log_folder(tmp_path))
    for at in range(10):
        log.append(entry(f"r{at}", at))
    (path,) = segments(log_folder(tmp_path))
    size = path.stat().st_size // 10
    reader = LogReader(log_folder(tmp_path))
    assert names(reader.read(2)) == ["r0", "r1"]
    flip(path, 4 * size + size // 2)
    flip(path, 6 * size + 1)  # a length
    assert names(reader.read()) == ["r2", "r3", "r5", "r7", "r8", "r9"]
    assert reader.damaged == 2 * size
    assert reader.behind() == 0
    # One that begins where this stopped knows whose ids came after the damage.
    again = LogReader(log_folder(tmp_path), reader.position)
    log.append(entry("r9", 9))
    log.append(entry("r10", 10))
    assert names(again.read()) == ["r10"]
    assert last_logged(tmp_path) == 10
    assert len(list(newest(log_folder(tmp_path), entries=100, most_bytes=10_000))) == 10


def test_a_damaged_end_is_counted_once_whatever_comes_after_it(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.append(entry("a"))
    log.append(entry("b"))
    (path,) = segments(tmp_path)
    size = path.stat().st_size // 2
    flip(path, 2 * size - 1)
    reader = LogReader(tmp_path)
    assert names(reader.read()) == ["a"]
    assert (reader.damaged, reader.behind()) == (size, 0)
    log.append(entry("c"))
    assert reader.behind() == size
    assert names(reader.read()) == ["c"]
    assert (reader.damaged, reader.behind()) == (size, 0)


def test_what_cannot_be_read_drops_nothing_fresh(tmp_path: Path) -> None:
    """A follower with a bounded backlog skips by what it can read."""
    old = PredictionLog(tmp_path)
    old.append(entry("a"))
    path = segments(tmp_path)[0].rename(tmp_path / "0.log")  # the oldest, though of one millisecond
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"\xff" * 100 * size)
    reader = LogReader(tmp_path)
    fresh = PredictionLog(tmp_path)
    for at in range(5):
        fresh.append(entry(str(at), at))
    assert names(list(reader.skip(6 * size))) == ["a"]
    assert names(reader.read()) == ["0", "1", "2", "3", "4"]
    assert reader.behind() == 0
    for at in range(5, 8):
        fresh.append(entry(str(at), at))
    assert list(reader.skip(4 * size)) == []
    assert len(reader.read()) == 3
    assert reader.damaged == 100 * size


def test_what_a_server_noted_of_itself_is_no_instant_of_the_world(tmp_path: Path) -> None:
    log = PredictionLog(log_folder(tmp_path))
    log.append(Fused(at=2**60, version="v2", revision=1, reason="broken"))
    assert last_logged(tmp_path) is None
    log.append(entry("a", 7))
    assert last_logged(tmp_path) == 7


def test_reading_a_part_leaves_the_rest(tmp_path: Path) -> None:
    logs = [PredictionLog(tmp_path) for _ in range(2)]
    for at in range(10):
        logs[at % 2].append(entry(f"r{at}", at))
    reader = LogReader(tmp_path)
    found: list[str] = []
    while part := reader.read(3):
        assert len(part) <= 3
        found += names(part)
    assert sorted(found) == [f"r{at}" for at in range(10)]


def test_skipping_passes_over_the_oldest(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    for at in range(100):
        log.append(entry(f"r{at}", at))
    reader = LogReader(tmp_path)
    size = reader.behind()
    passed = list(reader.skip(size // 4))
    assert size // 4 >= reader.behind() > size // 5
    rest = reader.read()
    assert names(passed) + names(rest) == [f"r{at}" for at in range(100)]
    assert list(reader.skip(0)) == []


def test_what_shadows_answered_can_be_left_out(tmp_path: Path) -> None:
    PredictionLog(tmp_path).append(entry("a"))
    PredictionLog(tmp_path, shadow=True).append(entry("a", shadow=True))
    assert len(LogReader(tmp_path).read()) == 2
    assert LogReader(tmp_path, shadows=False).read() == [entry("a")]


def test_a_segment_is_closed_when_it_is_full(tmp_path: Path) -> None:
    log = PredictionLog(log_folder(tmp_path), segment_bytes=1_000)
    for at in range(50):
        log.append(entry(f"r{at:02}", at))
    paths = segments(log_folder(tmp_path))
    assert len(paths) > 5
    assert all(path.stat().st_size < 1_300 for path in paths)
    assert log_bytes(log_folder(tmp_path)) == sum(path.stat().st_size for path in paths)
    assert names(LogReader(log_folder(tmp_path)).read()) == [f"r{at:02}" for at in range(50)]
    assert last_logged(tmp_path) == 49
    assert len(list(newest(log_folder(tmp_path), entries=10, most_bytes=10_000))) < 20


def test_the_newest_entries_come_last(tmp_path: Path) -> None:
    """However the segments are named: an old worker may write later than a young one."""
    old, young = PredictionLog(tmp_path), PredictionLog(tmp_path)
    for at in range(5):
        old.append(entry(f"old{at}", at))
    for at in range(50):
        young.append(entry(f"young{at}", at))
    large, small = sorted(segments(tmp_path), key=lambda path: -path.stat().st_size)
    os.utime(large, (1, 1))
    os.utime(small, (2, 2))
    decode = msgspec.msgpack.Decoder(Answered).decode
    found = [decode(one).request for one in newest(tmp_path, entries=10, most_bytes=10_000)]
    assert found == [*(f"young{at}" for at in range(40, 50)), *(f"old{at}" for at in range(5))]


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageFullError, match="cannot be written"):
        PredictionLog(tmp_path / "file")


VICTIM = """
import os, sys
from pathlib import Path
from lapwise.core.prediction import Feedback
from lapwise.serving import PredictionLog
log = PredictionLog(Path(sys.argv[1]))
for turn in range(5000):
    log.append(Feedback(at=turn, outcomes=(), request=str(turn)))
    os.write(1, f"{turn}\\n".encode())
os.kill(os.getpid(), 9)
"""


def test_what_was_appended_outlives_kill_9(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", VICTIM, str(tmp_path)], stdout=subprocess.PIPE, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert names(LogReader(tmp_path).read()) == done.stdout.decode().split()


def test_a_table_has_one_row_a_prediction() -> None:
    answers = (
        Answer(version="v1", arm="production", places=(0, 2), features={"x": [1.5, None]},
               scores=[0.25, 0.5]),
        Answer(version="v2", arm="canary", places=(1,), features={"y": ["t"]}, scores=[0.75]),
    )  # fmt: skip
    several = entry(
        "q", 9, rows=("F0", "F1", "F2"), units=(), inputs={"a": [1, 2, None]}, answers=answers
    )
    given = entry("g", 9, inputs={}, looked_up=False)
    frame = prediction_frame([several, Feedback(at=1, outcomes=()), given])
    assert frame["prediction_id"].to_list() == ["q.0", "q.2", "q.1", "g.0"]
    assert frame["row"].to_list() == ["F0", "F2", "F1", "F1"]
    assert frame["unit"].to_list() == ["", "", "", "N1"]
    assert frame["arm"].to_list() == ["production", "production", "canary", "production"]
    assert frame["score"].to_list() == [0.25, 0.5, 0.75, 0.25]
    assert frame["input:a"].to_list() == [1, None, 2, None]
    assert frame["feature:x"].to_list() == [1.5, None, None, 1.5]
    assert frame["feature:y"].to_list() == [None, None, "t", None]
    assert prediction_frame([]).height == 0
