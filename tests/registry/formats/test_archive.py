from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import numpy as np
import pytest

from lapwise.core.errors import ModelError
from lapwise.registry.formats.archive import members_of, read_array_header
from lapwise.registry.formats.skops import load

GOOD = "0" * 32 + ".npy"


def written(fill: Callable[[zipfile.ZipFile], None]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("schema.json", "{}")
        fill(archive)
    return target.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../" + GOOD,
        "/etc/passwd",
        "..\\" + GOOD,
        "C:\\x.npy",
        "folder/" + GOOD,
        "a.npy",
        GOOD + "/",
        GOOD[:-4] + ".npy.pkl",
        GOOD.upper().replace("0", "A"),
        "%2e%2e/" + GOOD,
        "é" + GOOD[1:],
    ],
)
def test_a_name_that_is_not_by_content_is_refused(name: str) -> None:
    """Folders, `..`, absolute, encoded or foreign names never reach a reader."""
    content = written(lambda archive: archive.writestr(name, b""))
    with pytest.raises(ModelError, match="strange name"):
        load(content)


def test_a_name_cut_by_nul_is_refused() -> None:
    """Python would show the part before the NUL byte only."""
    other = "0" * 36 + "X"
    content = written(lambda archive: archive.writestr(other, b""))
    content = content.replace(other.encode(), GOOD.encode() + b"\x00")
    with pytest.raises(ModelError, match="strange name"):
        load(content)


@pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile warns the attacker
def test_a_member_twice_is_refused() -> None:
    """Two readers could see two contents under one name."""

    def twice(archive: zipfile.ZipFile) -> None:
        archive.writestr(GOOD, b"1")
        archive.writestr(GOOD, b"2")

    with pytest.raises(ModelError, match="a member twice"):
        load(written(twice))


def test_a_bomb_is_refused_unread() -> None:
    """100 MB of zeros in 100 kB: refused because members are stored, never inflated."""

    def bomb(archive: zipfile.ZipFile) -> None:
        archive.writestr(GOOD, bytes(100_000_000), zipfile.ZIP_DEFLATED)

    content = written(bomb)
    assert len(content) < 200_000
    with pytest.raises(ModelError, match="compressed member"):
        load(content)


def test_a_size_that_cannot_be_is_refused() -> None:
    """A directory that promises more bytes than the file has."""
    content = written(lambda archive: archive.writestr(GOOD, b"1234"))
    lie = (10**9).to_bytes(4, "little")
    content = content.replace((4).to_bytes(4, "little") * 2, lie * 2)
    with pytest.raises(ModelError, match=r"cannot be|not a model"):
        load(content)


def test_a_link_is_refused() -> None:
    """A symbolic link is not a member."""

    def link(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(GOOD)
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")

    with pytest.raises(ModelError, match="a link"):
        load(written(link))


def test_an_archive_without_description_is_refused() -> None:
    """There is nothing to review."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(GOOD, b"")
    with zipfile.ZipFile(target) as archive, pytest.raises(ModelError, match="no description"):
        members_of(archive)


def saved(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.save(target, array)
    return target.getvalue()


def test_an_array_says_its_size() -> None:
    """Shape and type come from the header alone."""
    shape, dtype, offset = read_array_header(saved(np.zeros((3, 2), dtype="f4")))
    assert (shape, dtype, offset % 64) == ((3, 2), np.dtype("f4"), 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY\x01\x00\x00\x00",
        b"\x93NUMPY\x09\x00v\x00" + b"{" * 118,
        saved(np.zeros(3))[:-1],
        saved(np.zeros(3)) + b"more",
        saved(np.zeros(3)).replace(b"(3,)", b"(9,)"),
        saved(np.zeros(3)).replace(b"'<f8'", b"__im("),
    ],
)
def test_an_array_that_lies_is_refused(content: bytes) -> None:
    """Cut, longer, of another shape, of a strange version, or code in the header."""
    with pytest.raises(ModelError):
        read_array_header(content)
