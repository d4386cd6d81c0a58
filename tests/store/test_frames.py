"""Frames come back whole and in order; a torn or flipped one ends the reading, or is passed over."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.store.frames import (
    FRAME_BYTES,
    append_frame,
    frame_start,
    is_torn,
    read_frames,
    read_sound_frames,
)


def opened(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.integers(16, 400))
def test_what_was_appended_is_read_from_any_frame_on(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], chunk: int
) -> None:
    """Whatever is read at once, and wherever the reading begins."""
    fd = opened(tmp_path_factory.mktemp("frames") / "file")
    sizes = [append_frame(fd, payload) for payload in payloads]
    found = list(read_frames(fd, chunk=chunk))
    assert [payload for payload, _ in found] == payloads
    assert [end for _, end in found] == [sum(sizes[: at + 1]) for at in range(len(sizes))]
    for at, (_, end) in enumerate(found):
        assert [payload for payload, _ in read_frames(fd, end, chunk=chunk)] == payloads[at + 1 :]
        assert len(list(read_frames(fd, upto=end, chunk=chunk))) == at + 1
    os.close(fd)


def test_reading_stops_before_a_torn_frame_and_goes_on_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    fd = opened(path)
    whole = append_frame(fd, b"first")
    append_frame(fd, b"second")
    content = path.read_bytes()
    for length in range(whole, len(content)):
        os.ftruncate(fd, length)
        assert list(read_frames(fd)) == [(b"first", whole)]
    os.ftruncate(fd, whole)
    os.write(fd, content[whole:])
    assert [payload for payload, _ in read_frames(fd, whole)] == [b"second"]
    os.close(fd)


def test_a_flipped_bit_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "file"
    fd = opened(path)
    end = append_frame(fd, b"first")
    append_frame(fd, b"second")
    content = path.read_bytes()
    for place in range(end, len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert [payload for payload, _ in read_frames(fd)] == [b"first"]
    os.close(fd)


def test_behind_a_damaged_frame_the_reading_goes_on(tmp_path: Path) -> None:
    """Whichever byte of it is flipped: of its length, its sum or its payload."""
    path = tmp_path / "file"
    fd = opened(path)
    payloads = [os.urandom(200) for _ in range(6)]
    ends = [append_frame(fd, payload) for payload in payloads]
    content = path.read_bytes()
    for place in range(ends[0], ends[0] + ends[1]):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        found = list(read_sound_frames(fd))
        assert [payload for payload, _ in found] == [payloads[0], *payloads[2:]]
        assert frame_start(*found[1]) == ends[0] + ends[1]
    os.close(fd)


def test_what_a_damaged_payload_holds_is_no_frame(tmp_path: Path) -> None:
    """A caller may put into a request what looks like one."""
    path = tmp_path / "file"
    forging = opened(tmp_path / "other")
    append_frame(forging, b"forged")
    fd = opened(path)
    append_frame(fd, b"before" + (tmp_path / "other").read_bytes() + b"after")
    append_frame(fd, b"sound")
    changed = bytearray(path.read_bytes())
    changed[9] ^= 1
    path.write_bytes(changed)
    assert [payload for payload, _ in read_sound_frames(fd)] == [b"sound"]
    for one in (fd, forging):
        os.close(one)


def test_a_torn_end_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    fd = opened(path)
    begin = append_frame(fd, b"first")
    append_frame(fd, b"second")
    content = path.read_bytes()
    for length in range(begin, len(content)):
        path.write_bytes(content[:length])
        assert [payload for payload, _ in read_sound_frames(fd)] == [b"first"]
        assert is_torn(fd, begin, length)
    path.write_bytes(content[:-1] + b"?")
    assert [payload for payload, _ in read_sound_frames(fd)] == [b"first"]
    assert not is_torn(fd, begin, len(content))
    os.close(fd)


def test_a_large_damaged_stretch_is_passed_over_in_bounded_time(tmp_path: Path) -> None:
    path = tmp_path / "file"
    fd = opened(path)
    append_frame(fd, b"first")
    os.write(fd, b"\0" * 4_000_000 + os.urandom(200_000))
    for _ in range(40):
        append_frame(fd, os.urandom(500_000))
    found = [len(payload) for payload, _ in read_sound_frames(fd)]
    assert found == [5, *[500_000] * 40]
    os.close(fd)


def test_a_payload_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    fd = opened(tmp_path / "file")
    with pytest.raises(ValueError, match="the limit"):
        append_frame(fd, b"x" * (FRAME_BYTES + 1))
    assert os.fstat(fd).st_size == 0
    os.close(fd)


FULL = """
import os, sys
from lapwise.store.frames import append_frame
fd = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR | os.O_APPEND)
kept = 0
for size in [400] * 20 + [1] * 20:
    try:
        append_frame(fd, b"x" * size)
        kept += 1
    except OSError:
        pass
print(kept)
"""


def test_a_full_disk_leaves_no_torn_frame_behind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL, str(path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        check=True,
    )
    fd = opened(path)
    found = list(read_frames(fd))
    assert len(found) == int(done.stdout)
    assert found[-1][1] == path.stat().st_size
    os.close(fd)
