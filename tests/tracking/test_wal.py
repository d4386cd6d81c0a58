"""The log keeps what it was given, in batches that follow from its bytes alone."""

import os
import resource
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapwise.core.errors import StorageFullError, TrackingError
from lapwise.store.frames import FRAME_BYTES
from lapwise.tracking import wal
from lapwise.tracking.wal import (
    Batch,
    Begin,
    Cut,
    End,
    Entry,
    LogReader,
    LogWriter,
    MetricsEntry,
    ParamsEntry,
    TagsEntry,
)

BEGIN = Begin("run", "store", 0)


def read(path: Path) -> tuple[list[Batch], bool]:
    """Return all batches of a log without a writer, and whether its end is damaged."""
    reader = LogReader(path)
    batches = []
    while (batch := reader.next(rest=True)) is not None:
        batches.append(batch)
    reader.close()
    return batches, reader.damaged


def entries(batches: list[Batch]) -> list[Entry]:
    return [entry for batch in batches for entry in batch.entries]


def metric(step: int, size: int = 1) -> MetricsEntry:
    return MetricsEntry(step, step, {"m" * size: 0.5})


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    """Every kind of entry comes back equal and in order, infinities and NaN included."""
    writer = LogWriter(tmp_path, BEGIN)
    given_entries: list[Entry] = [
        MetricsEntry(5, -3, {"a": float("inf"), "ü": -0.0}),
        ParamsEntry({"lr": 0.1, "n": 3, "on": True, "text": "x", "none": None}),
        TagsEntry({"k": "v"}),
        End("finished", 9),
    ]
    for entry in given_entries:
        writer.write(entry)
    writer.write(MetricsEntry(6, 0, {"nan": float("nan")}))
    writer.close()
    *found, last = entries(read(writer.path)[0])
    assert found == [BEGIN, *given_entries]
    assert isinstance(last, MetricsEntry)
    assert last.values["nan"] != last.values["nan"]


def test_a_torn_last_frame_is_left_out_and_told(tmp_path: Path) -> None:
    """Cut anywhere inside the last frame, the log gives all before it and says it is damaged."""
    writer = LogWriter(tmp_path, BEGIN)
    writer.write(metric(1))
    whole = writer.size
    writer.write(metric(2))
    size = writer.size
    writer.close()
    for length in range(whole, size):
        os.truncate(writer.path, length)
        batches, damaged = read(writer.path)
        assert entries(batches) == [BEGIN, metric(1)]
        assert damaged is (length > whole)


def test_a_flipped_byte_ends_the_log_there(tmp_path: Path) -> None:
    """A frame whose checksum fails is never decoded."""
    writer = LogWriter(tmp_path, BEGIN)
    writer.write(metric(1))
    writer.close()
    content = bytearray(writer.path.read_bytes())
    content[-3] ^= 0x40
    writer.path.write_bytes(content)
    batches, damaged = read(writer.path)
    assert entries(batches) == [BEGIN]
    assert damaged


@settings(max_examples=60)
@given(
    script=st.lists(st.one_of(st.none(), st.integers(1, 90_000)), max_size=14),
    keep=st.floats(0, 1),
)
def test_a_prefix_has_the_same_batches(
    script: list[int | None], keep: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After a loss of the end, batches with the same number hold the same entries or fewer."""
    writer = LogWriter(tmp_path_factory.mktemp("wal"), BEGIN)
    for step, size in enumerate(script):
        writer.write(Cut() if size is None else metric(step, size))
    size = writer.size
    writer.close()
    full, damaged = read(writer.path)
    assert not damaged
    assert len(entries(full)) == 1 + sum(one is not None for one in script)
    assert all(batch.entries for batch in full)
    os.truncate(writer.path, int(size * keep))
    part, _ = read(writer.path)
    for mine, theirs in zip(part[:-1], full, strict=False):
        assert mine == theirs
    if part:
        last = full[part[-1].number]
        assert last.entries[: len(part[-1].entries)] == part[-1].entries


def test_a_batch_is_bounded(tmp_path: Path) -> None:
    """However long the log, a batch holds 256 KiB and at most one frame more."""
    writer = LogWriter(tmp_path, BEGIN)
    for step in range(20_000):
        writer.write(metric(step, 50))
    writer.close()
    batches, _ = read(writer.path)
    ends = [0, *(batch.end for batch in batches)]
    assert len(batches) > 4
    assert max(b - a for a, b in pairwise(ends)) < wal.BATCH_BYTES + 100


def test_a_living_log_gives_complete_batches_only(tmp_path: Path) -> None:
    """Without a cut there is no batch; with one there is, and it is not given again."""
    writer = LogWriter(tmp_path, BEGIN)
    reader = LogReader(writer.path)
    assert reader.next(upto=writer.size) is None
    writer.write(metric(1))
    writer.cut()
    writer.cut()
    batch = reader.next(upto=writer.size)
    assert batch is not None
    assert batch.entries == (BEGIN, metric(1))
    assert reader.next(upto=writer.size) is None
    assert reader.offset == writer.size
    reader.close()
    writer.close()


def test_a_sealed_log_takes_no_more(tmp_path: Path) -> None:
    """After the seal an append raises, and the last entry is the end."""
    writer = LogWriter(tmp_path, BEGIN)
    writer.seal(End("failed", 1))
    writer.seal(End("finished", 2))
    with pytest.raises(TrackingError, match="ended"):
        writer.write(metric(1))
    assert entries(read(writer.path)[0]) == [BEGIN, End("failed", 1)]
    writer.close()


def test_threads_never_mix_frames(tmp_path: Path) -> None:
    """Frames of eight threads are all there, each whole, in each thread's order."""
    writer = LogWriter(tmp_path, BEGIN)

    def work(thread: int) -> None:
        for step in range(500):
            writer.write(MetricsEntry(thread, step, {"x" * (step % 70 + 1): 1.0}))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    batches, damaged = read(writer.path)
    assert not damaged
    found = [entry for entry in entries(batches) if isinstance(entry, MetricsEntry)]
    for thread_number in range(8):
        steps = [entry.step for entry in found if entry.at == thread_number]
        assert steps == list(range(500))


FULL = """
import sys
from pathlib import Path
from lapwise.tracking.wal import Begin, LogWriter, MetricsEntry
writer = LogWriter(Path(sys.argv[1]), Begin("run", "store", 0))
kept = 0
for size in [400] * 20 + [1] * 20:
    try:
        writer.write(MetricsEntry(0, kept, {"m" * size: 1.0}))
        kept += 1
    except OSError:
        pass
print(kept)
"""


def test_a_full_disk_leaves_no_torn_frame_behind(tmp_path: Path) -> None:
    """What does not fit is refused whole, and what fits afterwards is readable."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL, str(tmp_path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        check=True,
    )
    (path,) = tmp_path.glob("*.wal")
    batches, damaged = read(path)
    assert not damaged
    steps = [entry.step for entry in entries(batches) if isinstance(entry, MetricsEntry)]
    assert steps == list(range(int(done.stdout)))
    assert 9 < len(steps) < 40


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """A log under a file that is no folder raises StorageFullError and leaves nothing."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageFullError, match="log cannot be written"):
        LogWriter(tmp_path / "file", BEGIN)


def test_an_entry_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    """An entry larger than a frame may be raises ValueError and leaves the log as it was."""
    writer = LogWriter(tmp_path, BEGIN)
    size = writer.size
    with pytest.raises(ValueError, match="the limit"):
        writer.write(TagsEntry({"k": "x" * (FRAME_BYTES + 1)}))
    assert writer.size == size
    writer.close()
