"""Equal installations have equal digests, on every machine; others do not."""

from pathlib import Path

import pytest

from lapwise.tracking import package_content
from lapwise.tracking.model import Package
from lapwise.tracking.package_content import installed_content

FILES = "one/__init__.py,sha256=aaa,3\none/more.py,sha256=bbb,4\n"


def place(folder: Path, record: str) -> Path:
    info = folder / "one-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text(record)
    return folder


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "list[Package]":
    packages: list[Package] = []
    monkeypatch.setattr(package_content, "installed_packages", lambda: packages)
    return packages


def content(found: list[Package], folder: Path, root: Path) -> Package:
    found[:] = [Package(name="one", version="1.0", place=str(folder / "one-1.0.dist-info"))]
    (package,) = installed_content(root)
    return package


def test_only_what_was_installed_counts(found: list[Package], tmp_path: Path) -> None:
    """Not the order of the list, bytecode, scripts that name an interpreter, or the installer."""
    extra = (
        "one/__pycache__/more.cpython-311.pyc,,\n../../../bin/one,sha256=ccc,9\n"
        "one-1.0.dist-info/INSTALLER,sha256=ddd,4\none-1.0.dist-info/RECORD,,\n"
    )
    here = place(tmp_path / "here", FILES)
    there = place(tmp_path / "there", extra + "\n".join(reversed(FILES.splitlines())))
    other = place(tmp_path / "other", FILES.replace("aaa", "xxx"))
    same = content(found, here, tmp_path).content
    assert len(same) == 32
    assert content(found, there, tmp_path).content == same
    assert content(found, other, tmp_path).content != same


def test_a_list_is_read_again_only_when_it_changed(
    found: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache outlives the process, and a damaged one is no harm."""
    read: list[str] = []
    reading = package_content._read

    def counted(where: str, listed: str) -> tuple[str, bool]:
        read.append(listed)
        return reading(where, listed)

    monkeypatch.setattr(package_content, "_read", counted)
    here = place(tmp_path / "here", FILES)
    first = content(found, here, tmp_path)
    assert content(found, here, tmp_path) == first
    assert len(read) == 1
    (here / "one-1.0.dist-info" / "RECORD").write_text(FILES + "one/new.py,sha256=eee,1\n")
    assert content(found, here, tmp_path) != first
    assert len(read) == 2
    (tmp_path / ".lapwise" / "cache" / "packages").write_bytes(b"\xc1")
    content(found, here, tmp_path)
    assert len(read) == 3


def test_a_folder_of_somebodys_is_marked(found: list[Package], tmp_path: Path) -> None:
    here = place(tmp_path / "here", "one.pth,sha256=aaa,3\n")
    direct = '{"url": "file:///x", "dir_info": {"editable": true}}'
    (here / "one-1.0.dist-info" / "direct_url.json").write_text(direct)
    assert content(found, here, tmp_path).editable


def test_what_has_no_list_has_no_digest(found: list[Package], tmp_path: Path) -> None:
    assert content(found, tmp_path, tmp_path).content == ""
